"""Find where one model's accuracy passes another's along a ladder, with the confidence interval of that size.

The interval holds every size at which the interval of the paired difference contains zero. This is the inversion of a
test, as in Fieller (1954), so it covers the crossing as often as the difference's interval covers the true difference,
at any number of seeds. An end that the data do not bound is open. If several ranges of sizes qualify, the one around
the estimate is taken.

Curves that do not cross within the measured range have a bound instead: the earliest size at which the first model can
have passed the second, or the latest.
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
"""What the first model does as pretraining grows.

`several` means several crossings, `ahead` and `behind` mean none."""
REACH = 10.0
"""The largest extrapolated size, as a multiple of the largest rung."""
_STEPS = 12
"""The number of grid steps between neighbouring rungs, evenly spaced in log n."""


@dataclass(frozen=True)
class FittedCurve:
    """A model's curve, and the results to which it was fitted."""

    curve: Curve
    parts: Parts


@dataclass(frozen=True)
class Crossing:
    """Where the first of two curves crosses the second, in pretraining images."""

    outcome: Outcome
    sizes: tuple[float, ...]
    """Each crossing of the two curves, ascending; empty if they do not cross."""
    low: float | None
    """The lower end of the interval; None if open. If the first model is behind, the earliest size at which it can
    pass."""
    high: float | None
    """The upper end; None if open. If the first model is ahead, the latest size at which it can have passed."""
    measured: tuple[float, float]
    """The smallest and largest size on which both models were pretrained, in images."""
    num_seeds: int
    by_law: bool
    """Whether the curves are power laws; otherwise they are interpolated."""

    @property
    def size(self) -> float | None:
        """Return the crossing if there is exactly one."""
        return self.sizes[0] if len(self.sizes) == 1 else None

    @property
    def is_extrapolated(self) -> bool:
        """Tell whether a crossing, or an end of its interval, lies beyond the measured sizes."""
        return any(size > self.measured[1] for size in (*self.sizes, self.low, self.high) if size is not None)


def fitted_curves(sizes: Sequence[int], first: Parts, second: Parts) -> tuple[FittedCurve, FittedCurve]:
    """Fit power laws to two models if both have one, which needs five rungs; otherwise interpolate both.

    Args:
        sizes: The pretraining images of the rungs, ascending.
        first: (seeds, images, rungs) for each target, 0 to 1.
        second: The same targets, seeds, images and rungs.

    Raises:
        TooFewRungsError: There is only one rung.
        ShapeError, NotFiniteError: The results do not pair or do not fit the rungs, or a value is not finite.
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
        first: The first model's curve.
        second: The second model's curve, of the same kind and on the same targets, seeds and images.
        level: The confidence level of the interval.
        reach: How far laws are extrapolated, as a multiple of the largest rung; 1 for no extrapolation.
        interval_of: Returns the interval of the difference at a size; a verdict's is wider if seeds are few.

    Raises:
        SingleSeedError, ConstantError: There is no interval.
        ShapeError: The models do not pair or share no range, or `reach` would extrapolate interpolated curves.
        LevelError: The level is not between 0 and 1.
    """
    gap = _Gap(first, second)
    if reach > 1 and not gap.by_law:
        raise ShapeError("an interpolated curve ends at its last rung; only laws reach beyond")

    def beyond(log_size: float) -> float:
        """Return the distance of the difference's interval from zero; at most 0 if it contains zero."""
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
    """Find where the laws cross beyond the largest rung, if they cross once within `reach` times its size.

    Return None for interpolated curves, which end at their rungs, and for laws that cross within the measured range.

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
        """Return the number of images; at an end of the measured range, without rounding error."""
        size = math.exp(log_size)
        return next((end for end in self.measured if math.isclose(size, end, rel_tol=1e-12)), size)


def _scan(gap: _Gap, reach: float) -> list[tuple[float, bool]]:
    """Return the logarithms of sizes on a grid and of the crossings, ascending; a flag marks the crossings."""
    marks = [*gap.rungs, math.log(gap.measured[1] * reach)] if reach > 1 else gap.rungs
    grid = [float(point) for before, after in pairwise(marks) for point in np.linspace(before, after, _STEPS + 1)[:-1]]
    grid.append(marks[-1])
    return sorted([*((point, False) for point in grid), *((root, True) for root in _roots(gap, grid))])


def _roots(gap: _Gap, grid: list[float]) -> Iterator[float]:
    """Yield where the difference changes its sign; a stretch of zeros between two signs counts once, at its start."""
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
    """Return the range around the crossings where the interval contains zero; without a crossing, the bound."""
    if outcome == "behind":
        return _end(beyond, grid[::-1], gap) or gap.size(grid[0]), None
    if outcome == "ahead":
        return None, _end(beyond, grid, gap) or gap.size(grid[-1])
    first, last = grid.index(roots[0]), grid.index(roots[-1])
    return _end(beyond, grid[first::-1], gap), _end(beyond, grid[last:], gap)


def _end(beyond: Callable[[float], float], grid: list[float], gap: _Gap) -> float | None:
    """Return the first size along the grid whose interval excludes zero; None if all contain zero."""
    if beyond(grid[0]) > 0:
        return gap.size(grid[0])
    for before, after in pairwise(grid):
        if beyond(after) > 0:
            return gap.size(float(optimize.brentq(beyond, before, after, xtol=1e-6)))
    return None
