"""Read the results of one row's seeds: accuracies and per-image correctness, or the status of seeds without them.

A seed that is missing makes any comparison with that row undecided. A seed that failed to train (`failed_seeds`) is an
outcome: statements about the accuracy of the other seeds are statements given success, and say so.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.correctness import Correctness, PackedRows, common_clusters, require_paired, unpack
from bench.analysis.failed_seeds import DIVERGED, failed_seeds
from bench.analysis.stats.clusters import of_clusters, too_few
from bench.analysis.stats.statistics_errors import DifferentImagesError, DuplicateRowError, UnpairedError
from bench.analysis.targets import slices
from bench.analysis.tested import Tested, read_tested

SEED_COLUMNS = ("seed", "draw", "status", "reason", "accuracy", "notes", "transfer_key")
"""The columns that are read of each cell."""
COMPLETE = "complete"
GIVEN_SUCCESS = "given success"
"""The label of an estimate that leaves out seeds that failed to train."""
ALIKE = "gave the same predictions"
"""What the notes say of seeds whose predictions have the same hash."""
_IN_WORDS = {"not_run": "not run", "out_of_memory": "ran out of memory", "failed": "ended with an error"}


@dataclass(frozen=True)
class SeedResults:
    """The results of one row's seeds. Draws within a seed are averaged, since they share its pretraining."""

    accuracy: dict[int, float]
    """Seed -> accuracy, 0 to 1; only seeds that finished, among them those that failed to train without diverging."""
    problems: dict[int, str]
    """Seed -> its status in words; only seeds without an outcome."""
    reason: str
    """Why seeds did not finish, from the records; empty if all finished."""
    notes: str = ""
    """The notes of the records that a reader of the accuracies should know; empty if there are none."""
    correctness: Correctness | None = None
    """The correctness of the seeds that finished.

    None unless it is kept for all of them, and if their test images are of too few clusters, as the notes say."""
    mixed: str = ""
    """An error message if the seeds were tested on different images; otherwise empty."""
    tested: Tested = field(default_factory=Tested)
    """What is known of the test images and the answers to them."""
    failed: Mapping[int, str] = field(default_factory=dict)
    """Seed -> why it failed to train, in words."""
    diverged_accuracy: float = 0.0
    """What a seed that diverged counts as if failures are counted: the best constant answer, or 0 if it is unknown."""

    @property
    def status(self) -> str:
        """Return `complete`, or words such as `seed 3 failed to train: diverged; seeds 1, 2 not run`."""
        return "; ".join(filter(None, (self.failures, self.lacking))) or COMPLETE

    @property
    def lacking(self) -> str:
        """Return which seeds have no outcome, in words; empty if none."""
        return _in_words(self.problems)

    @property
    def failures(self) -> str:
        """Return which seeds failed to train and how, in words; empty if none."""
        return _in_words({seed: f"failed to train: {why}" for seed, why in self.failed.items()})

    @property
    def seeds(self) -> list[int]:
        """Return all seeds that the row should have, ascending."""
        return sorted({*self.accuracy, *self.failed, *self.problems})

    @property
    def outcomes(self) -> list[int]:
        """Return the seeds that succeeded or failed to train, ascending."""
        return sorted({*self.accuracy, *self.failed})

    @property
    def succeeded(self) -> list[int]:
        """Return the seeds that finished and did not fail to train, ascending."""
        return sorted(self.accuracy.keys() - self.failed.keys())

    def only(self, seeds: Iterable[int]) -> "SeedResults":
        """Return the results of some seeds that finished, as if there were no others."""
        kept = sorted(seeds)
        if kept == self.seeds:
            return self
        accuracy = {seed: self.accuracy[seed] for seed in kept}
        correctness = self.correctness
        if correctness is not None and kept:
            correct = correctness.correct[np.isin(correctness.seeds, kept)]
            correctness = replace(correctness, seeds=tuple(kept), correct=correct)
        return replace(self, accuracy=accuracy, problems={}, failed={}, correctness=correctness if kept else None)

    def at(self, seeds: Iterable[int]) -> "SeedResults":
        """Return the results of some of the row's seeds, whatever became of them."""
        if (kept := {*seeds}) >= {*self.seeds}:
            return self
        problems, failed = ({seed: why[seed] for seed in why if seed in kept} for why in (self.problems, self.failed))
        balanced = {seed: value for seed, value in self.tested.balanced.items() if seed in kept}
        tested = replace(self.tested, balanced=balanced)
        return replace(self.only(kept & self.accuracy.keys()), problems=problems, failed=failed, tested=tested)

    def counted(self) -> "SeedResults":
        """Return the results with failed seeds counted as what they scored, or as `diverged_accuracy`."""
        diverged = dict.fromkeys(self.failed.keys() - self.accuracy.keys(), self.diverged_accuracy)
        accuracy, correctness = {**self.accuracy, **diverged}, self.correctness
        if correctness is not None and diverged:
            added = np.full((len(diverged), correctness.num_images), self.diverged_accuracy)
            seeds, correct = (*correctness.seeds, *diverged), np.concatenate([correctness.correct, added])
            order = np.argsort(seeds)
            correctness = replace(correctness, seeds=tuple(sorted(seeds)), correct=correct[order])
        return replace(self, accuracy=accuracy, failed={}, correctness=correctness)


