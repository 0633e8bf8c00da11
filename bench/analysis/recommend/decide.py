"""Decide which of some alternatives to recommend, from plain numbers alone.

This module reads no table and calls no statistics, so that a page's script can follow the same rules on the same
numbers. `docs/recommend.md` has the rules in words.

An alternative is recommended only if it is shown to be as good as the best one. If that cannot be told, it never wins
by its price: few seeds tell little apart, and the cheapest alternative would win because it was measured badly.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Fit = Literal["fits", "does not fit", "cannot tell"]
Standing = Literal["best", "as good", "worse", "cannot tell", "does not fit", "fit unknown"]


@dataclass(frozen=True)
class Amount:
    """A measured amount with its bounds; all of them are NaN if it was not measured."""

    value: float
    low: float
    high: float


NOT_MEASURED = Amount(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Alternative:
    """What is compared of a model."""

    mean: float
    """The mean accuracy, with failed seeds counted as what they scored."""
    price: float
    """What the cheapest alternative has least of; infinite if it is unknown."""
    amounts: Mapping[str, Amount]
    """Limit -> the amount that it limits."""


@dataclass(frozen=True)
class Gap:
    """How much more accurate one alternative is than another one."""

    mean: float
    bounds: tuple[tuple[float, float], ...]
    """The interval of each number of comparisons, from one on, over which its level is corrected; empty if unknown."""
    counted_mean: float = math.nan
    """The mean with failed seeds counted as what they scored; NaN if no seed failed."""
    counted_bounds: tuple[tuple[float, float], ...] = ()
    """The intervals with failed seeds counted; empty if no seed failed."""

    def __neg__(self) -> "Gap":
        """Return how much more accurate the other alternative is."""
        return Gap(-self.mean, _flipped(self.bounds), -self.counted_mean, _flipped(self.counted_bounds))


@dataclass(frozen=True)
class Decision:
    """The standing of each alternative, and the recommended one."""

    standings: tuple[Standing, ...]
    best: int | None
    """The number of the most accurate alternative that fits; None if none fits."""
    recommended: int | None
    """The number of the cheapest alternative among the best and those as good."""
    compared: tuple[int, ...]
    """Over how many comparisons the level is corrected at which each alternative was judged; 0 if it was not."""


def decide(
    alternatives: Sequence[Alternative], gaps: Mapping[tuple[int, int], Gap], limits: Mapping[str, float], within: float
) -> Decision:
    """Decide which alternative to recommend.

    Args:
        alternatives: The alternatives.
        gaps: (first, second) -> how much more accurate the first one is, for each two numbers in ascending order.
        limits: Limit -> the most that an alternative may have of it.
        within: The difference to the best alternative that the user would give up, above or equal to zero.
    """
    fits = [fit(alternative, limits) for alternative in alternatives]
    standings: list[Standing] = ["does not fit" if one == "does not fit" else "fit unknown" for one in fits]
    fitting = [number for number, one in enumerate(fits) if one == "fits"]
    compared = [0] * len(alternatives)
    if not fitting:
        return Decision(tuple(standings), None, None, tuple(compared))
    best = min(fitting, key=lambda number: (-alternatives[number].mean, alternatives[number].price, number))
    standings[best] = "best"
    left = [number for number in fitting if number != best]
    # Holm's procedure: the level gets milder with each alternative that is decided.
    while left:
        words = {number: judge(_gap(gaps, best, number), len(left), within) for number in left}
        for number, word in words.items():
            standings[number], compared[number] = word, len(left)
        if "cannot tell" not in words.values() or set(words.values()) == {"cannot tell"}:
            break
        left = [number for number in left if words[number] == "cannot tell"]
    good = [number for number in fitting if standings[number] in ("best", "as good")]
    recommended = min(good, key=lambda number: (alternatives[number].price, -alternatives[number].mean, number))
    return Decision(tuple(standings), best, recommended, tuple(compared))


def fit(alternative: Alternative, limits: Mapping[str, float]) -> Fit:
    """Tell whether all of an alternative's amounts are within their limits, by their bounds."""
    words = {within_limit(alternative.amounts.get(name, NOT_MEASURED), most) for name, most in limits.items()}
    if "does not fit" in words:
        return "does not fit"
    return "cannot tell" if "cannot tell" in words else "fits"


def within_limit(amount: Amount, most: float) -> Fit:
    """Tell whether an amount is within a limit: its upper bound is, or else its lower bound is beyond."""
    if amount.high <= most:
        return "fits"
    return "does not fit" if amount.low > most else "cannot tell"


def judge(gap: Gap, num_compared: int, within: float) -> Standing:
    """Return an alternative's standing, given how much more accurate the best one is.

    Args:
        gap: The best alternative less this one.
        num_compared: Over how many comparisons the level is corrected.
        within: The difference that the user would give up.
    """
    word = _side(gap.bounds, num_compared, within)
    if word == "cannot tell" or not gap.counted_bounds:
        return word
    # Failed seeds must leave the decision as it is, or move the mean further to its side.
    is_further = gap.counted_mean >= gap.mean if word == "worse" else gap.counted_mean <= gap.mean
    agree = is_further or _side(gap.counted_bounds, num_compared, within) == word
    return word if agree else "cannot tell"


def _side(bounds: Sequence[tuple[float, float]], num_compared: int, within: float) -> Standing:
    if num_compared > len(bounds):
        return "cannot tell"
    low, high = bounds[num_compared - 1]
    if low > within:
        return "worse"
    return "as good" if high <= within else "cannot tell"


def _gap(gaps: Mapping[tuple[int, int], Gap], first: int, second: int) -> Gap:
    return gaps[first, second] if first < second else -gaps[second, first]


def _flipped(bounds: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    return tuple((-high, -low) for low, high in bounds)
