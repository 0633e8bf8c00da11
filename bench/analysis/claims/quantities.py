"""Compare the quantities that a claim is about with the claim's limits.

A claim may be about several quantities, such as one per target. It is supported if the interval of each lies within
its limits. That needs no correction, since all of them must hold (an intersection-union test, Berger 1982). The claim
is refuted if one interval lies beyond its limits, at a level stepped down over its quantities by Holm's procedure.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np

from bench.analysis.claims.rows import CompleteRow, RowsByTarget, keys_of, rows_of, stacked
from bench.analysis.format import Unit, p_value, percent, plural, quantity_interval
from bench.analysis.stats.crossed import Estimate, crossed_mean
from bench.analysis.stats.equivalence import equivalence_p_value
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.multiple import corrected_level, step_down
from bench.analysis.stats.power import Limits, Needed, seeds_needed
from bench.analysis.stats.statistics_errors import AnalysisError
from bench.analysis.stats.verdicts import Word, most_degrees, verdict_interval

ANY: Final = Limits(-math.inf, math.inf)
"""The limits of a quantity that is shown and not judged."""


class Quantity(Protocol):
    """A quantity that a claim sets limits to."""

    @property
    def name(self) -> str:
        """Return the name of the quantity, in a few words."""

    @property
    def unit(self) -> Unit:
        """Return the unit of its value."""

    @property
    def limits(self) -> Limits:
        """Return the limits between which it lies if the claim holds."""

    @property
    def equivalence(self) -> float | None:
        """Return the p-value of a test of equivalence if the claim is that something is about equal, else None."""

    def interval(self, level: float) -> Interval:
        """Return the value with its interval: NaN if there is no value, and infinity for an open end.

        Raises:
            AnalysisError: There is no interval.
        """

    def needed(self, level: float) -> Needed | str:
        """Return the number of seeds that would decide, or in words what else would if that number is unknown."""


@dataclass(frozen=True)
class Difference:
    """A weighted sum of rows in each seed and test image: a difference, or its slope along a ladder."""

    name: str
    rows: RowsByTarget
    weights: tuple[float, ...]
    """One weight per row of a target."""
    limits: Limits
    unit: Unit = "points"

    @cached_property
    def estimate(self) -> Estimate:
        """Return the estimate over seeds, and over test images if correctness is kept.

        Raises:
            AnalysisError: The rows do not pair, there is only one seed, or no value varies.
        """
        return crossed_mean([part @ np.array(self.weights) for part in stacked(self.rows)])

    @property
    def equivalence(self) -> float | None:
        """Return the uncorrected p-value of two one-sided tests if the claim is that the rows are about equal."""
        if self.limits.margin is None:
            return None
        return equivalence_p_value(self.estimate, self.limits.margin, most_degrees(self.estimate))

    def interval(self, level: float) -> Interval:
        """Return the interval that verdicts use."""
        return verdict_interval(self.estimate, level)

    def needed(self, level: float) -> Needed:
        """Return the number of seeds that would decide, from the observed spread."""
        return seeds_needed(self.estimate, self.limits, level)


@dataclass(frozen=True)
class Finding:
    """The quantities behind a claim's verdict, and the rows that they come from."""

    quantities: tuple[Quantity, ...]
    measured: str
    """The models, targets, transfer and sizes that were compared, in words."""
    rows: Sequence[CompleteRow]
    """The rows behind the quantities."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys of all runs behind the finding."""
        return keys_of(self.rows)

    @property
    def num_seeds(self) -> int:
        """Return the number of seeds behind the finding."""
        return self.rows[0].num_seeds


@dataclass(frozen=True)
class JudgedQuantity:
    """A quantity and its verdict."""

    name: str
    unit: Unit
    limits: Limits
    interval: Interval
    word: Word
    equivalence: float | None
    """The p-value of a test of equivalence, which decides nothing; None if the claim is not about equality."""
    needed: Needed | str
    """What would decide the quantity: a number of seeds if known, else words; empty if it is decided."""

    @property
    def text(self) -> str:
        """Return the value with its interval, and with the p-value of a test of equivalence if there is one."""
        value = quantity_interval(self.interval, self.unit)
        return value if self.equivalence is None else f"{value}, equivalence {p_value(self.equivalence)}"


