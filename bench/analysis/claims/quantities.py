"""Compare the quantities that a claim is about with the claim's limits.

A claim may be about several quantities, such as one per target. It is supported if the interval of each lies within
its limits. That needs no correction, since all of them must hold (an intersection-union test, Berger 1982). The claim
is refuted if one interval lies beyond its limits, at a level stepped down over its quantities by Holm's procedure.

Quantities that measure the same thing on several scales share a question. They decide only if they agree: the question
is undecided unless all of them lie within their limits, or all beyond.

A difference is estimated given success. If seeds failed to train, its verdict also needs that the failures agree.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np

from bench.analysis.claims.rows import (
    CompleteRow,
    RowsByTarget,
    failures,
    keys_of,
    rows_of,
    stacked_given_success,
    stacked_with_failures,
)
from bench.analysis.format import Unit, p_value, percent, plural, quantity_interval
from bench.analysis.seeds import GIVEN_SUCCESS
from bench.analysis.stats.crossed import Estimate, crossed_mean
from bench.analysis.stats.equivalence import equivalence_p_value
from bench.analysis.stats.intervals import LEVEL, Interval, unknown
from bench.analysis.stats.multiple import corrected_level, step_down
from bench.analysis.stats.power import Limits, Needed, seeds_needed
from bench.analysis.stats.statistics_errors import AnalysisError, InfiniteOddsError
from bench.analysis.stats.trends import log_odds_sum
from bench.analysis.stats.verdicts import Word, failures_agree, most_degrees, verdict_interval

ANY: Final = Limits(-math.inf, math.inf)
"""The limits of a quantity that is shown and not judged."""


NO_FAILURES: Final = "settings with which no seed fails to train"
"""What would decide a quantity to which failed seeds object."""


class Quantity(Protocol):
    """A quantity that a claim sets limits to."""

    @property
    def name(self) -> str:
        """Return the name of the quantity, in a few words."""

    @property
    def unit(self) -> Unit:
        """Return the unit of its value."""

    @property
    def question(self) -> str:
        """Return what it is about; quantities with the same question decide together."""

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
    asked: str = ""
    """The question; by default the name."""

    @property
    def question(self) -> str:
        """Return what the difference is about."""
        return self.asked or self.name

    @cached_property
    def estimate(self) -> Estimate:
        """Return the estimate over seeds that succeeded, and over test images if correctness is kept.

        Raises:
            AnalysisError: The rows do not pair, there is only one seed, or no value varies.
        """
        return self._mean(stacked_given_success(self.rows))

    @property
    def num_images(self) -> int:
        """Return the number of test images, or of their clusters, of all targets; 0 if correctness is not kept."""
        sizes = [part.shape[1] for part in stacked_given_success(self.rows)]
        return sum(sizes) if min(sizes) > 1 else 0

    @cached_property
    def failures(self) -> str:
        """Return which seeds of which rows failed to train, in words; empty if none."""
        return failures(self.rows)

    def objection(self, interval: Interval, level: float) -> str:
        """Return why failed seeds object to what an interval decides, in words; empty if they agree or none failed."""
        if not (self.failures and interval.is_known):
            return ""
        counted = self._mean(stacked_with_failures(self.rows))
        if failures_agree(interval, counted, self.limits.low, self.limits.high, level):
            return ""
        shown = quantity_interval(verdict_interval(counted, level), self.unit)
        return f"it is {shown} with failed seeds counted as what they scored ({self.failures})"

    def _mean(self, parts: Sequence[np.ndarray]) -> Estimate:
        return crossed_mean([part @ np.array(self.weights) for part in parts])

    @property
    def equivalence(self) -> float | None:
        """Return the uncorrected p-value of two one-sided tests if the claim is that the rows are about equal."""
        if self.limits.margin is None:
            return None
        return equivalence_p_value(self.estimate, self.limits.margin, most_degrees(self.estimate))

    def interval(self, level: float) -> Interval:
        """Return the interval that verdicts use."""
        return verdict_interval(self.estimate, level)

    def needed(self, level: float) -> Needed | str:
        """Return the number of seeds that would decide, from the observed spread."""
        return seeds_needed(self.estimate, self.limits, level)


@dataclass(frozen=True)
class LogOddsDifference(Difference):
    """A weighted sum of the log odds of a right answer in each row, averaged over targets."""

    def _mean(self, parts: Sequence[np.ndarray]) -> Estimate:
        """Return the estimate by the delta method.

        Raises:
            InfiniteOddsError: An accuracy is 0 or 100 %.
            AnalysisError: There is no interval.
        """
        return log_odds_sum(parts, np.array(self.weights))

    def interval(self, level: float) -> Interval:
        """Return the interval that verdicts use; unknown if log odds are infinite, which leaves the question open."""
        try:
            return super().interval(level)
        except InfiniteOddsError:
            return unknown(rows_of(self.rows)[0].num_seeds)

    def needed(self, level: float) -> Needed | str:
        """Return the number of seeds that would decide, or in words that log odds are infinite."""
        try:
            return super().needed(level)
        except InfiniteOddsError as error:
            return f"a target that is harder or easier, or more test images: {error}"


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
    question: str
    """What it is about; quantities with the same question decide together."""
    unit: Unit
    limits: Limits
    interval: Interval
    word: Word
    equivalence: float | None
    """The p-value of a test of equivalence, which decides nothing; None if the claim is not about equality."""
    needed: Needed | str
    """What would decide the quantity: a number of seeds if known, else words; empty if it is decided."""
    failures: str = ""
    """Which seeds failed to train and are left out of the interval, in words; empty if none."""
    objection: str = ""
    """Why failed seeds object to what the interval decides; empty if they do not."""

    @property
    def is_decided_alone(self) -> bool:
        """Tell whether its own interval lies within or beyond its limits, whatever other scales say."""
        return is_within(self.interval, self.limits) or is_beyond(self.interval, self.limits)

    @property
    def text(self) -> str:
        """Return the value with its interval, and with the p-value of a test of equivalence if there is one."""
        value = quantity_interval(self.interval, self.unit)
        value = value if self.equivalence is None else f"{value}, equivalence {p_value(self.equivalence)}"
        return f"{value} {GIVEN_SUCCESS} ({self.failures})" if self.failures else value


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
    failed = f", {GIVEN_SUCCESS} ({difference.failures})" if difference.failures else ""
    return f"{label}: {difference.name}: {value}, {plural(interval.n, 'pair')}, {percent(LEVEL, places=0)}{failed}"


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
    questions = _questions(quantities)
    for quantity, interval, word in zip(quantities, intervals, words(quantities, intervals, level), strict=True):
        decisive = level if interval.mean in quantity.limits else corrected_level(len(questions), level)
        needed = _needed(questions[quantity.question], decisive) if word == "undecided" else ""
        facts = (quantity.name, quantity.question, quantity.unit, quantity.limits)
        failed = quantity.failures if isinstance(quantity, Difference) else ""
        objection = _objection(quantity, level)
        of_failures = (NO_FAILURES if objection else needed, failed, objection)
        results.append(JudgedQuantity(*facts, interval, word, quantity.equivalence, *of_failures))
    return results


def words(quantities: Sequence[Quantity], intervals: Sequence[Interval], level: float) -> list[Word]:
    """Return the verdict on each quantity of a claim.

    Args:
        quantities: The quantities of one claim.
        intervals: The interval of each quantity, at that level.
        level: The claim's level, corrected over all claims.
    """
    beyond = _beyond(_questions(quantities), level)
    within = {quantity.question: True for quantity in quantities}
    for quantity, interval in zip(quantities, intervals, strict=True):
        within[quantity.question] &= is_within(interval, quantity.limits)
    objected = {quantity.question for quantity in quantities if _objection(quantity, level)}
    return [
        "undecided"
        if question in objected
        else "refuted"
        if question in beyond
        else "supported"
        if within[question]
        else "undecided"
        for question in (quantity.question for quantity in quantities)
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
    if verdict == "undecided":  # a part that is decided by itself, but not on another scale, is not the reason
        candidates = [part for part in candidates if not part.is_decided_alone] or candidates
    return min(candidates, key=_slack) if len({part.unit for part in candidates}) == 1 else candidates[0]


def _objection(quantity: Quantity, level: float) -> str:
    """Return why failed seeds object to what a quantity's interval decides; empty if they do not."""
    return quantity.objection(quantity.interval(level), level) if isinstance(quantity, Difference) else ""