def expected_seeds(cells: pd.DataFrame) -> list[int]:
    """Return the seeds that every row must have: those that at least one row has begun.

    Seeds are the outermost loop of a suite. A seed that no row has begun is missing from all rows, so the other seeds
    are still balanced.
    """
    begun = cells.loc[cells["status"] != "not_run", "seed"]
    return sorted(int(seed) for seed in (begun if len(begun) else cells["seed"]).unique())


def planned_seeds(rows: pd.DataFrame, expected: Iterable[int]) -> list[int]:
    """Return those of the expected seeds that some rows have a cell of: a suite may train rows with fewer seeds."""
    planned = {*rows["seed"].tolist()}
    return [seed for seed in expected if seed in planned]


def read_seeds(cells: pd.DataFrame, expected: list[int], packed: PackedRows | None = None) -> SeedResults:
    """Read the results of one row's seeds from its cells.

    Args:
        cells: One row per seed and draw.
        expected: The seeds that the row must have.
        packed: The correctness of each run, if it is kept.

    Raises:
        DuplicateRowError: A seed and draw occur twice.
    """
    draws = _draws(cells)
    diverged = [seed for seed in expected if any(draw.status == DIVERGED for draw in draws.get(seed, []))]
    problems = {seed: problem for seed in expected if (problem := _problem(draws.get(seed, [])))}
    finished = [seed for seed in expected if seed not in problems]
    accuracy = {seed: fmean(draw.accuracy for draw in draws[seed]) for seed in finished}
    cut_off = [draw for seed in problems for draw in draws.get(seed, []) if draw.status != "ok"]
    correctness, mixed = _correctness({seed: draws[seed] for seed in finished}, packed or {})
    reason = _too_few_clusters(correctness)
    tested = read_tested(cells, finished)
    num_images = correctness.num_images if correctness else tested.num_test_images or 0
    constant = tested.constant_answer
    return SeedResults(
        accuracy=accuracy,
        problems={seed: problem for seed, problem in problems.items() if seed not in diverged},
        reason=_joined(draw.reason for draw in cut_off),
        notes=_joined(
            [
                *(draw.notes for seed in expected for draw in draws.get(seed, [])),
                *_alike(draws, packed or {}),
                reason,
            ]
        ),
        correctness=correctness if not reason else None,
        mixed=mixed,
        tested=tested,
        failed=dict.fromkeys(diverged, DIVERGED) | failed_seeds(accuracy, constant, num_images),
        diverged_accuracy=0.0 if math.isnan(constant) else constant,
    )


def lacking_seeds(row: SeedResults, reference: SeedResults, reference_name: str) -> str:
    """Return which seeds either side lacks, in words; empty if none is lacking."""
    return "; ".join(filter(None, (row.lacking, f"{reference_name} {reference.lacking}" if reference.lacking else "")))


def stack(rows: Mapping[str, Sequence[SeedResults]]) -> list[np.ndarray]:
    """Stack rows in arrays, one for each set of test images.

    Targets that are slices of one another, such as `digits@100` and `digits@500`, share their test images and are
    averaged.

    Args:
        rows: Target -> its complete rows, in the same order for each target.

    Returns:
        (seeds, images, rows) for each set of test images, 0 to 1; (seeds, clusters, rows), as `of_clusters` returns
        them, if images come in clusters; (seeds, 1, rows) if the correctness of a row is not kept.

    Raises:
        UnpairedError, DifferentImagesError: The rows differ in their seeds or test images.
    """
    return [np.mean(_stack([rows[target] for target in same]), axis=0) for same in slices(rows)]


