"""Images with their labels, as every part of the harness passes them on: plain arrays, no torch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
        assert (self.images.dtype, self.labels.dtype, self.ids.dtype) == (np.uint8, np.int64, np.int64)

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
