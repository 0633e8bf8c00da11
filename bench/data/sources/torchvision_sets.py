"""Published data sets, read in torchvision's layout or, where it lies there, in the Hugging Face hub's parquet.

Nothing is downloaded but by `fetch`. Whether a data set is there is answered from file names, without torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.data.dataset import DataSet, Part
from bench.data.sources import checksums
from bench.data.sources import torchvision_layouts as layouts
from bench.data.sources.assemble import Carving, assemble
from bench.data.sources.checksums import WrongSum
from bench.data.sources.hub_parquet import open_parts
from bench.errors import InputError

Arguments = Mapping[str, Mapping[str, Any]]
BY_FLAG: Arguments = {"train": {"train": True}, "test": {"train": False}}
BY_SPLIT: Arguments = {"train": {"split": "train"}, "test": {"split": "test"}}


@dataclass(frozen=True)
class Publication:
    """Where a data set lies under the data folder, and how torchvision reads it."""

    torchvision_class: str
    markers: tuple[str, ...]
    """paths that torchvision's download leaves"""
    flip: bool
    part_of: Callable[[Any, Path], Part]
    """what torchvision's object and the folder of its files give"""
    arguments: Arguments
    """what torchvision's class takes for each part that is published"""
    root: str = ""
    """the folder below the data folder that torchvision is given"""
    is_in_hub_order: bool = False
    """whether the hub's parquet has the publisher's images in the publisher's order, so that ids mean the same"""
    validation_a_class: int | None = None
    """images of each class that validate; None is a tenth, where no validation part is published"""
    archives: tuple[str, ...] = ()
    """what its publisher gives to registered users only, and torchvision unpacks"""


PUBLISHED = {
    "mnist": Publication("MNIST", ("MNIST/raw/train-images-idx3-ubyte",), False, layouts.images_and_targets, BY_FLAG),
    "fashion-mnist": Publication(
        "FashionMNIST",
        ("FashionMNIST/raw/train-images-idx3-ubyte",),
        True,
        layouts.images_and_targets,
        BY_FLAG,
        is_in_hub_order=True,
    ),
    "cifar10": Publication(
        "CIFAR10", ("cifar-10-batches-py",), True, layouts.images_and_targets, BY_FLAG, is_in_hub_order=True
    ),
    "cifar100": Publication(
        "CIFAR100", ("cifar-100-python",), True, layouts.images_and_targets, BY_FLAG, is_in_hub_order=True
    ),
    "svhn": Publication(
        "SVHN",
        ("svhn/train_32x32.mat", "svhn/test_32x32.mat"),
        False,
        layouts.channels_first,
        BY_SPLIT,
        root="svhn",
    ),
    "stl10": Publication("STL10", ("stl10_binary",), True, layouts.channels_first, BY_SPLIT),
    "flowers102": Publication(
        "Flowers102",
        ("flowers-102/setid.mat", "flowers-102/imagelabels.mat", "flowers-102/jpg"),
        True,
        layouts.listed_files,
        {**BY_SPLIT, "validation": {"split": "val"}},
    ),
    "oxford-pets": Publication(
        "OxfordIIITPet",
        ("oxford-iiit-pet/annotations", "oxford-iiit-pet/images"),
        True,
        layouts.listed_files,
        {"train": {"split": "trainval"}, "test": {"split": "test"}},
    ),
    "food101": Publication("Food101", ("food-101/meta", "food-101/images"), True, layouts.listed_files, BY_SPLIT),
    "imagenet": Publication(
        "ImageNet",
        ("imagenet/meta.bin", "imagenet/train", "imagenet/val"),
        True,
        layouts.class_folders,
        {"train": {"split": "train"}, "test": {"split": "val"}},
        root="imagenet",
        validation_a_class=10,
        archives=("ILSVRC2012_devkit_t12.tar.gz", "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"),
    ),
}


def open_published(name: str, data_dir: Path) -> DataSet:
    """Return a published data set; validation is carved from its training part unless it comes with one."""
    check_published(name, data_dir)
    publication = PUBLISHED[name]
    parts = _open_parts(name, data_dir)
    carving = Carving(name, publication.validation_a_class)
    return assemble(
        parts["train"],
        parts["test"],
        parts.get("validation"),
        carving=carving,
        place=f"{name} in {data_dir}",
        flip=publication.flip,
    )


