"""What can be a target, or a corpus of real images: built-in data sets by name, and sources such as `folder:PATH`.

To add a built-in data set, add one entry to `CATALOGUE`. To add a kind of source, add one to `SOURCES`.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.analysis.targets import ARRANGEMENT
from bench.data.dataset import DataSet, ImageSet, is_single_colour
from bench.data.formula import Difficulty, Formula, check_image_size
from bench.data.fractals import arrangement, heldout
from bench.data.fractals.source import FRACTALS
from bench.data.sources import folder, huggingface, parquet, tar_paths, torchvision_sets, webdataset
from bench.data.sources import torchvision_layouts as layouts
from bench.data.sources.groups import name_pattern
from bench.data.sources.torchvision_sets import BY_FLAG, BY_SPLIT, PublishedFiles
from bench.data.strokes.stroke_corpus import STROKES
from bench.errors import InputError
from models.spec.model_error import did_you_mean

MAX_CACHED_BYTES = 2**30
"""Upper limit of the memory that an open data set uses for decoded images of one size."""


class SplitSizes(NamedTuple):
    """The sizes of a data set."""

    classes: int
    pool: int
    """Number of images that may be trained on."""
    validation: int
    test: int


@dataclass(frozen=True)
class BuiltIn:
    """The facts about a built-in data set that are known without opening it."""

    summary: str
    sizes: SplitSizes
    published: PublishedFiles | None = None
    """Its files in the data folder; None if it needs no files."""
    open: Callable[[], DataSet] | None = None
    """Function that opens a data set that needs no files."""
    flip: bool = True
    """Whether a mirrored image keeps its class."""
    augmentable: bool = True
    """Whether augmented images keep their class."""
    formula: Formula | None = None
    """What draws the images."""
    difficulty: Difficulty | None = None
    """Difficulty of images that are drawn by formula."""
    check_size: Callable[[int], None] = lambda image_size: None
    """Function that refuses an image size that cannot be drawn."""
    default_images: int | None = None
    """Number of training images if the target names no number; None for all."""
    version: int = 1
    """Version; raise it if the split or the images change."""


def _heldout(formula: Formula) -> BuiltIn:
    """Return the target with classes that no corpus of the formula holds."""
    return BuiltIn(
        f"{formula.name} of classes that no corpus holds",
        SplitSizes(20, 10_000, 500, 2_000),
        open=lambda: heldout.open_heldout(formula),
        flip=False,
        formula=formula,
        difficulty=heldout.HELDOUT_DIFFICULTY,
        check_size=check_image_size,
        default_images=200,
    )


CATALOGUE = {
    "digits": BuiltIn(
        "scikit-learn's handwritten digits, 8 px", SplitSizes(10, 785, 199, 813), open=heldout.open_digits, flip=False
    ),
    "fractals-heldout": _heldout(FRACTALS),
    "strokes-heldout": _heldout(STROKES),
    ARRANGEMENT: BuiltIn(
        "the same sixteen fractals, in ten arrangements",
        SplitSizes(10, 10_000, 500, 2_000),
        open=arrangement.open_arrangement,
        formula=FRACTALS,
        flip=False,
        augmentable=False,
        difficulty=arrangement.DIFFICULTY,
        check_size=arrangement.check_arrangement_size,
    ),
    "cifar10": BuiltIn(
        "photographs of 10 kinds of things, 32 px",
        SplitSizes(10, 45_000, 5_000, 10_000),
        PublishedFiles("CIFAR10", ("cifar-10-batches-py",), layouts.images_and_targets, BY_FLAG, is_in_hub_order=True),
    ),
    "cifar100": BuiltIn(
        "photographs of 100 kinds of things, 32 px",
        SplitSizes(100, 45_000, 5_000, 10_000),
        PublishedFiles("CIFAR100", ("cifar-100-python",), layouts.images_and_targets, BY_FLAG, is_in_hub_order=True),
    ),
    "fashion-mnist": BuiltIn(
        "grey pictures of clothing, 28 px",
        SplitSizes(10, 54_000, 6_000, 10_000),
        PublishedFiles(
            "FashionMNIST",
            ("FashionMNIST/raw/train-images-idx3-ubyte",),
            layouts.images_and_targets,
            BY_FLAG,
            is_in_hub_order=True,
        ),
    ),
    "mnist": BuiltIn(
        "handwritten digits, 28 px",
        SplitSizes(10, 53_994, 6_006, 10_000),
        PublishedFiles("MNIST", ("MNIST/raw/train-images-idx3-ubyte",), layouts.images_and_targets, BY_FLAG),
        flip=False,
    ),
    "svhn": BuiltIn(
        "house numbers' digits, 32 px",
        SplitSizes(10, 65_927, 7_330, 26_032),
        PublishedFiles(
            "SVHN", ("svhn/train_32x32.mat", "svhn/test_32x32.mat"), layouts.channels_first, BY_SPLIT, root="svhn"
        ),
        flip=False,
    ),
    "stl10": BuiltIn(
        "photographs of 10 kinds of things, 96 px",
        SplitSizes(10, 4_500, 500, 8_000),
        PublishedFiles("STL10", ("stl10_binary",), layouts.channels_first, BY_SPLIT),
    ),
    "flowers102": BuiltIn(
        "photographs of flowers, of any size",
        SplitSizes(102, 1_020, 1_020, 6_149),
        PublishedFiles(
            "Flowers102",
            ("flowers-102/setid.mat", "flowers-102/imagelabels.mat", "flowers-102/jpg"),
            layouts.listed_files,
            {**BY_SPLIT, "validation": {"split": "val"}},
        ),
    ),
    "oxford-pets": BuiltIn(
        "photographs of cats and dogs by breed, of any size",
        SplitSizes(37, 3_310, 370, 3_669),
        PublishedFiles(
            "OxfordIIITPet",
            ("oxford-iiit-pet/annotations", "oxford-iiit-pet/images"),
            layouts.listed_files,
            {"train": {"split": "trainval"}, "test": {"split": "test"}},
        ),
    ),
    "food101": BuiltIn(
        "photographs of dishes, up to 512 px",
        SplitSizes(101, 68_175, 7_575, 25_250),
        PublishedFiles("Food101", ("food-101/meta", "food-101/images"), layouts.listed_files, BY_SPLIT),
    ),
    "imagenet": BuiltIn(
        "photographs of 1,000 kinds of things, of any size",
        SplitSizes(1_000, 1_271_167, 10_000, 50_000),
        PublishedFiles(
            "ImageNet",
            ("imagenet/meta.bin", "imagenet/train", "imagenet/val"),
            layouts.class_folders,
            {"train": {"split": "train"}, "test": {"split": "val"}},
            root="imagenet",
            validation_per_class=10,
            archives=("ILSVRC2012_devkit_t12.tar.gz", "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"),
        ),
    ),
}


@dataclass(frozen=True)
class SourceKind:
    """A kind of data set that is named by its location. Functions take the text behind the colon and the data folder.

    Such data sets are never mirrored, since it is not known whether a mirrored image keeps its class.
    """

    form: str
    """Placeholder for the text behind the colon, such as `PATH`."""
    summary: str
    open: Callable[[str, Path, str | None], DataSet]
    """Function that opens it; the last argument says how its images are grouped."""
    fingerprint: Callable[[str, Path], str]
    """Function that returns the hash of the content."""
    watched: Callable[[str, Path], list[Path]]
    """Function that returns the files and folders that decide the content."""
    is_there: Callable[[str, Path], bool] = lambda path, _: Path(path).exists()
    check_groups: Callable[[str], object] | None = None
    """Function that refuses a wrong text about groups; None if the source has no groups."""


SOURCES = {
    "folder": SourceKind(
        "PATH",
        "your images: one subfolder for each class",
        open=lambda path, _, groups: folder.open_folder(Path(path), groups),
        check_groups=name_pattern,
        fingerprint=lambda path, _: folder.fingerprint(Path(path)),
        watched=lambda path, _: folder.watched(Path(path)),
    ),
    "parquet": SourceKind(
        "PATH",
        "a file or folder in the Hugging Face hub's layout, also below the data folder",
        open=lambda path, data_dir, groups: parquet.open_parquet(parquet.located(path, data_dir), groups=groups),
        check_groups=str,
        fingerprint=lambda path, data_dir: parquet.fingerprint(parquet.located(path, data_dir)),
        is_there=parquet.is_there,
        watched=lambda path, data_dir: parquet.watched(parquet.located(path, data_dir)),
    ),
    "webdataset": SourceKind(
        "PATTERN",
        "tar shards: a folder, a glob, or a range such as train-{0000..0099}.tar",
        open=lambda pattern, _, __: webdataset.open_webdataset(pattern),
        fingerprint=lambda pattern, _: webdataset.fingerprint(pattern),
        is_there=lambda pattern, _: tar_paths.is_any_there(pattern),
        watched=lambda pattern, _: webdataset.watched_files(pattern),
    ),
    "hf": SourceKind(
        "NAME",
        "a data set of the Hugging Face hub; fetch it first: bench data fetch hf:NAME",
        open=huggingface.open_hf,
        check_groups=str,
        fingerprint=lambda name, data_dir: parquet.fingerprint(huggingface.folder(name, data_dir)),
        is_there=lambda name, data_dir: huggingface.folder(name, data_dir).is_dir(),
        watched=lambda name, data_dir: parquet.watched(huggingface.folder(name, data_dir)),
    ),
}
FORMS = ", ".join(f"{name}:{kind.form}" for name, kind in SOURCES.items())


def parse_source(text: str) -> tuple[str, str | None]:
    """Return a name of the catalogue and None, or a kind of source with the text behind its colon.

    A leading `~` becomes the user's folder.
    """
    name, _, path = text.partition(":")
    return (name, os.path.expanduser(path)) if name in SOURCES and path else (text, None)


def check_name(field: str, name: str, also: tuple[str, ...] = ()) -> None:
    """Refuse a name that is neither in the catalogue nor in `also`; `field` says where it was given."""
    known = [*also, *CATALOGUE]
    if name not in known:
        kind, colon, _ = name.partition(":")
        hint = did_you_mean(kind, SOURCES if colon else known)
        raise InputError(f'{field}: "{name}" is not known{hint}; known are {", ".join(known)}, {FORMS}')


def check_groups(name: str, groups: str) -> None:
    """Refuse groups for a data set that has none, and a wrong text about them."""
    check = SOURCES[name].check_groups if name in SOURCES else None
    if check is None:
        allowed = ", ".join(known for known, kind in SOURCES.items() if kind.check_groups is not None)
        raise InputError(f"groups: {name} takes no groups; sources that do are {allowed}")
    check(groups)


def check_present(name: str, path: str | None, data_dir: Path, groups: str | None = None) -> None:
    """Refuse a data set whose files are missing; the error names the expected path and the fetching command."""
    if path is not None:
        open_data(name, path, data_dir, groups)
    elif published := CATALOGUE[name].published:
        torchvision_sets.check_published(name, published, data_dir)


def check_sums(names: Iterable[str], data_dir: Path) -> None:
    """Refuse published data sets with a file that differs from the publisher's; files that are missing pass."""
    for name in names:
        if (entry := CATALOGUE.get(name)) and entry.published:
            torchvision_sets.check_sums(name, entry.published, data_dir)


