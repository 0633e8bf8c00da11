"""Decode every image of a data set, and list the images that cannot be read: `bench data verify`.

The MD5 sums of a publisher's archives and files are compared too, if the files exist and the sums are known.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data import catalogue, opening
from bench.data.dataset import DataSet, PassedOver, is_single_colour
from bench.data.sources.torchvision_sets import wrong_sums
from bench.data.target import TargetRef, check_target
from bench.errors import InputError

CHUNK = 1_024
"""Images that are decoded at once, on threads; large enough that few parquet row groups are read twice."""
IMAGE_SIZE = 32
"""Pixels per side; every image is decoded in full, whatever the size."""


@dataclass(frozen=True)
class Verification:
    """The result of verifying a data set."""

    num_images: int
    class_counts: dict[str, dict[str, int]]
    """Number of images: class -> split (train, validation or test) -> count."""
    bad: dict[int, str]
    """Image id -> why the image cannot be read."""
    wrong_sums: list[str]
    """Messages about files whose MD5 sum is not the published one."""
    single_colour: tuple[int, ...] = ()
    """Ids of the images of a single colour at `IMAGE_SIZE`: blank ones, or values of another range."""
    num_shared_between_splits: dict[str, int] = field(default_factory=dict)
    """Split -> its images whose pixels are also in a split before it."""
    num_under_several_classes: int = 0
    """Images whose pixels also stand under another class."""
    passed_over: tuple[PassedOver, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether every image can be read and every sum is right."""
        return not self.bad and not self.wrong_sums


def verify(target: TargetRef, data_dir: Path, on_progress: Callable[[int, int], None]) -> Verification:
    """Read a whole data set; after each chunk, call `on_progress` with the numbers of images read and of all images.

    Raises:
        InputError: the data set cannot be opened, or has fewer training images than `target` asks for.
    """
    from bench.data.content_hashes import hashes_of_pictures, num_shared_between_splits, num_under_several_classes
    from bench.data.loading.bad_images import read_leniently

    check_target(target, data_dir)
    sums = _wrong_sums(target, data_dir)
    try:
        source = opening.OpenData(target.name, target.path, data_dir)
        data = source.data
    except InputError as error:
        raise InputError("; ".join([str(error), *sums])) from error
    bad: dict[int, str] = {}
    single: list[int] = []
    hashes = np.zeros(len(data.labels), np.uint64)
    for start in range(0, len(data.labels), CHUNK):
        indices = np.arange(start, min(start + CHUNK, len(data.labels)))
        images, reasons = read_leniently(source, indices, IMAGE_SIZE)
        single += [int(indices[place]) for place in np.flatnonzero(is_single_colour(images)) if place not in reasons]
        hashes[indices] = hashes_of_pictures(images, reasons)
        bad |= {int(indices[place]): reason for place, reason in reasons.items()}
        on_progress(int(indices[-1]) + 1, len(data.labels))
    return Verification(
        len(data.labels),
        _class_counts(data),
        bad,
        sums,
        tuple(single),
        num_shared_between_splits({split: hashes[ids] for split, ids in _splits(data).items()}),
        num_under_several_classes(hashes, data.labels),
        data.passed_over,
        data.notes,
    )


def _class_counts(data: DataSet) -> dict[str, dict[str, int]]:
    """Count the images of each class in each split."""
    counts = {
        split: np.bincount(data.labels[ids], minlength=len(data.class_names)) for split, ids in _splits(data).items()
    }
    return {name: {split: int(counts[split][label]) for split in counts} for label, name in enumerate(data.class_names)}


def _splits(data: DataSet) -> dict[str, NDArray[np.int64]]:
    """Return the ids of each split's images."""
    return {"train": data.pool, "validation": data.validation, "test": data.test}


def _wrong_sums(target: TargetRef, data_dir: Path) -> list[str]:
    """Return messages about wrong sums of a published data set's files; missing files are skipped."""
    published = catalogue.CATALOGUE[target.name].published if target.path is None else None
    return [str(wrong) for wrong in wrong_sums(published, data_dir)] if published is not None else []
