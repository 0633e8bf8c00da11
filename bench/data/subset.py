"""Which images of a corpus a subset contains, and in which order: pure functions of the labels.

`subset(n, classes=k)` takes one image of each class per round. For a fixed k, a smaller n gives a prefix. For a fixed
number of images per class that every class has, a smaller k gives a subset of a larger k, with the same labels. If a
class is used up, the rounds continue with the rest; `class_counts` computes the resulting class sizes.

The first k classes of real data are the first in a hashed order, since class lists are sorted (ImageNet's begins with
fish and birds). Without k, all classes keep their numbers in the data set.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.data.orders import Indices, balanced_order, balanced_order_of
from bench.data.random import hash_words, sha256_of

INSTANCES = 2**32
"""An image that is drawn by formula has the id class * INSTANCES + instance."""


@dataclass(frozen=True, eq=False)
class Selection:
    """Selected images of a real corpus, as positions among the images that may be trained on."""

    positions: Indices
    """(n,), in the subset's order."""
    labels: Indices
    """(n,), from 0 to k - 1."""
    classes: Indices
    """(k,), the data set's class index for each label."""


@dataclass(frozen=True, eq=False)
class SubsetIndex:
    """A subset as a list of images: the content of an index file and of a subset's hash."""

    corpus: str
    """Name, without a path."""
    ids: Indices
    """(n,), in the subset's order."""
    labels: Indices
    """(n,), from 0 to k - 1."""
    class_names: tuple[str, ...]

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the ids in order; each record holds it."""
        return sha256_of(self.corpus, self.ids)

    @cached_property
    def class_range(self) -> tuple[int, int]:
        """The sizes of the smallest and of the largest class."""
        return class_range(self.labels, len(self.class_names))


def subset(labels: Indices, num_images: int, num_classes: int | None, corpus: str) -> Selection:
    """Return the first images of a corpus, from the first `num_classes` of its classes, or from all.

    Args:
        labels: (pool,), the data set's labels of the images that may be trained on.
        num_images: size of the subset; if the classes have fewer images, all are taken.
        num_classes: number of classes to take; None for all.
        corpus: name of the data set; the order is hashed from it.
    """
    if num_classes is None:
        positions = balanced_order(labels, corpus, "corpus")[:num_images]
        return Selection(positions, labels[positions], np.arange(labels.max() + 1))
    classes = class_order(labels, corpus)[:num_classes]
    renumbered = new_labels(labels, classes)
    positions = balanced_order_of(renumbered, np.flatnonzero(renumbered >= 0), corpus, "corpus")[:num_images]
    return Selection(positions, renumbered[positions], classes)


def class_order(labels: Indices, corpus: str) -> Indices:
    """Return the classes that have images, in hashed order; `num_classes` takes the first of them."""
    present = np.flatnonzero(np.bincount(labels))
    return present[np.argsort(hash_words(corpus, "classes", present))]


def new_labels(labels: Indices, classes: Indices) -> Indices:
    """Return each label's position in `classes`, or -1 if it is not among them."""
    positions = np.full(max(labels.max(initial=0), classes.max()) + 1, -1)
    positions[classes] = np.arange(len(classes))
    return positions[labels]


def class_counts(totals: Indices, num_images: int) -> Indices:
    """Return the number of images per class in a subset, given the `totals` of each class."""
    # Binary search for the largest number of complete rounds; in each, every unfinished class gives one image.
    fewest, most = 0, int(totals.max())
    while fewest < most:
        rounds = (fewest + most + 1) // 2
        if np.minimum(totals, rounds).sum() <= num_images:
            fewest = rounds
        else:
            most = rounds - 1
    counts = np.minimum(totals, fewest)
    unfinished = np.flatnonzero(totals > fewest)
    counts[unfinished[: num_images - counts.sum()]] += 1
    return counts


def class_range(labels: Indices, num_classes: int) -> tuple[int, int]:
    """Return the sizes of the smallest and of the largest class."""
    counts = np.bincount(labels, minlength=num_classes)
    return int(counts.min()), int(counts.max())


def formula_subset(num_images: int, num_classes: int) -> tuple[Indices, Indices]:
    """Return ids and labels of the first images of a corpus that is drawn by formula, whose classes never run out."""
    instances, classes = np.divmod(np.arange(num_images), num_classes)
    return classes * INSTANCES + instances, classes