def _slack(part: JudgedQuantity) -> float:
    """Return how far the interval lies within its limits: negative beyond them, -infinity if it is unknown."""
    slack = min(part.interval.low - part.limits.low, part.limits.high - part.interval.high)
    return -math.inf if math.isnan(slack) else slack


def _questions(quantities: Sequence[Quantity]) -> dict[str, list[Quantity]]:
    questions: dict[str, list[Quantity]] = {}
    for quantity in quantities:
        questions.setdefault(quantity.question, []).append(quantity)
    return questions


def _needed(scales: Sequence[Quantity], level: float) -> Needed | str:
    """Return what would decide a question on all its scales."""
    known = [quantity for quantity in scales if not math.isnan(quantity.interval(level).mean)]
    if len({quantity.interval(level).mean in quantity.limits for quantity in known}) > 1:
        return "a change that has the same direction on both scales"
    needed = [quantity.needed(level) for quantity in scales]
    if in_words := next((one for one in needed if isinstance(one, str)), None):
        return in_words
    return max((one for one in needed if isinstance(one, Needed)), key=lambda one: one.order)


def _beyond(questions: Mapping[str, Sequence[Quantity]], level: float) -> set[str]:
    """Return the questions beyond their limits by Holm's procedure, whose level gets milder at each step."""
    names = list(questions)

    def rejected(number: int, strict: float) -> bool:
        return all(is_beyond(quantity.interval(strict), quantity.limits) for quantity in questions[names[number]])

    return {names[number] for number in step_down(len(names), rejected, level)}