def is_present(name: str, path: str | None, data_dir: Path) -> bool:
    """Return whether a data set's files are there."""
    try:
        check_present(name, path, data_dir)
    except InputError:
        return False
    return True


def fetch(text: str, data_dir: Path, also: tuple[str, ...] = ()) -> bool:
    """Download a data set into the data folder; return whether it has any files.

    Raises:
        InputError: its name is neither known nor in `also`, or it could not be fetched.
    """
    name, path = parse_source(text)
    if name == "hf" and path is not None:
        huggingface.fetch_hf(path, data_dir)
        return True
    check_name("data set", text, also)
    published = CATALOGUE[name].published if name in CATALOGUE else None
    if published is not None:
        torchvision_sets.fetch(name, published, data_dir)
    return published is not None


def num_pool(name: str, path: str | None, data_dir: Path, groups: str | None = None, *, carved: bool = True) -> int:
    """Return the number of images of a data set that may be trained on; only a source has to be opened for it.

    Validation images are counted too unless they are `carved`.
    """
    if path is None:
        sizes = CATALOGUE[name].sizes
        return sizes.pool + (0 if carved else sizes.validation)
    data = open_data(name, path, data_dir, groups)
    return len(data.pool) + (0 if carved else len(data.validation))


def identity(name: str, path: str | None, data_dir: Path) -> dict[str, object]:
    """Return the part of a run's key for a data set: never a path, but the hash of a source's content, or None."""
    if path is not None:
        is_there = source_exists(name, path, data_dir)
        with _readable():
            content = _fingerprint(name, path, data_dir, _state_of(name, path, data_dir)) if is_there else None
        return {"name": name, "version": 1, "fingerprint": content}
    entry = CATALOGUE[name]
    facts: dict[str, object] = {"name": name, "version": entry.version}
    if entry.formula is not None and entry.difficulty is not None:
        facts |= {"corpus_version": entry.formula.version, "difficulty": entry.difficulty.model_dump()}
    return facts if entry.augmentable else facts | {"augmentable": False}


