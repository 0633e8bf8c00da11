"""Estimate the ratio of what two models spend for equal accuracy: FLOPs, or pretraining images.

Accuracy may fall with what is spent, so each model counts with the best that it reaches for so much or less: the
best-so-far frontier, which never falls. For each seed the other seeds choose the budget, since a seed that chose its
own would count its luck.

The frontier is interpolated linearly in the logarithm of the amount. The gap at a ratio r is the first model's frontier
at r F less the second's at F, averaged over F. F is evenly spaced in its logarithm over the range that both
curves cover. The estimate is the r at which the gap is zero. Its interval holds every r at which the interval of the
gap, from seeds and test images, contains zero (the inversion of a test, as in Fieller 1954). Nothing is extrapolated:
if the gap is not zero at any r within reach, the ratio lies beyond that reach.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from statistics import median

import numpy as np
from scipy import optimize
from scipy.interpolate import CubicSpline

from bench.analysis.stats.crossed import Estimate, crossed_mean
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.scaling import mean_accuracy
from bench.analysis.stats.statistics_errors import NotPositiveError, ShapeError, TooFewRungsError
from bench.analysis.stats.trends import require_pairs
from bench.analysis.stats.verdicts import verdict_interval

_STEPS = 32
"""The number of ratios on the grid, evenly spaced in their logarithm."""
_POINTS = 33
"""The number of amounts over which a gap is averaged."""
_LEAST = 0.25
"""The smallest overlap of both curves, as a share of the shorter curve's length in logarithms."""


@dataclass(frozen=True)
class Spending:
    """The accuracy of one model at several budgets."""

    amounts: tuple[float, ...]
    """What each budget spends, ascending."""
    parts: Sequence[np.ndarray]
    """(seeds, images, budgets) for each target, 0 to 1; (seeds, 1, budgets) if only accuracies are known."""
    unit: str = "FLOPs"
    """The unit of the amounts."""

    def __post_init__(self) -> None:
        """Check that amounts and accuracies form a curve over budgets.

        Raises:
            NotPositiveError: Amounts are not finite and above zero.
            TooFewRungsError: There is only one budget.
            ShapeError: Amounts do not ascend, or do not match the accuracies.
        """
        of = f"{self.unit} {self.amounts}"
        if len(self.amounts) < 2:
            raise TooFewRungsError(f"one budget; accuracy against {self.unit} needs two")
        if not all(math.isfinite(value) and value > 0 for value in self.amounts):
            raise NotPositiveError(f"{of}: each must be finite and above zero")
        ascends = list(self.amounts) == sorted(set(self.amounts))
        if not ascends or any(part.shape[2] != len(self.amounts) for part in self.parts):
            raise ShapeError(f"{of} must ascend, with one value per budget of the accuracies")

    @cached_property
    def logs(self) -> np.ndarray:
        """Return (budgets,): the natural logarithm of the amounts."""
        return np.log(self.amounts)

    @cached_property
    def frontier(self) -> list[np.ndarray]:
        """Return (seeds, images, budgets) for each target: at each budget the results of the best one so far.

        For each seed the mean of the other seeds over all targets chooses it; a single seed chooses for itself.
        """
        of_seeds = np.mean([part.mean(axis=1) for part in self.parts], axis=0)
        others = of_seeds.sum(axis=0) - of_seeds if len(of_seeds) > 1 else of_seeds
        best = [[int(row[:end].argmax()) for end in range(1, len(row) + 1)] for row in others]
        return [np.stack([seed[:, chosen] for seed, chosen in zip(part, best, strict=True)]) for part in self.parts]

    def mean_over(self, logs: np.ndarray) -> list[np.ndarray]:
        """Return (seeds, images) for each target: the mean of the interpolated frontier at some logarithms."""
        # Interpolation is linear in the accuracies, so interpolated unit vectors are the weights of the budgets.
        units = np.eye(len(self.amounts))
        weights = np.array([np.interp(logs, self.logs, unit).mean() for unit in units])
        return [part @ weights for part in self.frontier]

    def bend_over(self, logs: np.ndarray) -> float:
        """Return by how much a cubic spline through the mean frontier exceeds the lines, on average over logarithms."""
        return float((self._spline(logs) - np.interp(logs, self.logs, self._mean_frontier)).mean())

    @cached_property
    def _mean_frontier(self) -> np.ndarray:
        return mean_accuracy(self.frontier)

    @cached_property
    def _spline(self) -> CubicSpline:
        return CubicSpline(self.logs, self._mean_frontier)


