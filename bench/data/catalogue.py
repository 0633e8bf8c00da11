"""What can be a target, or a corpus of real images: the known data sets by name, and the kinds of `places`."""

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import DataSet, ImageSet
from bench.data.fractals.arrangement import arrangement_identity, open_arrangement
from bench.data.sources.source_registry import FORMS, PLACES
from bench.errors import InputError, did_you_mean

MAX_KEPT_BYTES = 2**30
"""Of decoded images that an open data set keeps in memory at one size."""


@dataclass(frozen=True)
class Entry:
    """What is known of a data set without opening it."""

    summary: str
    num_classes: int
    num_pool: int
    """images that may be trained on"""
    num_validation: int
    num_test: int
    version: int = 1
    """raised when its split or its images change"""
    default_images: int | None = None
    """training images of a target that names no number; None is all"""
    is_published: bool = True
    """whether its files must be fetched into the data folder"""


CATALOGUE = {
    "digits": Entry("scikit-learn's handwritten digits, 8 px", 10, 785, 199, 813, is_published=False),
    "fractals-heldout": Entry(
        "fractals of classes that no corpus holds", 20, 10_000, 500, 2_000, default_images=200, is_published=False
    ),
    "arrangement": Entry("the same sixteen fractals, in ten arrangements", 10, 10_000, 500, 2_000, is_published=False),
    "cifar10": Entry("photographs of 10 kinds of things, 32 px", 10, 45_000, 5_000, 10_000),
    "cifar100": Entry("photographs of 100 kinds of things, 32 px", 100, 45_000, 5_000, 10_000),
    "fashion-mnist": Entry("grey pictures of clothing, 28 px", 10, 54_000, 6_000, 10_000),
    "mnist": Entry("handwritten digits, 28 px", 10, 53_994, 6_006, 10_000),
    "svhn": Entry("house numbers' digits, 32 px", 10, 65_927, 7_330, 26_032),
    "stl10": Entry("photographs of 10 kinds of things, 96 px", 10, 4_500, 500, 8_000),
    "flowers102": Entry("photographs of flowers, of any size", 102, 1_020, 1_020, 6_149),
    "oxford-pets": Entry("photographs of cats and dogs by breed, of any size", 37, 3_310, 370, 3_669),
    "food101": Entry("photographs of dishes, up to 512 px", 101, 68_175, 7_575, 25_250),
    "imagenet": Entry("photographs of 1,000 kinds of things, of any size", 1_000, 1_271_167, 10_000, 50_000),
}


def parse_place(text: str) -> tuple[str, str | None]:
    """Return a name of the catalogue and None, or a kind of place with what stands behind its colon."""
    name, _, path = text.partition(":")
    return (name, path) if name in PLACES and path else (text, None)


def check_name(field: str, name: str, also: tuple[str, ...] = ()) -> None:
    """Refuse a name that is neither in the catalogue nor in `also`; `field` says where it was given."""
    known = [*also, *CATALOGUE]
    if name not in known:
        hint = did_you_mean(name, known)
        raise InputError(f'{field}: "{name}" is not known{hint}; known are {", ".join(known)}, {FORMS}')


def check_present(name: str, path: str | None, data_dir: Path) -> None:
    """Refuse a data set whose files are missing, saying where they were looked for and what fetches them."""
    if path is not None:
        open_data(name, path, data_dir)
    elif CATALOGUE[name].is_published:
        from bench.data.sources.torchvision_sets import check_published

        check_published(name, data_dir)


def is_present(name: str, path: str | None, data_dir: Path) -> bool:
    """Return whether a data set's files are there."""
    try:
        check_present(name, path, data_dir)
    except InputError:
        return False
    return True


def num_pool(name: str, path: str | None, data_dir: Path, *, carved: bool = True) -> int:
    """Return how many images of a data set may be trained on; only a path is looked into.

    Those for validation are among them where nothing is `carved`.
    """
    if path is None:
        return CATALOGUE[name].num_pool + (0 if carved else CATALOGUE[name].num_validation)
    data = open_data(name, path, data_dir)
    return len(data.pool) + (0 if carved else len(data.validation))


def identity(name: str, path: str | None, data_dir: Path) -> dict[str, object]:
    """Return what a run's key holds of a data set: a place's content, None where there is nothing, but no path."""
    if path is None:
        return {"name": name, "version": CATALOGUE[name].version, **_formula_of(name)}
    is_there = is_place(name, path, data_dir)
    content = _fingerprint(name, path, data_dir, _state_of(name, path, data_dir)) if is_there else None
    return {"name": name, "version": 1, "fingerprint": content}


