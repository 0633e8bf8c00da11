"""Calculate how many seeds would decide, from the spread that was observed.

A claim says that a quantity lies between two limits, of which one may be infinite. If the truth is what was estimated,
an interval lies wholly on one side of a limit with a certain probability, its power, once the distance to that limit is
the sum of two quantiles times the standard error: that of the interval's half width, and that of the power. More seeds
shrink the seeds' part of the variance; the part of the test images stays, and may alone be too much.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass, replace

from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.stats.statistics_errors import MarginError
from bench.analysis.stats.verdicts import verdict_interval

POWER = 0.8
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Limits:
    """Between what a claim says that a quantity lies; an end may be infinite."""

    low: float
    high: float

    def __post_init__(self) -> None:
        """Refuse limits that leave no room.

        Raises:
            MarginError: an end is not a number, or the lower one does not lie below the upper one.
        """
        if not self.low < self.high:
            raise MarginError(f"limits {self.low:g} and {self.high:g}: the first has to lie below the second")

    def __contains__(self, value: float) -> bool:
        """Whether a value lies strictly between them."""
        return self.low < value < self.high

    @property
    def margin(self) -> float | None:
        """Return how far the limits lie from zero if they do so by the same on either side, else None."""
        return self.high if self.low == -self.high and math.isfinite(self.high) else None

    def distance(self, value: float) -> float:
        """Return how far a value lies from the nearer limit."""
        return min(abs(value - self.low), abs(value - self.high))


@dataclass(frozen=True)
class Needed:
    """What would decide, if the truth is what was estimated."""

    seeds: int | None
    """How many in all; None if no number up to `MOST_SEEDS` would do."""
    images_forbid: bool
    """Whether that is because the test images alone leave too much open."""


def seeds_needed(estimate: Estimate, limits: Limits, level: float = LEVEL, power: float = POWER) -> Needed:
    """Return the fewest seeds with which the interval would lie wholly within the limits, or wholly beyond one.

    Args:
        estimate: Of the limited quantity, from the seeds that there are.
        limits: Of the claim.
        level: Of the interval.
        power: The probability of a decision.
    """
    distance = limits.distance(estimate.mean)
    if _reach(estimate, MOST_SEEDS, level, power) > distance:
        endless = replace(estimate, seeds_variance=0.0)
        forbidden = estimate.images_variance > 0 and _reach(endless, MOST_SEEDS, level, power) > distance
        return Needed(None, forbidden)
    numbers = range(2, MOST_SEEDS)
    enough = bisect_left(numbers, True, key=lambda number: _reach(estimate, number, level, power) <= distance)
    return Needed(2 + enough, False)


def _reach(estimate: Estimate, num_seeds: int, level: float, power: float) -> float:
    """Return how far a limit has to lie from the estimate for `num_seeds` seeds to tell the two apart."""
    shrunk = estimate.seeds_variance * estimate.num_seeds / num_seeds
    planned = replace(estimate, num_seeds=num_seeds, seeds_variance=shrunk, seeds_degrees=num_seeds - 1, is_share=False)
    interval = verdict_interval(planned, level)
    return (interval.high - interval.low) / 2 + planned.quantile(power) * planned.standard_error