def gap(first: Spending, second: Spending, ratio: float) -> Estimate:
    """Return the first model's accuracy less the second's if it spends `ratio` times as much, in shares of 1.

    Raises:
        ShapeError: The models do not pair, or their curves do not overlap at this ratio.
        SingleSeedError, ConstantError: There is no interval.
    """
    ours, theirs = _overlap(first, second, ratio)
    means = zip(first.mean_over(ours), second.mean_over(theirs), strict=True)
    return crossed_mean([first_mean - second_mean for first_mean, second_mean in means])


def equal_accuracy_ratio(
    first: Spending, second: Spending, level: float = LEVEL, least_overlap: float = 1.0, *, may_bend: bool = False
) -> Interval:
    """Return what the first model spends over what the second does, at equal accuracy.

    Args:
        first: The first model's accuracies.
        second: The second's, on the same targets, seeds and images.
        level: The confidence level.
        least_overlap: The factor that both curves must cover at every ratio that is looked at.
        may_bend: Whether the interval is widened by what cubic splines in place of lines would change.

    Returns:
        The ratio with its interval: an open end is 0 or infinite. The mean is NaN if no ratio within reach closes the
        gap.

    Raises:
        ShapeError: The models do not pair.
        SingleSeedError, ConstantError, LevelError: There is no interval.
    """
    require_pairs(*([part[:, :, :1] for part in model.parts] for model in (first, second)))

    @cache
    def at(shift: float) -> Estimate:
        return gap(first, second, math.exp(shift))

    def value(shift: float) -> float:
        return at(shift).mean

    def beyond(shift: float) -> float:
        """Return the distance of the gap's interval from zero at the logarithm of a ratio; at most 0 if it has zero."""
        interval = verdict_interval(at(shift), level)
        return max(interval.low, -interval.high) - (_bend(first, second, math.exp(shift)) if may_bend else 0.0)

    smallest, largest = map(math.log, reach(first, second, least_overlap))
    grid = [float(shift) for shift in np.linspace(smallest, largest, _STEPS + 1)]
    roots = [
        float(optimize.brentq(value, before, after))
        for before, after in pairwise(grid)
        if value(before) * value(after) < 0
    ]
    low, high = _held(beyond, value, sorted({*grid, *roots}))
    return Interval(math.exp(median(roots)) if roots else math.nan, low, high, len(first.parts[0]))


def reach(first: Spending, second: Spending, least_overlap: float = 1.0) -> tuple[float, float]:
    """Return the smallest and the largest ratio at which both curves overlap enough."""
    ours, theirs = first.logs, second.logs
    least = max(_LEAST * min(ours[-1] - ours[0], theirs[-1] - theirs[0]), math.log(least_overlap))
    return math.exp(ours[0] - theirs[-1] + least), math.exp(ours[-1] - theirs[0] - least)


def _overlap(first: Spending, second: Spending, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithms of both models' amounts, at a ratio, over the range that both curves cover.

    Raises:
        ShapeError: The curves do not overlap.
    """
    shift, ours, theirs = math.log(ratio), first.logs, second.logs
    start, end = max(ours[0] - shift, theirs[0]), min(ours[-1] - shift, theirs[-1])
    if start > end:
        raise ShapeError(f"at {ratio:.3g} times the {first.unit} the two curves do not overlap")
    logs = np.linspace(start, end, _POINTS)
    return logs + shift, logs


def _bend(first: Spending, second: Spending, ratio: float) -> float:
    """Return how much the gap at a ratio changes if cubic splines take the place of lines."""
    ours, theirs = _overlap(first, second, ratio)
    return abs(first.bend_over(ours) - second.bend_over(theirs))


def _held(
    beyond: Callable[[float], float], value: Callable[[float], float], shifts: Sequence[float]
) -> tuple[float, float]:
    """Return the first and the last ratio whose interval contains zero; if none does, the range beyond the reach.

    A frontier never falls, so a clear lead at a ratio shows that the true ratio is smaller. An end is open if the lead
    beyond it has the wrong sign.

    Args:
        beyond: Returns the distance of the gap's interval from zero at the logarithm of a ratio; at most 0 if the
            interval contains zero.
        value: Returns the gap at the logarithm of a ratio.
        shifts: The logarithms of ratios, ascending.
    """
    held = [number for number, shift in enumerate(shifts) if beyond(shift) <= 0]
    if not held:
        return (0.0, math.exp(shifts[0])) if value(shifts[0]) > 0 else (math.exp(shifts[-1]), math.inf)

    def end(outside: int, inside: int) -> float:
        return math.exp(float(optimize.brentq(beyond, shifts[outside], shifts[inside])))

    before, after = held[0] - 1, held[-1] + 1
    is_low = before >= 0 and value(shifts[before]) < 0
    is_high = after < len(shifts) and value(shifts[after]) > 0
    return end(before, held[0]) if is_low else 0.0, end(after, held[-1]) if is_high else math.inf
