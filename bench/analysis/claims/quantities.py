"""What was found on a claim before it is judged: quantities with the limits that the claim sets them.

A claim may be about several quantities, such as one a target. It is supported where the interval of each lies within
its limits, which needs no correction: all have to hold (an intersection-union test, Berger 1982). It is refuted where
one interval lies beyond its limits, at a level stepped down over the claim's quantities by Holm's procedure.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np

from bench.analysis.claims.rows import RowsByTarget, keys_of, stacked
from bench.analysis.format import Unit, plural, quantity_interval
from bench.analysis.stats.crossed import Estimate, crossed_mean
from bench.analysis.stats.equivalence import equivalence_test
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.power import Limits, Needed, seeds_needed
from bench.analysis.stats.statistics_errors import AnalysisError
from bench.analysis.stats.verdicts import Word, most_degrees, verdict_interval

ANY: Final = Limits(-math.inf, math.inf)
"""Of what is shown and not judged."""


class Quantity(Protocol):
    """Something that a claim sets limits to."""

    @property
    def name(self) -> str:
        """What it is, in a few words."""

    @property
    def unit(self) -> Unit:
        """Of its value."""

    @property
    def limits(self) -> Limits:
        """Between what the claim says that it lies."""

    @property
    def equivalence(self) -> float | None:
        """The p-value of a test of equivalence, of a claim that something is about equal; else None."""

    def interval(self, level: float) -> Interval:
        """Its value and what it may be; NaN where there is no value, and an end that is open is infinite.

        Raises:
            AnalysisError: there is no interval.
        """

    def needed(self, level: float) -> Needed | str:
        """The seeds that would decide; what else would, in words, where no such number is known."""


@dataclass(frozen=True)
class Difference:
    """A weighed sum of rows in each seed and test image: a difference, or how it moves along a ladder."""

    name: str
    rows: RowsByTarget
    """Target -> rows."""
    weights: tuple[float, ...]
    limits: Limits
    unit: Unit = "points"

    @cached_property
    def estimate(self) -> Estimate:
        """Over seeds, and test images where the answers are kept.

        Raises:
            AnalysisError: the rows do not pair, there is one seed, or nothing varies.
        """
        return crossed_mean([part @ np.asarray(self.weights) for part in stacked(self.rows)])

    @property
    def equivalence(self) -> float | None:
        """The p-value of two one-sided tests, uncorrected, where the claim is that the rows are about equal."""
        if self.limits.margin is None:
            return None
        found = equivalence_test(self.estimate, self.limits.margin, most_degrees=most_degrees(self.estimate))
        return found.p_value

    def interval(self, level: float) -> Interval:
        """As verdicts take it."""
        return verdict_interval(self.estimate, level)

    def needed(self, level: float) -> Needed:
        """From the spread of these seeds."""
        return seeds_needed(self.estimate, self.limits, level)


@dataclass(frozen=True)
class Finding:
    """All that a claim's verdict comes from."""

    quantities: tuple[Quantity, ...]
    measured: str
    """On what: models, targets, transfer, sizes."""
    keys: tuple[str, ...]
    num_seeds: int


@dataclass(frozen=True)
class Judged:
    """A quantity, judged."""

    name: str
    unit: Unit
    limits: Limits
    interval: Interval
    word: Word
    equivalence: float | None
    """The p-value of a test of equivalence, which decides nothing; None where the claim is of no equality."""
    needed: Needed | str
    """What would decide it: seeds where their number is known; empty where it is decided."""


def finding(quantities: Sequence[Difference], measured: str) -> Finding:
    """A finding of differences alone, with the keys of all runs behind them."""
    rows = [row for one in quantities for of_target in one.rows.values() for row in of_target]
    return Finding(tuple(quantities), measured, keys_of(rows), rows[0].num_seeds)


def line(what: str, find: Callable[[], Difference]) -> str:
    """What stands beside a verdict: a difference at the plain level, or why there is none."""
    try:
        one = find()
        interval = one.interval(LEVEL)
        shown = quantity_interval(interval, one.unit)
        return f"{what}: {one.name}: {shown}, {plural(interval.n, 'pair')}, {LEVEL:.0%}"
    except AnalysisError as error:
        return f"{what}: nothing, since {error}"


def judged(quantities: Sequence[Quantity], level: float) -> list[Judged]:
    """Judge each quantity of a claim.

    Args:
        quantities: of one claim.
        level: of the claim, corrected over all claims.

    Raises:
        AnalysisError: a quantity has no interval.
    """
    found, intervals = [], [one.interval(level) for one in quantities]
    for one, interval, word in zip(quantities, intervals, _words(quantities, intervals, level), strict=True):
        asked = level if interval.mean in one.limits else corrected_level(len(quantities), level)
        needed = one.needed(asked) if word == "undecided" else ""
        found.append(Judged(one.name, one.unit, one.limits, interval, word, one.equivalence, needed))
    return found


def words(quantities: Sequence[Quantity], level: float) -> list[Word]:
    """What becomes of each quantity of a claim; arguments and errors as for `judged`."""
    return _words(quantities, [one.interval(level) for one in quantities], level)


def _words(quantities: Sequence[Quantity], intervals: Sequence[Interval], level: float) -> list[Word]:
    beyond = _beyond(quantities, level)
    return [
        "refuted" if number in beyond else "supported" if is_within(interval, one.limits) else "undecided"
        for number, (one, interval) in enumerate(zip(quantities, intervals, strict=True))
    ]


def together(of_parts: Sequence[Word]) -> Word:
    """Supported if all are, refuted if one is, else undecided."""
    if "refuted" in of_parts:
        return "refuted"
    return "supported" if of_parts and all(word == "supported" for word in of_parts) else "undecided"


def is_within(interval: Interval, limits: Limits) -> bool:
    """Whether an interval lies wholly within limits; one that touches them does not."""
    return limits.low < interval.low and interval.high < limits.high


def is_beyond(interval: Interval, limits: Limits) -> bool:
    """Whether it lies wholly beyond one of them."""
    return interval.high < limits.low or interval.low > limits.high


def deciding(found: Sequence[Judged]) -> Judged:
    """The quantity that the verdict hangs on: of those whose word it is, the one nearest to its limits or beyond."""
    word = together([one.word for one in found])
    candidates = [one for one in found if one.word == word]
    return min(candidates, key=_slack) if len({one.unit for one in candidates}) == 1 else candidates[0]


def _slack(one: Judged) -> float:
    """How far its interval lies within its limits; below zero beyond them, and where nothing is known."""
    slack = min(one.interval.low - one.limits.low, one.limits.high - one.interval.high)
    return -math.inf if math.isnan(slack) else slack


def _beyond(quantities: Sequence[Quantity], level: float) -> set[int]:
    """Which lie beyond their limits, by Holm's procedure: each step asks less of those that are left."""
    found: set[int] = set()
    while left := [number for number in range(len(quantities)) if number not in found]:
        strict = corrected_level(len(left), level)
        step = {number for number in left if is_beyond(quantities[number].interval(strict), quantities[number].limits)}
        if not step:
            break
        found |= step
    return found