def _formula_of(name: str) -> dict[str, object]:
    """Return what decides the pixels of a data set that is drawn by formula."""
    from bench.data.fractals.heldout import heldout_identity

    formulas = {"arrangement": arrangement_identity, "fractals-heldout": heldout_identity}
    return formulas[name]() if name in formulas else {}


def is_place(name: str, path: str, data_dir: Path) -> bool:
    """Return whether something lies at a place."""
    return PLACES[name].is_there(path, data_dir)


@lru_cache(maxsize=16)
def _fingerprint(name: str, path: str, data_dir: Path, state: str) -> str:
    """Hash what lies at a place, once for as long as its `state` stays the same."""
    try:
        return PLACES[name].fingerprint(path, data_dir)
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}); replace or remove it") from error


@dataclass
class OpenData:
    """A data set as the source of its images: its name travels, and each process opens it once for itself."""

    name: str
    path: str | None
    data_dir: Path
    is_formula = False

    @cached_property
    def data(self) -> DataSet:
        """The data set, open for as long as this object is there."""
        return open_data(self.name, self.path, self.data_dir)

    def __getstate__(self) -> dict[str, object]:
        """Leave the open data set behind."""
        return {name: getattr(self, name) for name in ("name", "path", "data_dir")}

    def read(self, ids: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        """Decode images, keeping none."""
        return self.data.read(ids, image_size)

    def read_kept(self, ids: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        """Decode each image once at a size, while all of the data set would fit in `MAX_KEPT_BYTES`."""
        shape = (len(self.data.labels), 3, image_size, image_size)
        if prod(shape) > MAX_KEPT_BYTES:
            return self.data.read(ids, image_size)
        images, is_kept = self.data.kept.setdefault(
            image_size, (np.zeros(shape, np.uint8), np.zeros(shape[0], np.bool_))
        )
        missing = np.unique(ids[~is_kept[ids]])
        if len(missing):
            images[missing] = self.data.read(missing, image_size)
            is_kept[missing] = True
        return images[ids]

    def some(self, ids: NDArray[np.int64], image_size: int) -> ImageSet:
        """Some of its images at a size."""
        return ImageSet(self, self.data.labels[ids], ids, image_size)


def open_data(name: str, path: str | None, data_dir: Path) -> DataSet:
    """Open a data set; the last few stay open in this process."""
    return _opened(name, path, data_dir, _state_of(name, path, data_dir) if path is not None else "")


@lru_cache(maxsize=4)
def _opened(name: str, path: str | None, data_dir: Path, state: str) -> DataSet:
    """Open a data set for as long as its `state` stays the same."""
    from bench.data.fractals.heldout import open_digits, open_heldout
    from bench.data.sources.torchvision_sets import open_published

    if path is not None:
        data = PLACES[name].open(path, data_dir)
    elif name == "digits":
        data = open_digits()
    elif name == "fractals-heldout":
        data = open_heldout()
    elif name == "arrangement":
        data = open_arrangement()
    else:
        data = open_published(name, data_dir)
        _check_counts(name, data, data_dir)
    return data


def _check_counts(name: str, data: DataSet, data_dir: Path) -> None:
    """Refuse published files that hold more or fewer images than were published: a run's key counts on them."""
    entry = CATALOGUE[name]
    found = (len(data.class_names), len(data.pool) + len(data.validation), len(data.test))
    published = (entry.num_classes, entry.num_pool + entry.num_validation, entry.num_test)
    if found != published:
        numbers = [
            f"{c:,} classes, {t:,} images to train and validate, {e:,} to test" for c, t, e in (found, published)
        ]
        raise InputError(
            f"{name}: the files in {data_dir} hold {numbers[0]}, but were published with {numbers[1]}; "
            f"remove them, then: bench data fetch {name} --data {data_dir}"
        )


def _state_of(name: str, path: str, data_dir: Path) -> str:
    """Return a hash of the names, sizes and times of a place's files, and of all below its folders."""
    watched = PLACES[name].watched(path, data_dir)
    below = [file for root in watched if root.is_dir() for file in root.rglob("*")]
    states = [(file, file.lstat()) for file in below] + [(file, file.stat()) for file in watched if file.is_file()]
    listed = sorted((str(file), state.st_size, state.st_mtime_ns) for file, state in states)
    return hashlib.sha256(repr(listed).encode(errors="surrogateescape")).hexdigest()
