"""Make one data set with train, validation and test from the splits that a publisher provides.

This module refuses labels that name no class, classes of validation or test that train lacks, and classes that differ
between splits.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import DataSet, PassedOver, RawSplit, Reader, add_up
from bench.data.orders import Cut, Indices, balanced_order_of, stratified_cut
from bench.data.sources.decode import read_pictures
from bench.data.sources.groups import group_numbers, grouped_cut
from bench.errors import InputError


def assemble(
    splits: Mapping[str, RawSplit],
    *,
    key: str,
    place: str,
    validation_per_class: int | None = None,
    passed_over: Iterable[PassedOver] = (),
) -> DataSet:
    """Return one data set from the splits "train", "validation" and "test"; only train is required.

    Image ids number the splits in that order, each as published. Without a test split, the validation split is the test
    split. If both are missing, test is a fifth of each class of train. A missing validation split is a tenth of the
    rest. If images have groups, whole groups are carved, and these are the clusters of the test images.

    Args:
        splits: labels and reader of each split.
        key: key of the hash that decides which images are carved from train.
        place: the data set's name in errors.
        validation_per_class: number of validation images per class, instead of a tenth.
        passed_over: what lies in the source outside its splits.

    Raises:
        InputError: the labels of the splits do not fit together, or a class has too few images to carve from.
    """
    train, validation, test = (splits.get(name) for name in ("train", "validation", "test"))
    assert train is not None
    if test is None:
        validation, test = None, validation
    present = {"train": train, "validation": validation, "test": test}
    given = {name: split for name, split in present.items() if split is not None}
    _check(given, place)
    _check_every_class(train, 4 - len(given), place)
    labels = np.concatenate([split.labels for split in given.values()])
    starts = _starts([split.labels for split in given.values()])
    ids = dict(zip(given, np.split(np.arange(len(labels)), starts[1:]), strict=True))
    pool = ids["train"]
    groups = group_numbers(given, place)
    if test is None:
        if groups is None:
            cut = stratified_cut(labels, pool, 1, 5, key, "test")
        else:
            cut = grouped_cut(labels, groups, pool, 1, 5, key, "test")
            _check_cut(cut, "test", labels, groups, train, 4 - len(given), place)
        pool, ids["test"] = cut.rest, cut.taken
    if validation is None:
        if groups is None:
            cut = _validation(labels, pool, key, validation_per_class)
        else:
            cut = grouped_cut(labels, groups, pool, 1, 10, key, "validation")
            _check_cut(cut, "validation", labels, groups, train, 4 - len(given), place)
        pool, ids["validation"] = cut.rest, cut.taken
    read = _joined(list(given.values()), starts)
    return DataSet(
        labels,
        pool,
        ids["validation"],
        ids["test"],
        train.class_names,
        read,
        split_sources={
            "train": "train",
            "validation": "train" if validation is None else "validation",
            "test": "train" if test is None else "test" if "test" in splits else "validation",
        },
        passed_over=add_up([*passed_over, *(part for split in given.values() for part in split.passed_over)]),
        clusters=groups,
    )


def split_of_files(
    files: Sequence[Path],
    labels: NDArray[np.int64],
    class_names: tuple[str, ...],
    passed_over: tuple[PassedOver, ...] = (),
    groups: NDArray[np.str_] | None = None,
) -> RawSplit:
    """Return a split with one file per label; files are decoded when used."""

    def read(indices: Indices, image_size: int) -> NDArray[np.uint8]:
        chosen = [files[index] for index in indices.tolist()]
        return read_pictures(len(chosen), chosen.__getitem__, image_size, lambda index: str(chosen[index]))

    return RawSplit(labels, read, class_names, passed_over, groups)


def locate(starts: Indices, indices: Indices) -> tuple[Indices, Indices]:
    """Return the group of each index, and its position in that group; groups begin at `starts`."""
    groups = np.searchsorted(starts, indices, side="right") - 1
    return groups, indices - starts[groups]


def check_labels(labels: NDArray[np.int64], num_classes: int, place: str) -> None:
    """Refuse labels outside 0 to classes - 1; the error names the first of them and its image."""
    wrong = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if len(wrong):
        raise InputError(
            f"{place}: image {wrong[0]} has label {labels[wrong[0]]}, but there are {num_classes} classes, 0 to "
            f"{num_classes - 1}; correct the labels, or leave files without labels out"
        )


def number_names(labels: Sequence[NDArray[np.integer]], place: str) -> tuple[str, ...]:
    """Return class numbers as class names; refuse a label that is not below the number of images."""
    highest = max((int(part.max()) for part in labels if len(part)), default=0)
    if highest >= (num_images := sum(map(len, labels))) > 0:
        raise InputError(
            f"{place}: label {highest} of {num_images:,} images is out of range; number the classes from 0"
        )
    return tuple(str(label) for label in range(highest + 1))


def _starts(groups: Sequence[NDArray[np.integer]]) -> Indices:
    """Return the index of the first member of each group in their concatenation."""
    return np.cumsum([0, *map(len, groups)])[:-1]


def _check(splits: Mapping[str, RawSplit], place: str) -> None:
    """Refuse splits with wrong labels, or whose classes do not agree, and two classes that are named alike."""
    train = splits["train"]
    forms = Counter(unicodedata.normalize("NFC", name) for name in train.class_names)
    if alike := [name for name, number in forms.items() if number > 1]:
        raise InputError(
            f"{place}: two classes are named {alike[0]}, perhaps in two forms of Unicode; give both the same name, or "
            "different ones"
        )
    for name, split in splits.items():
        if len(split.labels) == 0:
            raise InputError(f"{place}: {name} has no images; add the missing files")
        check_labels(split.labels, len(split.class_names), f"{place}: {name}")
        for known, given in zip(train.class_names, split.class_names, strict=False):
            if known != given:
                raise InputError(f'{place}: a class is "{known}" in train and "{given}" in {name}; both need the same')
        lacking = np.setdiff1d(split.labels, train.labels)
        if len(lacking):
            raise InputError(
                f'{place}: {name} has images of class "{split.class_names[lacking[0]]}", and train has none; '
                "add some to train, or take the class out"
            )


def _check_every_class(train: RawSplit, needed: int, place: str) -> None:
    """Refuse a single class, and a class with too few images for the splits that are carved from train."""
    if len(train.class_names) < 2:
        raise InputError(f"{place}: {len(train.class_names)} class found; it needs at least two")
    counts = np.bincount(train.labels, minlength=len(train.class_names))
    if (smallest := int(counts.min())) < needed:
        raise InputError(
            f'{place}: class "{train.class_names[int(counts.argmin())]}" has {smallest} images in train; '
            f"it needs at least {needed}, one for each split that is carved; add images, or take the class out"
        )


def _check_cut(cut: Cut, part: str, labels: Indices, groups: Indices, train: RawSplit, needed: int, place: str) -> None:
    """Refuse a cut by groups that leaves a class out, since its images are in too few groups."""
    if len(lacking := np.setdiff1d(labels[cut.rest], labels[cut.taken])):
        num_groups = len(np.unique(groups[: len(train.labels)][train.labels == lacking[0]]))
        raise InputError(
            f'{place}: groups: no group of class "{train.class_names[lacking[0]]}" can be set aside for {part}: it has '
            f"{num_groups} of them in train, and each split needs one of its own, {needed} in all; "
            "use smaller groups, or take the class out"
        )


def _validation(labels: NDArray[np.int64], pool: Indices, key: str, per_class: int | None) -> Cut:
    """Return the cut that sets validation images aside."""
    if per_class is None:
        return stratified_cut(labels, pool, 1, 10, key, "validation")
    num_classes = len(np.unique(labels[pool]))
    order = balanced_order_of(labels, pool, key, "validation")
    taken = np.sort(order[: per_class * num_classes])
    return Cut(taken, np.setdiff1d(pool, taken))


def _joined(splits: Sequence[RawSplit], starts: Indices) -> Reader:
    """Return one reader for the images of all splits."""

    def read(indices: Indices, image_size: int) -> NDArray[np.uint8]:
        images = np.empty((len(indices), 3, image_size, image_size), dtype=np.uint8)
        groups, rows = locate(starts, indices)
        for number, split in enumerate(splits):
            if (in_split := groups == number).any():
                images[in_split] = split.read(rows[in_split], image_size)
        return images

    return read
