"""Images with their labels, as every part of the harness passes them on: plain arrays, no torch."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MEAN = 0.5
STD = 0.5
"""Every model gets its inputs scaled to these, of values from 0 to 1."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images of one size in memory, with the label of each and an id that never changes."""

    images: NDArray[np.uint8]
    """(n, 3, size, size), RGB"""
    labels: NDArray[np.int64]
    """(n,), 0 to classes - 1"""
    ids: NDArray[np.int64]
    """(n,), unique within a data set's split; what predictions are stored under"""

    def __post_init__(self) -> None:
        """Assert the shapes and types that batches rely on."""
        num_images, channels, height, width = self.images.shape
        assert (channels, height) == (3, width), self.images.shape
        assert self.labels.shape == self.ids.shape == (num_images,), (self.labels.shape, self.ids.shape)
        types = [array.dtype.name for array in (self.images, self.labels, self.ids)]
        assert types == ["uint8", "int64", "int64"], types

    def __len__(self) -> int:
        """Count the images."""
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Subset:
    """The first images of a corpus to pretrain on, and images of the same classes to validate on."""

    train: LabelledImages
    validation: LabelledImages
    class_names: tuple[str, ...]
    flip: bool
    """whether a mirrored image is still of its class"""
    subset_hash: str
    """SHA-256 of the ids of `train` in order"""


@dataclass(frozen=True, eq=False)
class Splits:
    """A target: `train` already cut to the images asked for, the other two always whole."""

    train: LabelledImages
    validation: LabelledImages
    test: LabelledImages
    class_names: tuple[str, ...]
    flip: bool
    """whether a mirrored image is still of its class"""
    split_hash: str
    """SHA-256 of the ids of the three parts, as used by this run"""


Reader = Callable[[NDArray[np.int64], int], NDArray[np.uint8]]
"""Decodes images: indices (m,) and an image size -> (m, 3, size, size)."""


@dataclass(frozen=True, eq=False)
class Part:
    """The training or test part of a data set, as its publisher divides it."""

    labels: NDArray[np.int64]
    read: Reader
    class_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class DataSet:
    """A labelled data set with its fixed split, whose images are decoded when they are asked for."""

    labels: NDArray[np.int64]
    """(n,), of all images; an image's index here is its id"""
    pool: NDArray[np.int64]
    """indices that may be trained on"""
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    class_names: tuple[str, ...]
    flip: bool
    """whether a mirrored image is still of its class"""
    read: Reader

    def load(self, indices: NDArray[np.int64], image_size: int) -> LabelledImages:
        """Decode some images at a size."""
        return LabelledImages(self.read(indices, image_size), self.labels[indices], indices)
