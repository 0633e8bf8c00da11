"""Identify the rows of the comparison that claims are judged on, with their results and runs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.analysis.comparison import SCRATCH
from bench.analysis.format import plural
from bench.analysis.seeds import SeedResults, stack
from bench.analysis.stats.statistics_errors import IncompleteRowError, MissingRowError


@dataclass(frozen=True)
class Transfer:
    """A way of transfer, with the number of training images per class for k-shot probes."""

    kind: str
    shots: int | None = None

    def __str__(self) -> str:
        """Return `fine-tune`, or `k-shot, 5 shots`."""
        return f"{self.kind}, {self.shots} shots" if self.shots else self.kind


@dataclass(frozen=True)
class RowId:
    """Everything that identifies a row except its target."""

    model: str
    corpus: str
    subset_images: int | None
    transfer: Transfer
    ablation: str = ""
    arm: str = ""

    def __str__(self) -> str:
        """Return `vit_pico/8 after 4,096 images of fractals`, with the arm of an ablation."""
        arm = f", {self.ablation}: {self.arm}" if self.ablation else ""
        if self.corpus == SCRATCH:
            return f"{self.model} from scratch{arm}"
        of = f"{plural(self.subset_images, 'image')} of " if self.subset_images is not None else ""
        return f"{self.model} after {of}{self.corpus}{arm}"


@dataclass(frozen=True)
class CompleteRow:
    """A row on one target, whose every seed succeeded or failed to train."""

    id: RowId
    results: SeedResults
    transfer_keys: tuple[str, ...]
    """The keys of the runs that were tested."""
    pretrain_keys: tuple[str, ...]
    """The keys of the pretraining runs that they started from."""

    @property
    def num_seeds(self) -> int:
        """Return the number of seeds."""
        return len(self.results.outcomes)


RowsByTarget = Mapping[str, Sequence[CompleteRow]]
"""Target -> rows, in the same order for each target."""


def stacked(rows: RowsByTarget) -> list[np.ndarray]:
    """Return (seeds, images, rows) for each set of test images; errors as for `bench.analysis.seeds.stack`.

    Raises:
        IncompleteRowError: A seed of a row failed to train.
    """
    if failed := failures(rows):
        some = rows_of(rows)
        raise IncompleteRowError(failed, len(_kept(rows, some[0])), some[0].num_seeds)
    return _stacked(rows, lambda row: row.results)


def stacked_given_success(rows: RowsByTarget) -> list[np.ndarray]:
    """Return the same over the seeds with which no row failed to train.

    Raises:
        IncompleteRowError: There is no such seed.
    """
    some = rows_of(rows)[0]
    if not _kept(rows, some):
        raise IncompleteRowError(f"no seed with which all succeeded: {failures(rows)}", 0, some.num_seeds)
    return _stacked(rows, lambda row: row.results.only(_kept(rows, row)))


def stacked_with_failures(rows: RowsByTarget) -> list[np.ndarray]:
    """Return the same over all seeds, with failed ones counted as what they scored."""
    return _stacked(rows, lambda row: row.results.counted())


def failures(rows: RowsByTarget) -> str:
    """Return which seeds of which rows failed to train, in words; empty if none."""
    return "; ".join(
        f"{row.id} on {target}: {row.results.failures}"
        for target, of_target in rows.items()
        for row in of_target
        if row.results.failed
    )


def _stacked(rows: RowsByTarget, chosen: Callable[[CompleteRow], SeedResults]) -> list[np.ndarray]:
    return stack({target: [chosen(row) for row in of_target] for target, of_target in rows.items()})


def _kept(rows: RowsByTarget, row: CompleteRow) -> list[int]:
    """Return the seeds of a row with which no row failed to train."""
    return sorted({*row.results.outcomes} - {seed for other in rows_of(rows) for seed in other.results.failed})


def by_balanced_accuracy(rows: RowsByTarget) -> dict[str, list[CompleteRow]]:
    """Return rows with balanced accuracies in place of accuracies, without per-image correctness.

    Raises:
        UnpairedError, DifferentImagesError: The rows of a target differ in their seeds or test images.
        MissingRowError: The records of a row do not contain balanced accuracies.
    """
    stacked_with_failures(rows)  # raises errors that are not seen without correctness
    return {target: [_balanced(row) for row in of_target] for target, of_target in rows.items()}


def _balanced(row: CompleteRow) -> CompleteRow:
    if not row.results.tested.balanced:
        raise MissingRowError(f"{row.id}: its records do not contain balanced accuracies, since they are older")
    balanced = dict(row.results.tested.balanced)
    return replace(row, results=replace(row.results, accuracy=balanced, correctness=None))


def rows_of(rows: RowsByTarget) -> list[CompleteRow]:
    """Return the rows of all targets."""
    return [row for of_target in rows.values() for row in of_target]


def keys_of(rows: Iterable[CompleteRow]) -> tuple[str, ...]:
    """Return the keys of all runs behind some rows, each once."""
    return tuple(dict.fromkeys(key for row in rows for key in (*row.pretrain_keys, *row.transfer_keys)))