def finding(differences: Sequence[Difference], measured: str) -> Finding:
    """Return a finding that consists of differences only."""
    return Finding(
        tuple(differences), measured, [row for difference in differences for row in rows_of(difference.rows)]
    )


def line(label: str, find: Callable[[], Difference]) -> str:
    """Return a line of further results: a difference at the uncorrected level, or why there is none."""
    try:
        difference = find()
        interval = difference.interval(LEVEL)
    except AnalysisError as error:
        return f"{label}: no result: {error}"
    value = quantity_interval(interval, difference.unit)
    return f"{label}: {difference.name}: {value}, {plural(interval.n, 'pair')}, {percent(LEVEL, places=0)}"


def judged(quantities: Sequence[Quantity], level: float) -> list[JudgedQuantity]:
    """Judge each quantity of a claim.

    Args:
        quantities: The quantities of one claim.
        level: The claim's level, corrected over all claims.

    Raises:
        AnalysisError: A quantity has no interval.
    """
    intervals = [quantity.interval(level) for quantity in quantities]
    results = []
    for quantity, interval, word in zip(quantities, intervals, words(quantities, intervals, level), strict=True):
        decisive = level if interval.mean in quantity.limits else corrected_level(len(quantities), level)
        needed = quantity.needed(decisive) if word == "undecided" else ""
        facts = (quantity.name, quantity.unit, quantity.limits, interval, word, quantity.equivalence, needed)
        results.append(JudgedQuantity(*facts))
    return results


def words(quantities: Sequence[Quantity], intervals: Sequence[Interval], level: float) -> list[Word]:
    """Return the verdict on each quantity of a claim.

    Args:
        quantities: The quantities of one claim.
        intervals: The interval of each quantity, at that level.
        level: The claim's level, corrected over all claims.
    """
    beyond = _beyond(quantities, level)
    return [
        "refuted" if number in beyond else "supported" if is_within(interval, quantity.limits) else "undecided"
        for number, (quantity, interval) in enumerate(zip(quantities, intervals, strict=True))
    ]


def together(parts: Sequence[Word]) -> Word:
    """Return `supported` if all parts are, `refuted` if one is, else `undecided`."""
    if "refuted" in parts:
        return "refuted"
    return "supported" if parts and all(word == "supported" for word in parts) else "undecided"


def is_within(interval: Interval, limits: Limits) -> bool:
    """Tell whether an interval lies wholly within limits; one that touches them does not."""
    return limits.low < interval.low and interval.high < limits.high


def is_beyond(interval: Interval, limits: Limits) -> bool:
    """Tell whether an interval lies wholly beyond one of the limits."""
    return interval.high < limits.low or interval.low > limits.high


def deciding(parts: Sequence[JudgedQuantity]) -> JudgedQuantity:
    """Return the part that decides: among the parts with the claim's verdict, the one with the least slack."""
    verdict = together([part.word for part in parts])
    candidates = [part for part in parts if part.word == verdict]
    return min(candidates, key=_slack) if len({part.unit for part in candidates}) == 1 else candidates[0]


def _slack(part: JudgedQuantity) -> float:
    """Return how far the interval lies within its limits: negative beyond them, -infinity if it is unknown."""
    slack = min(part.interval.low - part.limits.low, part.limits.high - part.interval.high)
    return -math.inf if math.isnan(slack) else slack


def _beyond(quantities: Sequence[Quantity], level: float) -> set[int]:
    """Return which quantities lie beyond their limits by Holm's procedure, whose level gets milder at each step."""

    def rejected(number: int, strict: float) -> bool:
        return is_beyond(quantities[number].interval(strict), quantities[number].limits)

    return step_down(len(quantities), rejected, level)
