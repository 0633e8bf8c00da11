"""Labelled images in the form that all parts of the harness exchange: NumPy arrays, without torch."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

MAX_NAMES = 3
"""Number of names that stand for all that was passed over for one reason."""

Pipeline = Literal["resident", "streaming", "generated"]
"""How images reach the device (`bench.data.loading.image_loader`)."""
WantedPipeline = Literal["auto", Pipeline]
OnBadImage = Literal["fail", "skip"]
"""Handling of an image that cannot be read (`bench.data.loading.bad_images`)."""


class Source(Protocol):
    """A source of images. It is sent to other processes, so it holds no images, only what is needed to read them."""

    @property
    def is_formula(self) -> bool:
        """Whether images are drawn by formula, not decoded from files."""

    def read(self, ids: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        """Decode or draw the images (n, 3, image_size, image_size) of n ids.

        Raises:
            BadImage: one of them cannot be read.
        """

    def read_cached(self, ids: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        """Do the same as `read`, but take images that this process has already decoded from memory if possible."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled images of one size that are decoded or drawn when they are used."""

    source: Source
    labels: NDArray[np.int64]
    """(n,), from 0 to classes - 1."""
    ids: NDArray[np.int64]
    """(n,), unique within a data set; predictions are stored with these ids."""
    image_size: int

    def __post_init__(self) -> None:
        """Assert the shapes and types that pipelines rely on."""
        assert self.labels.shape == self.ids.shape == (len(self.labels),), (self.labels.shape, self.ids.shape)
        assert self.labels.dtype == self.ids.dtype == np.int64, (self.labels.dtype, self.ids.dtype)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    @property
    def num_bytes(self) -> int:
        """Size of all images in bytes."""
        return 3 * self.image_size**2 * len(self)

    @cached_property
    def images(self) -> NDArray[np.uint8]:
        """All images, (n, 3, size, size); use it only for small sets."""
        return self.source.read_cached(self.ids, self.image_size)


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Images in memory; an id is an index."""

    arrays: NDArray[np.uint8]
    is_formula = False

    def read(self, ids: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        """Return the images with these ids; only the stored size is available."""
        assert image_size == self.arrays.shape[-1], (image_size, self.arrays.shape)
        return self.arrays[ids]

    read_cached = read


def in_memory(arrays: NDArray[np.uint8], labels: NDArray[np.int64]) -> ImageSet:
    """Return a set of images (n, 3, size, size) with labels (n,); ids are indices."""
    return ImageSet(ArraySource(arrays), labels, np.arange(len(arrays)), arrays.shape[-1])


@dataclass(frozen=True, eq=False)
class Splits:
    """The images of a corpus' subset, or of a target, that a model is trained, validated and tested on."""

    train: ImageSet
    """Training images: the requested number; the other splits are always complete."""
    validation: ImageSet
    test: ImageSet | None
    """Test images; None for a corpus."""
    class_names: tuple[str, ...]
    flip: bool
    """Whether a mirrored image keeps its class."""
    augmentable: bool
    """Whether augmented images keep their class."""
    subset_hash: str | None = None
    """SHA-256 of the ids of `train` in order; only for a corpus."""
    split_hash: str | None = None
    """SHA-256 of the ids of all splits; only for a target."""
    source_facts: dict[str, Any] = field(default_factory=dict)
    """Origin of the splits, and what was passed over."""
    notes: tuple[str, ...] = ()
    """Notes for readers of an accuracy."""
    clusters: NDArray[np.int64] | None = None
    """As of the data set; only for a target."""


@dataclass(frozen=True)
class PassedOver:
    """Files, folders, members or rows of a source that are no images of its data set, all for the same reason."""

    reason: str
    """Description in the plural: "files without a suffix"."""
    num: int
    names: tuple[str, ...]
    """Names of the first of them."""

    def __str__(self) -> str:
        """Say how many were passed over, why, and which."""
        more = ", ..." if self.num > len(self.names) else ""
        return f"passed over {self.num:,} {self.reason} ({', '.join(self.names)}{more})"

    def facts(self) -> dict[str, Any]:
        """Return what a record says of it."""
        return {"reason": self.reason, "num": self.num, "names": list(self.names)}


def is_single_colour(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return (n,): whether all pixels of an image (n, 3, height, width) are the same."""
    return (images.min(axis=(2, 3)) == images.max(axis=(2, 3))).all(axis=1)


def passed_over(found: Iterable[tuple[str, str]]) -> tuple[PassedOver, ...]:
    """Count what was passed over, given as pairs of a reason and a name."""
    return add_up(PassedOver(reason, 1, (name,)) for reason, name in found)


def add_up(parts: Iterable[PassedOver]) -> tuple[PassedOver, ...]:
    """Add up what several parts of a source passed over, by reason; the first names are kept."""
    numbers: dict[str, int] = defaultdict(int)
    names: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for part in parts:
        numbers[part.reason] += part.num
        if len(names[part.reason]) < MAX_NAMES:
            names[part.reason] = (*names[part.reason], *part.names)[:MAX_NAMES]
    return tuple(PassedOver(reason, num, names[reason]) for reason, num in numbers.items())


Reader = Callable[[NDArray[np.int64], int], NDArray[np.uint8]]
"""Function that decodes images: indices (m,) and an image size -> (m, 3, size, size)."""


@dataclass(frozen=True, eq=False)
class RawSplit:
    """The training, validation or test split of a data set, as its publisher divides it."""

    labels: NDArray[np.int64]
    read: Reader
    class_names: tuple[str, ...]
    passed_over: tuple[PassedOver, ...] = ()
    """what lies among its images and is none of them"""
    groups: NDArray[np.str_] | None = None
    """(n,), the name of each image's group; None if there are no groups."""


@dataclass(frozen=True, eq=False)
class DataSet:
    """A labelled data set with fixed splits; its images are decoded when they are used."""

    labels: NDArray[np.int64]
    """(n,), labels of all images; an image's index here is its id."""
    pool: NDArray[np.int64]
    """Ids of the images that may be trained on."""
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    class_names: tuple[str, ...]
    read: Reader
    flip: bool = False
    """Whether a mirrored image keeps its class."""
    augmentable: bool = True
    """Whether augmented images keep their class."""
    split_sources: Mapping[str, str] = field(default_factory=dict)
    """Split -> the publisher's split that it is, or is carved from; empty if images are drawn."""
    passed_over: tuple[PassedOver, ...] = ()
    clusters: NDArray[np.int64] | None = None
    """(n,), the cluster of each image, by id: images of one patient, class or writer; None if each is its own."""
    decoded: dict[int, tuple[NDArray[np.uint8], NDArray[np.bool_]]] = field(default_factory=dict)
    """Cache of decoded images: image size -> images, and whether each of them is decoded."""

    def facts(self) -> dict[str, Any]:
        """Return what a record says of the source: where its splits come from, and what was passed over."""
        return {"split_sources": dict(self.split_sources), "passed_over": [part.facts() for part in self.passed_over]}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of an accuracy should know of the splits."""
        is_val = self.split_sources.get("test") == "validation"
        return ("tested on the publisher's validation part, since there is no test part",) if is_val else ()