def _stack(targets: Sequence[Sequence[SeedResults]]) -> list[np.ndarray]:
    """Return (seeds, images, rows) for each target; all targets share their test images."""
    rows = [row for of_target in targets for row in of_target]
    if unpaired := sorted({seed for row in rows for seed in row.accuracy.keys() ^ rows[0].accuracy.keys()}):
        raise UnpairedError(f"seeds {unpaired} are on one side only; a paired difference needs both sides")
    if mixed := next((row.mixed for row in rows if row.mixed), ""):
        raise DifferentImagesError(mixed)
    kept = [row.correctness for row in rows if row.correctness]
    require_paired(kept)
    if len(kept) == len(rows):
        clusters = common_clusters(kept)
        return [
            of_clusters(np.stack([row.correctness.correct for row in rows if row.correctness], axis=2), clusters)
            for rows in targets
        ]
    return [
        np.array([[row.accuracy[seed] for row in rows] for seed in sorted(rows[0].accuracy)])[:, None]
        for rows in targets
    ]


def _draws(cells: pd.DataFrame) -> dict[int, list[Any]]:
    """Return the cells of each seed."""
    if (repeated := cells.duplicated(["seed", "draw"])).any():
        model, target, seed = cells.loc[repeated, ["model", "target", "seed"]].iloc[0]
        raise DuplicateRowError(f"{model} on {target}: seed {seed} occurs twice")
    draws: dict[int, list[Any]] = {}
    for seed, cell in zip(cells["seed"].tolist(), cells[list(SEED_COLUMNS)].itertuples(index=False), strict=True):
        draws.setdefault(seed, []).append(cell)
    return draws


def _problem(draws: list[Any]) -> str:
    """Return the status of a seed in words; empty if all its draws finished."""
    if not draws:
        return "missing"
    failed = [draw.status for draw in draws if draw.status != "ok"]
    if failed:
        return _IN_WORDS.get(failed[0], failed[0])
    return "has no accuracy" if any(math.isnan(draw.accuracy) for draw in draws) else ""


def _correctness(draws: Mapping[int, Sequence[Any]], packed: PackedRows) -> tuple[Correctness | None, str]:
    """Return the correctness of the finished seeds if it is kept for all, and an error if their images differ."""
    if not draws or not all(draw.transfer_key in packed for of_seed in draws.values() for draw in of_seed):
        return None, ""
    try:
        return unpack({seed: [packed[draw.transfer_key] for draw in of_seed] for seed, of_seed in draws.items()}), ""
    except DifferentImagesError as error:
        return None, str(error)


def _alike(draws: Mapping[int, Sequence[Any]], packed: PackedRows) -> list[str]:
    """Return a note for each group of seeds with the same predictions, down to the last bit of every confidence."""
    same: dict[tuple[str, ...], list[int]] = {}
    for seed, of_seed in sorted(draws.items()):
        hashes = tuple(packed.get(draw.transfer_key, {}).get("predictions", "") for draw in of_seed)
        if all(hashes):
            same.setdefault(hashes, []).append(seed)
    why = "the seed has no effect, or one is a copy of another"
    return [f"{_name_seeds(seeds)} {ALIKE}: {why}" for seeds in same.values() if len(seeds) > 1]


def _too_few_clusters(row: Correctness | None) -> str:
    """Return why intervals are over seeds alone; empty if they need not be."""
    if row is None or row.clusters is None:
        return ""
    reason = too_few(np.unique(row.clusters, return_counts=True)[1])
    return f"{reason}: intervals are over seeds alone" if reason else ""


def _joined(texts: Iterable[str]) -> str:
    """Return the texts that are not empty, each once."""
    return "; ".join(dict.fromkeys(filter(None, texts)))


def _in_words(problems: Mapping[int, str]) -> str:
    """Return `seeds 1, 2 not run; seed 3 missing`; empty if there is no problem."""
    by_problem: dict[str, list[int]] = {}
    for seed, problem in sorted(problems.items()):
        by_problem.setdefault(problem, []).append(seed)
    return "; ".join(f"{_name_seeds(seeds)} {problem}" for problem, seeds in by_problem.items())


def _name_seeds(seeds: list[int]) -> str:
    """Return `seed 3`, `seeds 1, 2`, `seeds 0 to 4, 8`."""
    stretches: list[list[int]] = []
    for seed in seeds:
        if stretches and seed == stretches[-1][-1] + 1:
            stretches[-1].append(seed)
        else:
            stretches.append([seed])
    names = [f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in stretches]
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(names)}"