def check_published(name: str, data_dir: Path) -> None:
    """Refuse a data set that is not in the data folder, with the command that would fetch it."""
    publication = PUBLISHED[name]
    absent = _absent(name, data_dir)
    if absent is None:
        return
    looked_for = absent
    if publication.is_in_hub_order:
        missing = [part for part in publication.arguments if not _hub_files(name, data_dir, part)]
        if not missing:
            return
        looked_for = f"{absent} and {name}/**/{missing[0]}-*.parquet"
    raise InputError(
        f"{name}: not found in {data_dir} (looked for {looked_for}); "
        f"fetch it with: bench data fetch {name} --data {data_dir}"
    )


def fetch(name: str, data_dir: Path) -> None:
    """Download a data set from its publisher through torchvision, which checks its sums; or unpack what was placed.

    Raises:
        InputError: no network, a sum that differs, or archives that only their publisher's users get are missing.
    """
    import torchvision

    publication, root = PUBLISHED[name], data_dir / PUBLISHED[name].root
    if publication.archives and _absent(name, data_dir) is not None:
        _check_archives(name, root)
    reader = getattr(torchvision.datasets, publication.torchvision_class)
    download = {} if publication.archives else {"download": True}
    try:
        for arguments in publication.arguments.values():
            reader(root, **arguments, **download)
    except layouts.DAMAGE as error:
        if wrong := wrong_sums(name, data_dir):
            raise InputError(
                f"{'; '.join(map(str, wrong))} ({_one_line(error)}); "
                f"remove it, then: bench data fetch {name} --data {data_dir}"
            ) from error
        raise InputError(
            f"{name}: could not be fetched into {data_dir} ({_one_line(error)}); check the network and that the "
            f"folder can be written, or put the publisher's files at {data_dir / publication.markers[0]} yourself"
        ) from error


def wrong_sums(name: str, data_dir: Path) -> list[WrongSum]:
    """Return the files, archives among them, that are not what the publisher gave; what is absent is not wrong."""
    import torchvision

    publication = PUBLISHED[name]
    reader = getattr(torchvision.datasets, publication.torchvision_class)
    return checksums.wrong_sums(reader, data_dir / publication.root)


def _check_archives(name: str, root: Path) -> None:
    """Refuse to unpack what is not there, and say how it gets there."""
    missing = [archive for archive in PUBLISHED[name].archives if not (root / archive).is_file()]
    if missing:
        raise InputError(
            f"{name}: cannot be downloaded without its publisher's consent; register at https://image-net.org, put "
            f"{', '.join(PUBLISHED[name].archives)} into {root} (missing there: {', '.join(missing)}), "
            "and give this command again: it checks their sums and unpacks them"
        )


def _absent(name: str, data_dir: Path) -> str | None:
    """Return the first path of torchvision's layout that is not there."""
    return next((marker for marker in PUBLISHED[name].markers if not (data_dir / marker).exists()), None)


def _open_parts(name: str, data_dir: Path) -> dict[str, Part]:
    """Return the published parts, from the publisher's own files where both layouts are there."""
    published = PUBLISHED[name].arguments
    if _absent(name, data_dir) is None:
        return {part: _torchvision_part(name, data_dir, part) for part in published}
    return open_parts({part: _hub_files(name, data_dir, part) for part in published})


def _torchvision_part(name: str, data_dir: Path, part: str) -> Part:
    """Read a part with torchvision's own reader."""
    import torchvision

    publication, root = PUBLISHED[name], data_dir / PUBLISHED[name].root
    try:
        data = getattr(torchvision.datasets, publication.torchvision_class)(root, **publication.arguments[part])
        return publication.part_of(data, data_dir / Path(publication.markers[0]).parts[0])
    except InputError:
        raise
    except layouts.DAMAGE as error:
        raise InputError(
            f"{name}: the files at {data_dir / publication.markers[0]} are damaged ({_one_line(error)}); "
            f"remove them, then: bench data fetch {name} --data {data_dir}"
        ) from error


def _one_line(error: Exception) -> str:
    """Return what an error says, on one line."""
    return " ".join(str(error).split())


def _hub_files(name: str, data_dir: Path, part: str) -> list[Path]:
    """Return the shards of a part, in order."""
    return sorted((data_dir / name).glob(f"**/{part}-*.parquet"))
