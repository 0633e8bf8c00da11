"""Published data sets, read in torchvision's layout or, where it lies there, in the Hugging Face hub's parquet.

Nothing is downloaded but by `fetch`. Whether a data set is there is answered from file names, without torch.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.hub import open_shards
from bench.data.pictures import fit_pictures
from bench.data.sets import DataSet, Part
from bench.data.subsets import stratified_cut
from bench.errors import InputError


@dataclass(frozen=True)
class Publication:
    """Where a data set lies under the data folder, in either layout."""

    torchvision_class: str
    marker: str
    """a path that torchvision's download leaves"""
    flip: bool
    num_classes: int
    num_train: int
    """images of the published training part, a tenth of each class of which validates"""
    num_test: int


PUBLISHED = {
    "cifar10": Publication("CIFAR10", "cifar-10-batches-py", True, 10, 50_000, 10_000),
    "cifar100": Publication("CIFAR100", "cifar-100-python", True, 100, 50_000, 10_000),
    "fashion-mnist": Publication("FashionMNIST", "FashionMNIST/raw/train-images-idx3-ubyte", True, 10, 60_000, 10_000),
}


def open_published(name: str, data_dir: Path) -> DataSet:
    """Return a published data set; validation is a tenth of each class of its training part."""
    check_published(name, data_dir)
    train, test = _open_part(name, data_dir, "train"), _open_part(name, data_dir, "test")
    num_train = len(train.labels)
    labels = np.concatenate([train.labels, test.labels])
    cut = stratified_cut(labels, np.arange(num_train), 1, 10, name, "validation")

    def read(indices: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        images = np.empty((len(indices), 3, image_size, image_size), dtype=np.uint8)
        in_train = indices < num_train
        images[in_train] = train.read(indices[in_train], image_size)
        images[~in_train] = test.read(indices[~in_train] - num_train, image_size)
        return images

    test_indices = np.arange(num_train, len(labels))
    return DataSet(labels, cut.rest, cut.taken, test_indices, train.class_names, PUBLISHED[name].flip, read)


def check_published(name: str, data_dir: Path) -> None:
    """Refuse a data set that is not in the data folder, with the command that would fetch it."""
    if (data_dir / PUBLISHED[name].marker).exists():
        return
    found = {part: _hub_files(name, data_dir, part) for part in ("train", "test")}
    missing = [part for part, files in found.items() if not files]
    if missing:
        raise InputError(
            f"{name}: not found in {data_dir} (looked for {PUBLISHED[name].marker} and "
            f"{name}/**/{missing[0]}-*.parquet); fetch it with: bench data fetch {name} --data {data_dir}"
        )


def fetch(name: str, data_dir: Path) -> None:
    """Download a data set from its publisher through torchvision, which checks its sums."""
    import torchvision

    try:
        getattr(torchvision.datasets, PUBLISHED[name].torchvision_class)(data_dir, download=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{name}: could not be fetched into {data_dir} ({_one_line(error)}); check the network and that the "
            f"folder can be written, or put the publisher's files at {data_dir / PUBLISHED[name].marker} yourself"
        ) from error


def _open_part(name: str, data_dir: Path, part: str) -> Part:
    """Return the training or the test part, from the publisher's own files where both layouts are there."""
    if (data_dir / PUBLISHED[name].marker).exists():
        return _torchvision_part(name, data_dir, part)
    return open_shards(_hub_files(name, data_dir, part))


def _torchvision_part(name: str, data_dir: Path, part: str) -> Part:
    """Read a part with torchvision's own reader."""
    import torchvision

    reader = getattr(torchvision.datasets, PUBLISHED[name].torchvision_class)
    try:
        data = reader(data_dir, train=part == "train")
    except (OSError, RuntimeError, ValueError, AssertionError, EOFError) as error:
        raise InputError(
            f"{name}: the files at {data_dir / PUBLISHED[name].marker} are damaged ({_one_line(error)}); "
            f"remove them, then: bench data fetch {name} --data {data_dir}"
        ) from error
    arrays, labels = np.asarray(data.data), np.asarray(data.targets, dtype=np.int64)
    return Part(labels, lambda indices, size: fit_pictures(arrays[indices], size), tuple(data.classes))


def _one_line(error: Exception) -> str:
    """Return what an error says, on one line."""
    return " ".join(str(error).split())


def _hub_files(name: str, data_dir: Path, part: str) -> list[Path]:
    """Return the shards of a part, in order."""
    return sorted((data_dir / name).glob(f"**/{part}-*.parquet"))
