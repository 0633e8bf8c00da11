"""Compute the intervals of differences and slopes, from which verdicts are derived; tables show the same ones.

With fewer than five seeds they use at most as many degrees of freedom as seeds less one, since so few seeds estimate
their own spread badly. They use the larger of both quantiles (Cochran's): the mean of both, which intervals of
accuracies use, misses more often than promised at three and four seeds, and at corrected levels.

Where seeds failed to train, the difference of those that succeeded decides only if the failures agree.
"""

import math
from typing import Literal

from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.intervals import LEVEL, Interval

Word = Literal["supported", "refuted", "undecided"]
FEW_SEEDS = 5
"""With fewer seeds than this, a difference uses at most as many degrees of freedom as seeds less one."""


def verdict_interval(estimate: Estimate, level: float = LEVEL) -> Interval:
    """Return the interval of a difference or a slope, from which a verdict is derived."""
    return estimate.interval(level, most_degrees(estimate), is_strict=True)


def most_degrees(estimate: Estimate) -> float:
    """Return the most degrees of freedom that the interval of a difference may use."""
    return estimate.num_seeds - 1 if estimate.num_seeds < FEW_SEEDS else math.inf


def failures_agree(given_success: Interval, counted: Estimate, low: float, high: float, level: float) -> bool:
    """Tell whether seeds that failed to train leave a decision as it is.

    They do if the interval with failures counted decides the same, or if counting them only moves the estimate further
    to the side on which the decision lies, as when the worse model is also the one that fails.

    Args:
        given_success: The interval of a difference without failed seeds.
        counted: The estimate of the same difference with failed seeds counted as what they scored.
        low: The lower limit of what is decided; equal to the upper one if the sign is.
        high: The upper limit.
        level: The confidence level of the interval.
    """
    side = _side(given_success, low, high)
    if not side or _side(verdict_interval(counted, level), low, high) == side:
        return True
    depth = {"above": lambda mean: mean - high, "below": lambda mean: low - mean}
    inside = depth.get(side, lambda mean: min(mean - low, high - mean))
    return bool(inside(counted.mean) >= inside(given_success.mean))


def _side(interval: Interval, low: float, high: float) -> str:
    """Return whether an interval lies wholly above, below or within limits; empty if it reaches one."""
    if interval.low > high:
        return "above"
    if interval.high < low:
        return "below"
    return "within" if low < interval.low and interval.high < high else ""
