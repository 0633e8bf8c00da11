"""From the parts that a publisher divides a data set into, to one data set with its fixed split.

Refused: labels that name no class, a class in validation or test that train lacks, and classes that differ by part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import DataSet, Part, Reader
from bench.data.orders import Cut, balanced_order_of, stratified_cut
from bench.errors import InputError

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Carving:
    """How validation, and test where nobody published one, are taken from train."""

    key: str
    """of the hash that decides which images"""
    validation_a_class: int | None = None
    """images of each class that validate; None is a tenth of each"""


def assemble(
    train: Part, test: Part | None, validation: Part | None, *, carving: Carving, place: str, flip: bool
) -> DataSet:
    """Return one data set; ids number train, validation and test in that order, each as published.

    Raises:
        InputError: the labels of the parts, which lie at `place`, do not fit together.
    """
    given = {"train": train, "validation": validation, "test": test}
    parts = {name: part for name, part in given.items() if part is not None}
    _check(parts, place)
    labels = np.concatenate([part.labels for part in parts.values()])
    ends = np.cumsum([len(part.labels) for part in parts.values()])
    ids = dict(zip(parts, np.split(np.arange(len(labels)), ends[:-1]), strict=True))
    pool, test_ids = ids["train"], ids.get("test")
    if test_ids is None:
        cut = stratified_cut(labels, pool, 1, 5, carving.key, "test")
        pool, test_ids = cut.rest, cut.taken
    if "validation" in ids:
        validated = ids["validation"]
    else:
        cut = _validation(labels, pool, carving)
        pool, validated = cut.rest, cut.taken
    return DataSet(labels, pool, validated, test_ids, train.class_names, flip, _joined(list(parts.values())))


def assemble_named(parts: Mapping[str, Part], *, carving: Carving, place: str) -> DataSet:
    """As `assemble`, of the parts that files' names told: validation is the test split where there is none.

    Nothing says that mirrored images keep their class, so `flip` is off.

    Raises:
        InputError: also where a class has too few images in train for the parts that are carved from it.
    """
    train, validation, test = (parts.get(name) for name in ("train", "validation", "test"))
    assert train is not None
    if test is None:
        validation, test = None, validation
    dataset = assemble(train, test, validation, carving=carving, place=place, flip=False)
    _check_every_class(train, 1 + (test is None) + (validation is None), place)
    return dataset


def _check_every_class(train: Part, needed: int, place: str) -> None:
    """Refuse one class alone, and a class with too few images to split."""
    if len(train.class_names) < 2:
        raise InputError(f"{place}: {len(train.class_names)} class found; it needs at least two")
    counts = np.bincount(train.labels, minlength=len(train.class_names))
    if (smallest := int(counts.min())) < needed:
        raise InputError(
            f'{place}: class "{train.class_names[int(counts.argmin())]}" has {smallest} images in train; '
            f"it needs at least {needed}, one for each part that is carved; add images, or take the class out"
        )


def _validation(labels: NDArray[np.int64], pool: Indices, carving: Carving) -> Cut:
    """Set aside the images that validate."""
    if carving.validation_a_class is None:
        return stratified_cut(labels, pool, 1, 10, carving.key, "validation")
    num_classes = len(np.unique(labels[pool]))
    order = balanced_order_of(labels, pool, carving.key, "validation")
    taken = np.sort(order[: carving.validation_a_class * num_classes])
    return Cut(taken, np.setdiff1d(pool, taken))


def _joined(parts: Sequence[Part]) -> Reader:
    """Return one reader of the parts' images, numbered one part after the other."""
    bounds = np.cumsum([0, *(len(part.labels) for part in parts)]).tolist()

    def read(indices: Indices, image_size: int) -> NDArray[np.uint8]:
        images = np.empty((len(indices), 3, image_size, image_size), dtype=np.uint8)
        for part, (start, end) in zip(parts, pairwise(bounds), strict=True):
            is_here = (start <= indices) & (indices < end)
            if is_here.any():
                images[is_here] = part.read(indices[is_here] - start, image_size)
        return images

    return read


def _check(parts: dict[str, Part], place: str) -> None:
    """Refuse parts whose labels or classes do not fit."""
    train = parts["train"]
    for name, part in parts.items():
        if len(part.labels) == 0:
            raise InputError(f"{place}: {name} holds no image; put the missing files there")
        check_labels(part.labels, len(part.class_names), f"{place}: {name}")
        for known, found in zip(train.class_names, part.class_names, strict=False):
            if known != found:
                raise InputError(f'{place}: a class is "{known}" in train and "{found}" in {name}; both need the same')
        lacking = np.setdiff1d(part.labels, train.labels)
        if len(lacking):
            raise InputError(
                f'{place}: {name} has images of class "{part.class_names[lacking[0]]}", and train has none; '
                "add some to train, or take the class out"
            )


def check_labels(labels: NDArray[np.int64], num_classes: int, place: str) -> None:
    """Refuse labels that are not 0 to classes - 1, naming the first and where it stands."""
    wrong = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if len(wrong):
        raise InputError(
            f"{place}: image {wrong[0]} has label {labels[wrong[0]]}, but there are {num_classes} classes, 0 to "
            f"{num_classes - 1}; correct the labels, or leave files without labels out"
        )
