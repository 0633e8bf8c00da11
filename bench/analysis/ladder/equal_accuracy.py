"""Estimate the ratio of two models' compute at equal accuracy, from runs at several budgets.

Accuracy may fall with compute, so each model counts with the best that it reaches for so many FLOPs or fewer: the
best-so-far frontier, which never falls. For each seed the other seeds choose the budget, since a seed that chose its
own would count its luck.

The frontier is interpolated linearly in the logarithm of the FLOPs. The gap at a ratio r is the first model's frontier
at r F less the second's at F, averaged over F. F is evenly spaced in its logarithm over the range that both
curves cover. The estimate is the r at which the gap is zero. Its interval holds every r at which the interval of the
gap, from seeds and test images, contains zero (the inversion of a test, as in Fieller 1954). Nothing is extrapolated:
if the gap is not zero at any r within reach, the ratio lies beyond that reach.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median

import numpy as np
from scipy import optimize

from bench.analysis.stats.crossed import Estimate, crossed_mean
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.statistics_errors import NotPositiveError, ShapeError, TooFewRungsError
from bench.analysis.stats.trends import require_pairs
from bench.analysis.stats.verdicts import verdict_interval

_STEPS = 32
"""The number of ratios on the grid, evenly spaced in their logarithm."""
_POINTS = 33
"""The number of FLOPs over which a gap is averaged."""
_LEAST = 0.25
"""The smallest overlap of both curves, as a share of the shorter curve's length in log FLOPs."""


@dataclass(frozen=True)
class Spending:
    """The accuracy of one model at several budgets."""

    flops: tuple[float, ...]
    """The pretraining FLOPs of each budget, ascending."""
    parts: Sequence[np.ndarray]
    """(seeds, images, budgets) for each target, 0 to 1; (seeds, 1, budgets) if only accuracies are known."""

    def __post_init__(self) -> None:
        """Check that FLOPs and accuracies form a curve over budgets.

        Raises:
            NotPositiveError: FLOPs are not finite and above zero.
            TooFewRungsError: There is only one budget.
            ShapeError: FLOPs do not ascend, or do not match the accuracies.
        """
        if len(self.flops) < 2:
            raise TooFewRungsError("one budget; accuracy against compute needs two")
        if not all(math.isfinite(value) and value > 0 for value in self.flops):
            raise NotPositiveError(f"FLOPs {self.flops}: each must be finite and above zero")
        if list(self.flops) != sorted(set(self.flops)) or any(part.shape[2] != len(self.flops) for part in self.parts):
            raise ShapeError(f"FLOPs {self.flops} must ascend, with one value per budget of the accuracies")

    @property
    def log_flops(self) -> np.ndarray:
        """Return (budgets,): the natural logarithm of the FLOPs."""
        return np.log(self.flops)

    @cached_property
    def frontier(self) -> list[np.ndarray]:
        """Return (seeds, images, budgets) for each target: at each budget the results of the best one so far.

        For each seed the mean of the other seeds over all targets chooses it; a single seed chooses for itself.
        """
        of_seeds = np.mean([part.mean(axis=1) for part in self.parts], axis=0)
        others = of_seeds.sum(axis=0) - of_seeds if len(of_seeds) > 1 else of_seeds
        best = [[int(row[:end].argmax()) for end in range(1, len(row) + 1)] for row in others]
        return [np.stack([seed[:, chosen] for seed, chosen in zip(part, best, strict=True)]) for part in self.parts]

    def mean_over(self, log_flops: np.ndarray) -> list[np.ndarray]:
        """Return (seeds, images) for each target: the mean of the interpolated frontier at some FLOPs."""
        # Interpolation is linear in the accuracies, so interpolated unit vectors are the weights of the budgets.
        units = np.eye(len(self.flops))
        weights = np.array([np.interp(log_flops, self.log_flops, unit).mean() for unit in units])
        return [part @ weights for part in self.frontier]


def gap(first: Spending, second: Spending, ratio: float) -> Estimate:
    """Return the first model's accuracy less the second's if it gets `ratio` times the FLOPs, in shares of 1.

    Raises:
        ShapeError: The models do not pair, or their curves do not overlap at this ratio.
        SingleSeedError, ConstantError: There is no interval.
    """
    shift, ours, theirs = math.log(ratio), first.log_flops, second.log_flops
    start, end = max(ours[0] - shift, theirs[0]), min(ours[-1] - shift, theirs[-1])
    if start > end:
        raise ShapeError(f"at {ratio:.3g} times the FLOPs the two curves do not overlap")
    log_flops = np.linspace(start, end, _POINTS)
    means = zip(first.mean_over(log_flops + shift), second.mean_over(log_flops), strict=True)
    return crossed_mean([first_mean - second_mean for first_mean, second_mean in means])


def equal_accuracy_ratio(first: Spending, second: Spending, level: float = LEVEL) -> Interval:
    """Return the first model's FLOPs over the second's at equal accuracy.

    Returns:
        The ratio with its interval: an open end is 0 or infinite. The mean is NaN if no ratio within reach closes the
        gap.

    Raises:
        ShapeError: The models do not pair.
        SingleSeedError, ConstantError, LevelError: There is no interval.
    """
    require_pairs(*([part[:, :, :1] for part in model.parts] for model in (first, second)))

    def value(shift: float) -> float:
        return gap(first, second, math.exp(shift)).mean

    def beyond(shift: float) -> float:
        """Return the distance of the gap's interval from zero at the logarithm of a ratio; at most 0 if it has zero."""
        interval = verdict_interval(gap(first, second, math.exp(shift)), level)
        return max(interval.low, -interval.high)

    grid = [float(shift) for shift in np.linspace(*_reach(first, second), _STEPS + 1)]
    roots = [
        float(optimize.brentq(value, before, after))
        for before, after in pairwise(grid)
        if value(before) * value(after) < 0
    ]
    low, high = _held(beyond, value, sorted({*grid, *roots}))
    return Interval(math.exp(median(roots)) if roots else math.nan, low, high, len(first.parts[0]))


def _reach(first: Spending, second: Spending) -> tuple[float, float]:
    """Return the smallest and the largest logarithm of a ratio at which both curves overlap enough."""
    ours, theirs = first.log_flops, second.log_flops
    least = _LEAST * min(ours[-1] - ours[0], theirs[-1] - theirs[0])
    return float(ours[0] - theirs[-1] + least), float(ours[-1] - theirs[0] - least)


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
