"""Which test images a row of the comparison got right, seed by seed, and the table that keeps it.

The same images meet every seed, so the two are crossed, and two rows can be paired image by image where they were
tested on the same ones: `images` is a hash of those, and rows that differ in it are refused, never aligned by place.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.frames import require_columns, require_unique
from bench.analysis.stats.statistics_errors import AnswersError, DifferentImagesError, DuplicateRowError, UnpairedError

COLUMNS = ("transfer_key", "images", "num_images", "correct")
"""Of the table `correctness`: a row a finished transfer; `correct` is a bit an image, in the order of the ids."""
NO_ANSWERS = pd.DataFrame(columns=list(COLUMNS))
Known = Mapping[str, Mapping[str, Any]]
"""The rows of the table `correctness` by the key of their run."""
_READ = ("seed", "draw", "status", "transfer_key")


@dataclass(frozen=True)
class Answers:
    """What the seeds of one row answered."""

    seeds: tuple[int, ...]
    """In ascending order, each once."""
    correct: np.ndarray
    """(seeds, images), 0 to 1: whether each image was classified rightly; draws within a seed are averaged."""
    images: str
    """Which images these are: a hash of their ids and labels."""

    def __post_init__(self) -> None:
        """Refuse what is not the answers of some seeds to some images."""
        if not self.seeds or list(self.seeds) != sorted(set(self.seeds)):
            raise AnswersError(f"seeds {self.seeds}: at least one, in ascending order, each once")
        if self.correct.ndim != 2 or len(self.correct) != len(self.seeds) or self.correct.shape[1] == 0:
            raise AnswersError(f"answers of shape {self.correct.shape}; expected ({len(self.seeds)} seeds, images)")
        if not ((self.correct >= 0) & (self.correct <= 1)).all():
            raise AnswersError("an answer outside 0 (wrong) to 1 (right), or not a number")

    @property
    def num_images(self) -> int:
        """Test images."""
        return int(self.correct.shape[1])

    @property
    def accuracy(self) -> dict[int, float]:
        """Of each seed, 0 to 1."""
        return dict(zip(self.seeds, self.correct.mean(axis=1).tolist(), strict=True))


def pack(transfer_key: str, ids: np.ndarray, labels: np.ndarray, predictions: np.ndarray) -> dict[str, Any]:
    """A transfer's row of the table `correctness`.

    Args:
        transfer_key: of the run.
        ids: (images,) integers, unique within the test split.
        labels: (images,) integers.
        predictions: (images,) integers.

    Raises:
        DuplicateRowError: an image stands twice.
    """
    order = np.argsort(ids, kind="stable")
    known = np.stack([np.asarray(ids)[order], np.asarray(labels)[order]]).astype("<i8")
    if (twice := known[0, 1:][np.diff(known[0]) == 0]).size:
        raise DuplicateRowError(f"run {transfer_key}: test image {twice[0]} stands twice")
    right = known[1] == np.asarray(predictions)[order]
    digest = hashlib.sha256(known.tobytes()).hexdigest()[:16]
    return dict(zip(COLUMNS, (transfer_key, digest, len(right), np.packbits(right).tobytes()), strict=True))


def by_key(table: pd.DataFrame) -> Known:
    """The rows of the table `correctness` by the key of their run.

    Raises:
        MissingColumnError: the table is another one.
        DuplicateRowError: a run stands twice.
    """
    require_columns(table, COLUMNS, "correctness")
    require_unique(table, "transfer_key", "correctness")
    columns = (table[name].tolist() for name in COLUMNS)
    return {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)}


def read_answers(cells: pd.DataFrame, known: Known, seeds: Iterable[int] | None = None) -> Answers | None:
    """The answers of one row of the comparison.

    Args:
        cells: those of the row, as in the table `cells`.
        known: as from `by_key`.
        seeds: those to read; by default all of whose cells each one ended ok.

    Returns:
        None where the answers of a cell of these seeds are not kept, or where no seed is left.

    Raises:
        DuplicateRowError: a seed and draw stand twice.
        DifferentImagesError: its cells were tested on different images.
    """
    require_columns(cells, _READ, "cells")
    keys = _keys(cells)
    chosen = sorted(keys if seeds is None else seeds)
    packed = [[known.get(key) for key in keys.get(seed, [""])] for seed in chosen]
    found = [[row for row in draws if row is not None] for draws in packed]
    if not found or any(len(some) < len(draws) for some, draws in zip(found, packed, strict=True)):
        return None
    images = {str(row["images"]): int(row["num_images"]) for draws in found for row in draws}
    if len(images) > 1:
        raise DifferentImagesError(f"cells of one row were tested on different images: {', '.join(sorted(images))}")
    correct = np.stack([np.mean([_unpack(row) for row in draws], axis=0) for draws in found])
    return Answers(tuple(int(seed) for seed in chosen), correct, next(iter(images)))


def accuracy_of(row: Mapping[str, Any]) -> float:
    """The accuracy of a row of the table, 0 to 1."""
    return float(_unpack(row).mean())


def require_paired(rows: Sequence[Answers]) -> None:
    """Refuse rows that seeds and images do not pair.

    Raises:
        UnpairedError: a seed stands in one row only. Which seeds may be left out is not decided here.
        DifferentImagesError: they were tested on different images.
    """
    for row in rows[1:]:
        if unpaired := sorted({*rows[0].seeds} ^ {*row.seeds}):
            raise UnpairedError(f"seeds {unpaired} stand on one side only; a paired difference needs both")
        if (row.images, row.num_images) != (rows[0].images, rows[0].num_images):
            raise DifferentImagesError(
                f"tested on different images: {rows[0].images} ({rows[0].num_images}) and "
                f"{row.images} ({row.num_images})"
            )


def _keys(cells: pd.DataFrame) -> dict[int, list[str]]:
    """The runs of each seed whose cells all ended ok; its draws in their order."""
    ordered = cells.sort_values(["seed", "draw"], kind="stable")
    if (twice := ordered.duplicated(["seed", "draw"])).any():
        raise DuplicateRowError(f"seed {ordered.loc[twice, 'seed'].iloc[0]} stands twice in one row")
    keys: dict[int, list[str]] = {}
    failed = {int(seed) for seed in ordered.loc[ordered["status"] != "ok", "seed"]}
    for seed, key in zip(ordered["seed"].tolist(), ordered["transfer_key"].tolist(), strict=True):
        if seed not in failed:
            keys.setdefault(int(seed), []).append(key)
    return keys


def _unpack(row: Mapping[str, Any]) -> np.ndarray:
    """(images,) 0 or 1."""
    bits = np.frombuffer(row["correct"], dtype=np.uint8)
    return np.unpackbits(bits, count=int(row["num_images"])).astype(np.float64)
