"""One row of a table as what its seeds left: accuracies where they finished, and words where they did not.

A seed that diverged or is missing makes any comparison with that row undecided. The seeds that did finish are
shown with it, and are never used alone in silence: failures are not random, so what survives them is biased.
"""

import math
from dataclasses import dataclass
from statistics import fmean

import pandas as pd

from bench.analysis.frames import Key, as_key
from bench.analysis.stats.intervals import LEVEL, Interval, mean_interval, paired_interval, unknown
from bench.analysis.stats.statistics_errors import DuplicateRowError

COMPLETE = "complete"
_IN_WORDS = {"not_run": "not run", "out_of_memory": "ran out of memory"}


@dataclass(frozen=True)
class Seeds:
    """What the seeds of one row left. Draws within a seed are averaged: they share its pretraining."""

    accuracy: dict[int, float]
    """Of each seed that finished, 0 to 1."""
    problems: dict[int, str]
    """What became of each seed that did not."""
    reason: str
    """Why, in the records' words; empty if all finished."""
    notes: str = ""
    """What a reader of the accuracies should know, in the records' words; empty if nothing."""

    @property
    def status(self) -> str:
        """`complete`, or such as `seed 3 diverged; seeds 1, 2 not run`."""
        by_problem: dict[str, list[int]] = {}
        for seed, problem in sorted(self.problems.items()):
            by_problem.setdefault(problem, []).append(seed)
        texts = [f"{_name_seeds(seeds)} {problem}" for problem, seeds in by_problem.items()]
        return "; ".join(texts) or COMPLETE

    def interval(self, level: float = LEVEL) -> Interval:
        """Over the seeds that finished; all NaN where none did."""
        values = [self.accuracy[seed] for seed in sorted(self.accuracy)]
        return mean_interval(values, level) if values else unknown(0)


@dataclass(frozen=True)
class Difference:
    """A paired difference between two rows, or why there is none."""

    interval: Interval
    status: str
    """`complete`, or `undecided: …`."""
    method: str = ""
    """What the interval is over; empty without one."""
    p_value: float = math.nan
    """Of a sign-flip test; NaN where there are too few pairs for one."""


def expected_seeds(cells: pd.DataFrame) -> list[int]:
    """The seeds that every row is held to: those that any row has begun.

    Seeds run outermost, so one that no row has begun was cut off for all alike, and what the others show is
    still balanced.
    """
    begun = cells.loc[cells["status"] != "not_run", "seed"]
    return sorted(int(seed) for seed in (begun if len(begun) else cells["seed"]).unique())


def read_seeds(rows: pd.DataFrame, expected: list[int]) -> Seeds:
    """What the seeds left in the rows of one key.

    Raises:
        DuplicateRowError: a seed and draw stand twice.
    """
    draws = _draws(rows)
    accuracy: dict[int, float] = {}
    problems: dict[int, str] = {}
    reasons: dict[str, None] = {}
    notes: dict[str, None] = {}
    for seed in expected:
        notes |= {draw.notes: None for draw in draws.get(seed, []) if draw.notes}
        if problem := _problem(draws.get(seed, [])):
            problems[seed] = problem
            reasons |= {draw.reason: None for draw in draws.get(seed, []) if draw.status != "ok" and draw.reason}
        else:
            accuracy[seed] = fmean(draw.accuracy for draw in draws[seed])
    return Seeds(accuracy, problems, "; ".join(reasons), "; ".join(notes))


def difference(row: Seeds, reference: Seeds, reference_name: str, level: float = LEVEL) -> Difference:
    """How far a row lies above its reference, seed by seed; undecided if a seed lacks on either side."""
    pairs = row.accuracy.keys() & reference.accuracy.keys()
    if lacking := problems(row, reference, reference_name):
        return Difference(unknown(len(pairs)), f"undecided: {lacking}")
    interval = paired_interval(row.accuracy, reference.accuracy, level)
    if interval.is_known:
        return Difference(interval, COMPLETE)
    why = "one pair has no interval" if interval.n == 1 else "every pair differs by the same"
    return Difference(interval, f"undecided: {why}")


def problems(row: Seeds, reference: Seeds, reference_name: str) -> str:
    """The seeds that lack on either side, in words; empty if none does."""
    texts = [] if row.status == COMPLETE else [row.status]
    if reference.status != COMPLETE:
        texts.append(f"{reference_name} {reference.status}")
    return "; ".join(texts)


@dataclass(frozen=True)
class _Draw:
    """One cell of a seed."""

    status: str
    reason: str
    accuracy: float
    notes: str


def _draws(rows: pd.DataFrame) -> dict[int, list[_Draw]]:
    """The cells of each seed."""
    seen: set[Key] = set()
    draws: dict[int, list[_Draw]] = {}
    columns = ["seed", "draw", "status", "reason", "accuracy", "notes"]
    for row in zip(*(rows[column].tolist() for column in columns), strict=True):
        key = as_key(row[:2])
        if key in seen:
            raise DuplicateRowError(f"{rows['model'].iloc[0]} on {rows['target'].iloc[0]}: seed {row[0]} stands twice")
        seen.add(key)
        draws.setdefault(row[0], []).append(_Draw(*row[2:]))
    return draws


def _problem(draws: list[_Draw]) -> str:
    """What became of a seed, or nothing if all its draws finished."""
    if not draws:
        return "missing"
    failed = [draw.status for draw in draws if draw.status != "ok"]
    if failed:
        return _IN_WORDS.get(failed[0], failed[0])
    return "has no accuracy" if any(math.isnan(draw.accuracy) for draw in draws) else ""


def _name_seeds(seeds: list[int]) -> str:
    """`seed 3`, `seeds 1, 2`, `seeds 0 to 4, 8`."""
    stretches: list[list[int]] = []
    for seed in seeds:
        if stretches and seed == stretches[-1][-1] + 1:
            stretches[-1].append(seed)
        else:
            stretches.append([seed])
    names = [f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in stretches]
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(names)}"
