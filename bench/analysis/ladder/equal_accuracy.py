"""Estimate how many times a second model's compute a first one takes for equal accuracy, from runs at several budgets.

Each model's accuracy is interpolated linearly in the logarithm of its FLOPs. If the first takes r times as many, then
its accuracy at r F is, on the mean over F, that of the second at F. The estimate is the r at which this gap is zero, F
running evenly in its logarithm over all that both curves cover. The interval holds every r at which the gap, with its
own interval from seeds and test images, can't be told from zero (the inversion of a test, as in Fieller 1954). Nothing
is extrapolated: if no r within reach closes the gap, the ratio lies beyond that reach.
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
from bench.analysis.stats.trends import require_pairs
from bench.analysis.stats.verdicts import verdict_interval

_STEPS = 32
"""Ratios looked at, evenly in their logarithm."""
_POINTS = 33
"""FLOPs at which a gap is taken."""
_LEAST = 0.25
"""Share of the shorter curve's length in log FLOPs that both curves have to cover at least."""


@dataclass(frozen=True)
class Spending:
    """What one model reached at some budgets."""

    flops: tuple[float, ...]
    """Ascending."""
    parts: Sequence[np.ndarray]
    """(seeds, images, budgets) for each target, 0 to 1; (seeds, 1, budgets) if only accuracies are known."""

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

    @property
    def log_flops(self) -> np.ndarray:
        """Return (budgets,)."""
        return np.log(self.flops)

    def mean_over(self, log_flops: np.ndarray) -> list[np.ndarray]:
        """Return (seeds, images) for each target: the mean of the interpolated accuracies at some FLOPs."""
        units = np.eye(len(self.flops))
        weights = np.array([np.interp(log_flops, self.log_flops, unit).mean() for unit in units])
        return [part @ weights for part in self.parts]


def gap(first: Spending, second: Spending, ratio: float) -> Estimate:
    """Return how far the first lies above the second if it gets `ratio` times the FLOPs, in shares of 1.

    Raises:
        ShapeError: The models do not pair, or the ratio is out of reach.
        SingleSeedError, ConstantError: There is no interval.
    """
    shift, ours, theirs = math.log(ratio), first.log_flops, second.log_flops
    start, end = max(ours[0] - shift, theirs[0]), min(ours[-1] - shift, theirs[-1])
    if start > end:
        raise ShapeError(f"at {ratio:.3g} times the FLOPs nothing of the two curves meets")
    log_flops = np.linspace(start, end, _POINTS)
    means = zip(first.mean_over(log_flops + shift), second.mean_over(log_flops), strict=True)
    return crossed_mean([first_mean - second_mean for first_mean, second_mean in means])


def equal_accuracy_ratio(first: Spending, second: Spending, level: float = LEVEL) -> Interval:
    """Return how many times the second's FLOPs the first takes for equal accuracy.

    Returns:
        An end is 0 or infinite if it is open; the mean is NaN if no ratio within reach closes the gap.

    Raises:
        ShapeError: The models do not pair.
        SingleSeedError, ConstantError, LevelError: There is no interval.
    """
    require_pairs(*([part[:, :, :1] for part in model.parts] for model in (first, second)))

    def value(shift: float) -> float:
        return gap(first, second, math.exp(shift)).mean

    def beyond(shift: float) -> float:
        """Return how far the gap's interval lies from zero at the logarithm of a ratio; at most 0 if it holds zero."""
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


def _reach(first: Spending, second: Spending) -> tuple[float, float]:
    """Return the smallest and the largest logarithm of a ratio at which enough of both curves meets."""
    ours, theirs = first.log_flops, second.log_flops
    least = _LEAST * min(ours[-1] - ours[0], theirs[-1] - theirs[0])
    return float(ours[0] - theirs[-1] + least), float(ours[-1] - theirs[0] - least)


def _held(beyond: Callable[[float], float], shifts: Sequence[float], *, is_ahead: bool) -> tuple[float, float]:
    """Return the first and the last ratio at which zero is held; all beyond the reach if it is held at none.

    Args:
        beyond: How far the gap's interval lies from zero at the logarithm of a ratio; at most 0 if it holds zero.
        shifts: Logarithms of ratios, ascending.
        is_ahead: Whether the first model lies above the second at the smallest ratio.
    """
    held = [number for number, shift in enumerate(shifts) if beyond(shift) <= 0]
    if not held:
        return (0.0, math.exp(shifts[0])) if is_ahead else (math.exp(shifts[-1]), math.inf)

    def end(outside: int, inside: int) -> float:
        return math.exp(float(optimize.brentq(beyond, shifts[outside], shifts[inside])))

    low = end(held[0] - 1, held[0]) if held[0] > 0 else 0.0
    return low, end(held[-1] + 1, held[-1]) if held[-1] < len(shifts) - 1 else math.inf
