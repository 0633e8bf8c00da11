"""How many times the compute of a second model a first one takes for the same accuracy, from runs at several budgets.

Each model's accuracy is interpolated linearly in the logarithm of its FLOPs. If the first takes r times as many, then
its accuracy at r F is, on the mean over F, that of the second at F. The estimate is the r at which this gap is zero, F
running evenly in its logarithm over all that both curves cover; the interval holds every r at which the gap, with its
own interval from seeds and test images, can't be told from zero (the inversion of a test, as in Fieller 1954). Nothing
is extrapolated: where no r within reach closes the gap, the ratio lies beyond that reach.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np
from scipy import optimize

from bench.analysis.stats.crossed import Estimate, crossed_mean
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.statistics_errors import NotPositiveError, ShapeError, TooFewRungsError
from bench.analysis.stats.verdicts import verdict_interval

_STEPS = 32
"""Ratios looked at, evenly in their logarithm."""
_POINTS = 33
"""Places at which a gap is taken."""
_LEAST = 0.25
"""Of the shorter curve's length in log FLOPs: the least that both curves have to cover for a ratio to be looked at."""


@dataclass(frozen=True)
class Spending:
    """What one model reached at some budgets."""

    flops: tuple[float, ...]
    """Ascending."""
    parts: Sequence[np.ndarray]
    """A target each: (seeds, images, budgets), 0 to 1; of accuracies alone (seeds, 1, budgets)."""

    def __post_init__(self) -> None:
        """Refuse what is no curve over budgets.

        Raises:
            NotPositiveError, TooFewRungsError, ShapeError: FLOPs and accuracies are not those of some budgets.
        """
        if len(self.flops) < 2:
            raise TooFewRungsError("one budget; accuracy against compute needs two")
        if not all(math.isfinite(value) and value > 0 for value in self.flops):
            raise NotPositiveError(f"FLOPs {self.flops}: each must be finite and above zero")
        if list(self.flops) != sorted(set(self.flops)) or any(part.shape[2] != len(self.flops) for part in self.parts):
            raise ShapeError(f"FLOPs {self.flops} do not ascend, or are not as many as the budgets of the accuracies")


def gap(first: Spending, second: Spending, ratio: float) -> Estimate:
    """How far the first lies above the second where it gets so many times the FLOPs, in shares of 1.

    Raises:
        ShapeError: the models do not pair, or the ratio is out of reach.
        SingleSeedError, ConstantError: there is no interval.
    """
    shift = math.log(ratio)
    start, end = _covered(first, second, shift)
    if start > end:
        raise ShapeError(f"at {ratio:.3g} times the FLOPs nothing of the two curves meets")
    places = np.linspace(start, end, _POINTS)
    weights = [_weights(first, places + shift), _weights(second, places)]
    return crossed_mean(
        [one @ weights[0] - two @ weights[1] for one, two in zip(first.parts, second.parts, strict=True)]
    )


def equal_accuracy_ratio(first: Spending, second: Spending, level: float = LEVEL) -> Interval:
    """How many times the second's FLOPs the first takes for equal accuracy.

    Returns:
        An end is 0 or infinite where it is open; the mean is NaN where no ratio within reach closes the gap.

    Raises:
        ShapeError: the models do not pair.
        SingleSeedError, ConstantError, LevelError: there is no interval.
    """
    _require_pairs(first, second)

    def value(shift: float) -> float:
        return gap(first, second, math.exp(shift)).mean

    def beyond(shift: float) -> float:
        interval = verdict_interval(gap(first, second, math.exp(shift)), level)
        return max(interval.low, -interval.high)

    grid = [float(shift) for shift in np.linspace(*_reach(first, second), _STEPS + 1)]
    roots = [
        float(optimize.brentq(value, before, after))
        for before, after in pairwise(grid)
        if value(before) * value(after) < 0
    ]
    low, high = _held(beyond, sorted({*grid, *roots}), is_ahead=value(grid[0]) > 0)
    return Interval(math.exp(median(roots)) if roots else math.nan, low, high, len(first.parts[0]))


def _require_pairs(first: Spending, second: Spending) -> None:
    shapes = [[part.shape[:2] for part in one.parts] for one in (first, second)]
    if shapes[0] != shapes[1]:
        raise ShapeError(f"targets of shapes {shapes[0]} and {shapes[1]}; a paired difference needs the same")


def _covered(first: Spending, second: Spending, shift: float) -> tuple[float, float]:
    """The logarithms of the second's FLOPs at which both curves are known."""
    one, two = np.log(first.flops) - shift, np.log(second.flops)
    return float(max(one[0], two[0])), float(min(one[-1], two[-1]))


def _reach(first: Spending, second: Spending) -> tuple[float, float]:
    """The smallest and the largest logarithm of a ratio at which enough of both curves meets."""
    one, two = np.log(first.flops), np.log(second.flops)
    least = _LEAST * min(one[-1] - one[0], two[-1] - two[0])
    return float(one[0] - two[-1] + least), float(one[-1] - two[0] - least)


def _weights(spending: Spending, places: np.ndarray) -> np.ndarray:
    """(budgets,): what each budget counts in the mean over some logarithms of FLOPs."""
    known = np.log(spending.flops)
    return np.array([np.interp(places, known, unit).mean() for unit in np.eye(len(known))])


def _held(beyond: Callable[[float], float], shifts: Sequence[float], *, is_ahead: bool) -> tuple[float, float]:
    """From the first ratio at which zero is held to the last; all beyond the reach where it is held at none.

    Args:
        beyond: how far the gap's interval lies from zero at the logarithm of a ratio; below zero where it holds it.
        shifts: logarithms of ratios, ascending.
        is_ahead: whether the first model lies above the second at the smallest ratio.
    """
    held = [at for at, shift in enumerate(shifts) if beyond(shift) <= 0]
    if not held:
        return (0.0, math.exp(shifts[0])) if is_ahead else (math.exp(shifts[-1]), math.inf)

    def end(outside: int, inside: int) -> float:
        return math.exp(float(optimize.brentq(beyond, shifts[outside], shifts[inside])))

    low = end(held[0] - 1, held[0]) if held[0] > 0 else 0.0
    return low, end(held[-1] + 1, held[-1]) if held[-1] < len(shifts) - 1 else math.inf
