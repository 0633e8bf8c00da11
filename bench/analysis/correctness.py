"""Store which test images a run classified correctly, and read it back for the seeds of a row.

Every seed is tested on the same images, so seeds and images are crossed. Two rows are paired image by image if they
were tested on the same images. `images` is a hash of those; rows with different hashes are refused.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.frames import require_columns, require_unique
from bench.analysis.stats.statistics_errors import (
    CorrectnessError,
    DifferentImagesError,
    DuplicateRowError,
    UnpairedError,
)

COLUMNS = ("transfer_key", "images", "num_images", "correct")
"""The columns of the table `correctness`, one row per finished transfer.

`correct` has one bit per image, in the order of the ids. Tables of a store also have `predictions`, a hash."""
PackedRow = Mapping[Any, Any]
"""A row of the table `correctness`."""
PackedRows = Mapping[str, PackedRow]
"""The rows of the table `correctness` by the key of their run."""


@dataclass(frozen=True)
class Correctness:
    """Which test images the seeds of one row classified correctly."""

    seeds: tuple[int, ...]
    """The seeds, in ascending order, each once."""
    correct: np.ndarray
    """(seeds, images), 0 to 1: whether each image was classified correctly, averaged over the draws of a seed."""
    images: str
    """A hash of the images' ids and labels."""

    def __post_init__(self) -> None:
        """Check seeds, shape and values.

        Raises:
            CorrectnessError: Seeds, shape or values are wrong.
        """
        if not self.seeds or list(self.seeds) != sorted(set(self.seeds)):
            raise CorrectnessError(f"seeds {self.seeds}: there must be at least one, in ascending order, each once")
        if self.correct.ndim != 2 or len(self.correct) != len(self.seeds) or self.correct.shape[1] == 0:
            raise CorrectnessError(f"shape {self.correct.shape}; expected ({len(self.seeds)} seeds, images)")
        if not ((self.correct >= 0) & (self.correct <= 1)).all():
            raise CorrectnessError("a value is not a number from 0 (wrong) to 1 (right)")

    @property
    def num_images(self) -> int:
        """Return the number of test images."""
        return int(self.correct.shape[1])


def pack(transfer_key: str, ids: np.ndarray, labels: np.ndarray, predictions: np.ndarray) -> dict[str, Any]:
    """Return a transfer's row of the table `correctness`.

    Args:
        transfer_key: The key of the run.
        ids: (images,) integers, unique within the test split.
        labels: (images,) integers, the true classes.
        predictions: (images,) integers, the predicted classes.

    Raises:
        DuplicateRowError: An image occurs twice.
    """
    order = np.argsort(ids, kind="stable")
    tested = np.stack([np.asarray(ids)[order], np.asarray(labels)[order]]).astype("<i8")
    if (duplicates := tested[0, 1:][np.diff(tested[0]) == 0]).size:
        raise DuplicateRowError(f"run {transfer_key}: test image {duplicates[0]} occurs twice")
    right = tested[1] == np.asarray(predictions)[order]
    digest = hashlib.sha256(tested.tobytes()).hexdigest()[:16]
    return dict(zip(COLUMNS, (transfer_key, digest, len(right), np.packbits(right).tobytes()), strict=True))


def by_key(table: pd.DataFrame | None) -> PackedRows:
    """Return the rows of the table `correctness` by the key of their run; none without a table.

    Raises:
        MissingColumnError: The table lacks a column.
        DuplicateRowError: A run occurs twice.
    """
    if table is None:
        return {}
    require_columns(table, COLUMNS, "correctness")
    require_unique(table, "transfer_key", "correctness")
    columns = [name for name in (*COLUMNS, "predictions") if name in table]
    return {row["transfer_key"]: row for row in table[columns].to_dict("records")}


def unpack(draws: Mapping[int, Sequence[PackedRow]]) -> Correctness:
    """Return the correctness of one row.

    Args:
        draws: Seed -> the packed rows of its draws.

    Raises:
        DifferentImagesError: The draws were tested on different images.
        CorrectnessError: There is no seed.
    """
    images = {str(row["images"]) for of_seed in draws.values() for row in of_seed}
    if len(images) > 1:
        raise DifferentImagesError(f"cells of one row were tested on different images: {', '.join(sorted(images))}")
    correct = [np.mean([_unpacked(row) for row in draws[seed]], axis=0) for seed in sorted(draws)]
    return Correctness(tuple(sorted(draws)), np.array(correct), "".join(images))


def require_paired(rows: Sequence[Correctness]) -> None:
    """Require rows to have the same seeds and test images.

    Raises:
        UnpairedError: A row lacks a seed that another one has. The caller decides which seeds may be left out.
        DifferentImagesError: The rows were tested on different images.
    """
    for row in rows[1:]:
        if unpaired := sorted({*rows[0].seeds} ^ {*row.seeds}):
            raise UnpairedError(f"seeds {unpaired} are on one side only; a paired difference needs both sides")
        if (row.images, row.num_images) != (rows[0].images, rows[0].num_images):
            raise DifferentImagesError(
                f"tested on different images: {rows[0].images} ({rows[0].num_images}) and "
                f"{row.images} ({row.num_images})"
            )


def _unpacked(row: PackedRow) -> np.ndarray:
    """Return (images,): 1 for each image that was classified correctly, else 0."""
    bits = np.frombuffer(row["correct"], dtype=np.uint8)
    return np.unpackbits(bits, count=int(row["num_images"])).astype(np.float64)
