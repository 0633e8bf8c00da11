"""Images with their labels, as all parts of the harness exchange them: plain arrays, without torch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

MEAN = 0.5
STD = 0.5
"""Inputs of all models are scaled by these, from values between 0 and 1."""


Pipeline = Literal["resident", "streaming", "generated"]
"""How images reach the device (`bench.data.loading.image_loader`)."""
WantedPipeline = Literal["auto", Pipeline]
OnBadImage = Literal["fail", "skip"]
"""What happens to an image that cannot be read (`bench.data.loading.bad_images`)."""


class Source(Protocol):
    """Where images come from. It is sent to other processes, so it holds no images, only the way to find them."""

    @property
    def is_formula(self) -> bool:
        """Whether images are drawn by formula, not decoded from files."""

    def read(self, ids: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        """Decode or draw the images (n, 3, image_size, image_size) of n ids.

        Raises:
            BadImage: one of them cannot be read.
        """

    def read_cached(self, ids: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        """Do the same as `read`, but images that this process has decoded before may come from memory."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled images of one size that are decoded or drawn when they are used."""

    source: Source
    labels: NDArray[np.int64]
    """(n,), 0 to classes - 1"""
    ids: NDArray[np.int64]
    """(n,), unique within a data set; predictions are stored under these"""
    image_size: int

    def __post_init__(self) -> None:
        """Assert the shapes and types that pipelines rely on."""
        assert self.labels.shape == self.ids.shape == (len(self.labels),), (self.labels.shape, self.ids.shape)
        assert self.labels.dtype == self.ids.dtype == np.int64, (self.labels.dtype, self.ids.dtype)

    def __len__(self) -> int:
        """Count the images."""
        return len(self.labels)

    @property
    def num_bytes(self) -> int:
        """The memory that all images take."""
        return 3 * self.image_size**2 * len(self)

    @cached_property
    def images(self) -> NDArray[np.uint8]:
        """All images, (n, 3, size, size), for sets that are known to be small."""
        return self.source.read_cached(self.ids, self.image_size)


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Images that are in memory already; an id is an index."""

    arrays: NDArray[np.uint8]
    is_formula = False

    def read(self, ids: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        """Return the images of the ids; they have one size only."""
        assert image_size == self.arrays.shape[-1], (image_size, self.arrays.shape)
        return self.arrays[ids]

    read_cached = read


def in_memory(arrays: NDArray[np.uint8], labels: NDArray[np.int64]) -> ImageSet:
    """Return images (n, 3, size, size) with their labels (n,); ids are their indices."""
    return ImageSet(ArraySource(arrays), labels, np.arange(len(arrays)), arrays.shape[-1])


@dataclass(frozen=True, eq=False)
class Splits:
    """The images of a corpus' subset, or of a target, that a model is trained, validated and tested on."""

    train: ImageSet
    """cut to the images that were asked for; the others are always whole"""
    validation: ImageSet
    test: ImageSet | None
    """None for a corpus"""
    class_names: tuple[str, ...]
    flip: bool
    """whether a mirrored image is still of its class"""
    augmentable: bool
    """whether any augmentation leaves an image in its class"""
    subset_hash: str | None = None
    """of a corpus: SHA-256 of the ids of `train` in order"""
    split_hash: str | None = None
    """of a target: SHA-256 of the ids of all splits"""


Reader = Callable[[NDArray[np.int64], int], NDArray[np.uint8]]
"""Decodes images: indices (m,) and an image size -> (m, 3, size, size)."""


@dataclass(frozen=True, eq=False)
class RawSplit:
    """The training, validation or test split of a data set, as its publisher divides it."""

    labels: NDArray[np.int64]
    read: Reader
    class_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class DataSet:
    """A labelled data set with its fixed splits, whose images are decoded when they are used."""

    labels: NDArray[np.int64]
    """(n,), of all images; an image's index here is its id"""
    pool: NDArray[np.int64]
    """indices that may be trained on"""
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    class_names: tuple[str, ...]
    read: Reader
    flip: bool = False
    """whether a mirrored image is still of its class"""
    augmentable: bool = True
    """whether any augmentation leaves an image in its class"""
    decoded: dict[int, tuple[NDArray[np.uint8], NDArray[np.bool_]]] = field(default_factory=dict)
    """what this process has decoded: by image size, the images and which of them are there"""
