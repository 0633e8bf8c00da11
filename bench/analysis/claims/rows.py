"""Rows of the comparison, and weighed sums of them: seed by seed, and image by image where the answers are kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.analysis.comparison import SCRATCH
from bench.analysis.correctness import Answers, require_paired
from bench.analysis.format import plural
from bench.analysis.stats.statistics_errors import UnpairedError
from bench.analysis.targets import base


@dataclass(frozen=True)
class Transfer:
    """A way of transfer, and of k-shot probes the training images of each class."""

    kind: str
    shots: int | None = None

    def __str__(self) -> str:
        """`fine-tune`, `k-shot, 5 shots`."""
        return f"{self.kind}, {self.shots} shots" if self.shots else self.kind


@dataclass(frozen=True)
class Place:
    """All that identifies a row but its target."""

    model: str
    corpus: str
    subset_images: int | None
    transfer: Transfer
    ablation: str = ""
    arm: str = ""

    def __str__(self) -> str:
        """`vit_pico/8 after 4,096 images of fractals`, with the arm where it is one."""
        arm = f", {self.ablation}: {self.arm}" if self.ablation else ""
        if self.corpus == SCRATCH:
            return f"{self.model} from scratch{arm}"
        of = f"{plural(self.subset_images, 'image')} of " if self.subset_images is not None else ""
        return f"{self.model} after {of}{self.corpus}{arm}"


@dataclass(frozen=True)
class Row:
    """What the seeds of one place reached on one target."""

    place: Place
    target: str
    seeds: tuple[int, ...]
    accuracy: tuple[float, ...]
    """Of each seed, 0 to 1; draws within a seed are averaged."""
    answers: Answers | None
    """To each test image, where these are kept."""
    transfer_keys: tuple[str, ...]
    """Of the runs that were tested."""
    pretrain_keys: tuple[str, ...]
    """Of those that they started from."""


def combined(rows: Mapping[str, Sequence[Row]], weights: Sequence[float]) -> list[np.ndarray]:
    """A weighed sum of rows in each seed and test image: (seeds, images) for each of the targets.

    Args:
        rows: target -> its rows, as many as there are weights and in their order.
        weights: such as 1 and -1 for a difference.

    Returns:
        An array a set of test images; slices of one target are averaged. (seeds, 1) where the answers of a row are not
        kept.

    Raises:
        UnpairedError, DifferentImagesError: rows are not of the same seeds, or test images.
    """
    return [stack @ np.asarray(weights, dtype=np.float64) for stack in stacked(rows)]


def stacked(rows: Mapping[str, Sequence[Row]]) -> list[np.ndarray]:
    """The same before they are summed: (seeds, images, rows)."""
    slices: dict[str, list[Sequence[Row]]] = {}
    for target, of_target in rows.items():
        slices.setdefault(base(target), []).append(of_target)
    return [np.mean(_stack(same), axis=0) for same in slices.values()]


def keys_of(rows: Iterable[Row]) -> tuple[str, ...]:
    """Of all runs behind some rows, each once."""
    return tuple(dict.fromkeys(key for row in rows for key in (*row.pretrain_keys, *row.transfer_keys)))


def _stack(slices: Sequence[Sequence[Row]]) -> list[np.ndarray]:
    """Rows of the same test images: an array (seeds, images, rows) a slice."""
    every = [row for rows in slices for row in rows]
    if unpaired := sorted({seed for row in every for seed in {*row.seeds} ^ {*every[0].seeds}}):
        raise UnpairedError(f"seeds {unpaired} stand on one side only; a paired difference needs both")
    answers = [row.answers for row in every if row.answers is not None]
    if len(answers) < len(every):
        return [np.array([row.accuracy for row in rows]).T[:, None, :] for rows in slices]
    require_paired(answers)
    return [np.stack([row.answers.correct for row in rows if row.answers], axis=2) for rows in slices]
