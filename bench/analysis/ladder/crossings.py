"""Find where one model's accuracy passes another's along a ladder, with the confidence interval of that size.

The interval holds every size at which the paired difference, with its own interval from seeds and test images, can't
be told from zero: the inversion of a test, as in Fieller (1954). It holds the crossing as often as the difference's
interval holds the truth, at any number of seeds. If the data bound it on neither side, it is open there. Only the
stretch around the estimate counts.

Curves that do not cross within the range measured have no crossing there, and a bound: the earliest size at which one
can have passed, or the latest at which it can have been passed.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy import optimize

from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.scaling import Curve, LawCurve, Parts, fit_law, interpolate, mean_accuracy, weighted
from bench.analysis.stats.statistics_errors import NoLawError, ShapeError, TooFewRungsError
from bench.analysis.stats.trends import require_pairs

IntervalOf = Callable[[Estimate, float], Interval]
"""Returns an estimate's interval at a level."""
Outcome = Literal["passes", "is passed", "several", "ahead", "behind"]
"""What the first model does as pretraining grows; `several` crossings, or none at all if it is ahead or behind."""
REACH = 10.0
"""How many times beyond the largest rung an extrapolation is looked for."""
_STEPS = 12
"""Sizes looked at between neighbouring rungs, evenly in log n."""


@dataclass(frozen=True)
class FittedCurve:
    """A model's curve, and the results that it was fitted to."""

    curve: Curve
    parts: Parts


@dataclass(frozen=True)
class Crossing:
    """Where the first of two curves crosses the second, in pretraining images."""

    outcome: Outcome
    sizes: tuple[float, ...]
    """Each crossing of the two curves, ascending; empty if they do not cross."""
    low: float | None
    """Lower end of the interval; None if open. If the first model is behind, the earliest size at which it can have
    passed."""
    high: float | None
    """Upper end; None if open. If the first model is ahead, the latest size at which it can have passed."""
    measured: tuple[float, float]
    """Smallest and largest size that both models were pretrained on."""
    num_seeds: int
    by_law: bool
    """Whether from power laws; else interpolated."""

    @property
    def size(self) -> float | None:
        """Return the crossing if there is exactly one."""
        return self.sizes[0] if len(self.sizes) == 1 else None

    @property
    def is_extrapolated(self) -> bool:
        """Tell whether a crossing, or an end of its interval, lies beyond what was measured."""
        return any(size > self.measured[1] for size in (*self.sizes, self.low, self.high) if size is not None)


def fitted_curves(sizes: Sequence[int], first: Parts, second: Parts) -> tuple[FittedCurve, FittedCurve]:
    """Fit power laws to two models if both have one, from five rungs on; else interpolate both.

    Args:
        sizes: Of the rungs, ascending.
        first: (seeds, images, rungs) for each target, 0 to 1.
        second: The same targets, seeds, images and rungs.

    Raises:
        TooFewRungsError: There is one rung.
        ShapeError, NotFiniteError: The results do not pair, or are not those of these rungs.
    """
    require_pairs(first, second)
    means = [mean_accuracy(parts) for parts in (first, second)]
    curves: list[Curve]
    try:
        curves = [fit_law(sizes, mean) for mean in means]
    except (TooFewRungsError, NoLawError):
        curves = [interpolate(sizes, mean) for mean in means]
    return FittedCurve(curves[0], first), FittedCurve(curves[1], second)


def crossing(
    first: FittedCurve,
    second: FittedCurve,
    level: float = LEVEL,
    reach: float = 1.0,
    interval_of: IntervalOf = Estimate.interval,
) -> Crossing:
    """Find where the first model passes the second, or is passed by it.

    Args:
        first: One model.
        second: Another, of the same kind of curve, on the same targets, seeds and images.
        level: Of the interval.
        reach: How many times beyond the largest rung laws are followed; 1 is not at all.
        interval_of: The interval of the difference at a size; a verdict's is wider if seeds are few.

    Raises:
        SingleSeedError, ConstantError: There is no interval.
        ShapeError: The models do not pair, share no range, or lines are to be followed beyond their rungs.
        LevelError: The level is not between 0 and 1.
    """
    gap = _Gap(first, second)
    if reach > 1 and not gap.by_law:
        raise ShapeError("an interpolated curve ends at its last rung; only laws reach beyond")

    def beyond(log_size: float) -> float:
        """Return how far the difference's interval lies from zero; at most 0 if it holds zero."""
        interval = interval_of(gap.estimate(log_size), level)
        return max(interval.low, -interval.high)

    points = _scan(gap, reach)
    roots = [log_size for log_size, is_root in points if is_root]
    signs = [value for log_size, is_root in points if not is_root and (value := gap.value(log_size)) != 0]
    outcome = _outcome(roots, signs)
    low, high = _interval(gap, beyond, [log_size for log_size, _ in points], outcome, roots)
    return Crossing(outcome, tuple(map(gap.size, roots)), low, high, gap.measured, gap.num_seeds, gap.by_law)