def source_exists(name: str, path: str, data_dir: Path) -> bool:
    """Return whether the files of a source exist.

    Raises:
        InputError: the path is too long, or a folder on it may not be read.
    """
    with _readable():
        return SOURCES[name].is_there(path, data_dir)


@contextmanager
def _readable() -> Iterator[None]:
    """Turn the system's refusal to read a file or folder into wrong input."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}); replace or remove it") from error


@lru_cache(maxsize=16)
def _fingerprint(name: str, path: str, data_dir: Path, state: str) -> str:
    """Return the hash of a source's content, computed once per `state`."""
    with _readable():
        return SOURCES[name].fingerprint(path, data_dir)


@dataclass
class OpenData:
    """A data set as an image source: only its name is pickled, and each process opens it once."""

    name: str
    path: str | None
    data_dir: Path
    groups: str | None = None
    """How its images are grouped: a column or a pattern; None if they are not."""
    is_formula = False

    @cached_property
    def data(self) -> DataSet:
        """The open data set."""
        return open_data(self.name, self.path, self.data_dir, self.groups)

    def __getstate__(self) -> dict[str, object]:
        """Return the state to pickle, without the open data set."""
        return {name: getattr(self, name) for name in ("name", "path", "data_dir", "groups")}

    def read(self, ids: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        """Return decoded images without caching them."""
        return self.data.read(ids, image_size)

    def read_cached(self, ids: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        """Return decoded images, cached per size if the whole data set would fit in `MAX_CACHED_BYTES`."""
        if not self.is_cached(image_size):
            return self.data.read(ids, image_size)
        shape = (len(self.data.labels), 3, image_size, image_size)
        images, is_decoded = self.data.decoded.setdefault(
            image_size, (np.zeros(shape, np.uint8), np.zeros(shape[0], np.bool_))
        )
        missing = np.unique(ids[~is_decoded[ids]])
        if len(missing):
            images[missing] = self.data.read(missing, image_size)
            is_decoded[missing] = True
        return images[ids]

    def is_cached(self, image_size: int) -> bool:
        """Return whether images of this size are cached once they are decoded."""
        return prod((len(self.data.labels), 3, image_size, image_size)) <= MAX_CACHED_BYTES

    def count_single_colour(self, ids: NDArray[np.int64], image_size: int) -> int | None:
        """Count images of a single colour among those that this process has cached; return None if none is."""
        images, is_decoded = self.data.decoded.get(image_size, (None, None))
        if images is None or is_decoded is None:
            return None
        parts = (ids[start : start + 4096] for start in range(0, len(ids), 4096))
        return sum(int((is_single_colour(images[part]) & is_decoded[part]).sum()) for part in parts)

    def some(self, ids: NDArray[np.int64], image_size: int) -> ImageSet:
        """Return some of the images at a size."""
        return ImageSet(self, self.data.labels[ids], ids, image_size)


def open_data(name: str, path: str | None, data_dir: Path, groups: str | None = None) -> DataSet:
    """Open a data set; this process keeps the four most recent ones open.

    Raises:
        InputError: its files are missing, damaged or not what they should be.
    """
    if path is None:
        return _opened(name, path, data_dir, None, "")
    with _readable():
        return _opened(name, path, data_dir, groups, _state_of(name, path, data_dir))


@lru_cache(maxsize=4)
def _opened(name: str, path: str | None, data_dir: Path, groups: str | None, state: str) -> DataSet:
    """Return an open data set; another `state` opens it again."""
    if path is not None:
        return SOURCES[name].open(path, data_dir, groups)
    entry = CATALOGUE[name]
    if entry.published is not None:
        data = torchvision_sets.open_published(name, entry.published, data_dir)
        _check_sizes(name, entry.sizes, data, data_dir)
    else:
        assert entry.open is not None
        data = entry.open()
    return replace(data, flip=entry.flip, augmentable=entry.augmentable)


def _check_sizes(name: str, published: SplitSizes, data: DataSet, data_dir: Path) -> None:
    """Refuse published files with another number of images than published, since a run's key relies on it."""
    actual = SplitSizes(len(data.class_names), len(data.pool), len(data.validation), len(data.test))
    numbers = [
        f"{c.classes:,} classes, {c.pool + c.validation:,} images to train and validate, {c.test:,} to test"
        for c in (actual, published)
    ]
    if numbers[0] != numbers[1]:
        raise InputError(
            f"{name}: the files in {data_dir} hold {numbers[0]}, but were published with {numbers[1]}; "
            f"remove them, then: bench data fetch {name} --data {data_dir}"
        )


def _state_of(name: str, path: str, data_dir: Path) -> str:
    """Return a hash of the names, sizes and times of a source's files and folders, and of what links lead to."""
    states = [(file, state) for file in SOURCES[name].watched(path, data_dir) for state in _states(file)]
    listed = sorted((str(file), state.st_size, state.st_mtime_ns, state.st_ino) for file, state in states)
    return hashlib.sha256(repr(listed).encode(errors="surrogateescape")).hexdigest()


def _states(file: Path) -> list[os.stat_result]:
    """Return the state of a file or folder, and if it is a link also of what it leads to, if that is there."""
    state = file.lstat()
    return [state, file.stat()] if stat.S_ISLNK(state.st_mode) and file.exists() else [state]
