"""Open data sets: built-in ones and sources. Each process keeps a few open, with the images that it has decoded."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.catalogue import CATALOGUE, SplitSizes
from bench.data.dataset import DataSet, ImageSet, is_single_colour
from bench.data.identity import readable, state_of
from bench.data.source_kinds import SOURCES
from bench.data.sources import torchvision_sets
from bench.errors import InputError

MAX_CACHED_BYTES = 2**30
"""Upper limit of the memory that an open data set uses for decoded images of one size."""


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
    with readable():
        return _opened(name, path, data_dir, groups, state_of(name, path, data_dir))


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


def num_pool(name: str, path: str | None, data_dir: Path, groups: str | None = None, *, carved: bool = True) -> int:
    """Return the number of images of a data set that may be trained on; only a source has to be opened for it.

    Validation images are counted too unless they are `carved`.
    """
    if path is None:
        sizes = CATALOGUE[name].sizes
        return sizes.pool + (0 if carved else sizes.validation)
    data = open_data(name, path, data_dir, groups)
    return len(data.pool) + (0 if carved else len(data.validation))