def extrapolated(
    first: FittedCurve, second: FittedCurve, level: float = LEVEL, reach: float = REACH
) -> Crossing | None:
    """Find where the laws cross beyond the largest rung, if they do so once within `reach` times its size.

    Return None for interpolated curves, which end at their rungs, and for laws that cross within the range measured.

    Raises:
        SingleSeedError, ConstantError: There is no interval.
        ShapeError, LevelError: As for `crossing`.
    """
    if not (isinstance(first.curve, LawCurve) and isinstance(second.curve, LawCurve)):
        return None
    result = crossing(first, second, level, reach)
    return result if result.size is not None and result.size > result.measured[1] else None


class _Gap:
    """The difference of two curves, first less second, at any logarithm of a size."""

    def __init__(self, first: FittedCurve, second: FittedCurve) -> None:
        """Pair the models' results."""
        require_pairs(first.parts, second.parts)
        self.first, self.second = first.curve, second.curve
        self.parts = [np.concatenate([a, -b], axis=2) for a, b in zip(first.parts, second.parts, strict=True)]
        self.by_law = isinstance(self.first, LawCurve) and isinstance(self.second, LawCurve)
        self.num_seeds = len(self.parts[0])

    @cached_property
    def measured(self) -> tuple[float, float]:
        start = max(self.first.sizes[0], self.second.sizes[0])
        end = min(self.first.sizes[-1], self.second.sizes[-1])
        if start >= end:
            raise ShapeError(f"curves on {self.first.sizes} and {self.second.sizes} images share no range")
        return float(start), float(end)

    @property
    def rungs(self) -> list[float]:
        start, end = self.measured
        return [math.log(size) for size in sorted({*self.first.sizes, *self.second.sizes}) if start <= size <= end]

    def value(self, log_size: float) -> float:
        size = self.size(log_size)
        return self.first.accuracy(size) - self.second.accuracy(size)

    def estimate(self, log_size: float) -> Estimate:
        size = self.size(log_size)
        weights = np.concatenate([self.first.weights(size), self.second.weights(size)])
        return weighted(self.parts, weights, self.value(log_size))

    def size(self, log_size: float) -> float:
        """Return the number of images; at an end of the range that was measured, without rounding error."""
        size = math.exp(log_size)
        return next((end for end in self.measured if math.isclose(size, end, rel_tol=1e-12)), size)


def _scan(gap: _Gap, reach: float) -> list[tuple[float, bool]]:
    """Return logarithms of sizes, ascending: a grid, and in it the crossings, which are marked."""
    marks = [*gap.rungs, math.log(gap.measured[1] * reach)] if reach > 1 else gap.rungs
    grid = [float(point) for before, after in pairwise(marks) for point in np.linspace(before, after, _STEPS + 1)[:-1]]
    grid.append(marks[-1])
    return sorted([*((point, False) for point in grid), *((root, True) for root in _roots(gap, grid))])


def _roots(gap: _Gap, grid: list[float]) -> Iterator[float]:
    """Yield where the difference changes its sign; zeros between two signs count once, at their beginning."""
    signed = [(point, value) for point in grid if (value := gap.value(point)) != 0]
    for (before, value), (after, next_value) in pairwise(signed):
        if value * next_value < 0:
            yield float(optimize.brentq(gap.value, before, after, xtol=1e-9))


def _outcome(roots: list[float], signs: list[float]) -> Outcome:
    if len(roots) > 1:
        return "several"
    if roots:
        return "passes" if signs[0] < 0 else "is passed"
    return "ahead" if signs and signs[0] > 0 else "behind"


def _interval(
    gap: _Gap, beyond: Callable[[float], float], grid: list[float], outcome: Outcome, roots: list[float]
) -> tuple[float | None, float | None]:
    """Return the stretch around the crossings at which zero is held; without any, the bound on either side."""
    if outcome == "behind":
        return _end(beyond, grid[::-1], gap) or gap.size(grid[0]), None
    if outcome == "ahead":
        return None, _end(beyond, grid, gap) or gap.size(grid[-1])
    first, last = grid.index(roots[0]), grid.index(roots[-1])
    return _end(beyond, grid[first::-1], gap), _end(beyond, grid[last:], gap)


def _end(beyond: Callable[[float], float], grid: list[float], gap: _Gap) -> float | None:
    """Return the size at which zero is no longer held, going along the grid; None if it is held to its end."""
    if beyond(grid[0]) > 0:
        return gap.size(grid[0])
    for before, after in pairwise(grid):
        if beyond(after) > 0:
            return gap.size(float(optimize.brentq(beyond, before, after, xtol=1e-6)))
    return None
