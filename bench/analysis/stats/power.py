"""How many seeds would decide: a power calculation from the spread that was observed.

A claim says that a quantity lies between two limits, of which one may be infinite. If the truth is what was estimated,
an interval lies wholly on one side of a limit with a certain probability, its power, once the distance to that limit is
the sum of two quantiles times the standard error: that of the interval's half width, and that of the power. More seeds
shrink the seeds' part of the variance; the part of the test images stays, and may alone be too much.
"""

import math
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
        """Of a claim that something is about equal: how far the limits lie from zero on either side, else None."""
        return self.high if self.low == -self.high and math.isfinite(self.high) else None

    def distance(self, value: float) -> float:
        """How far a value lies from the nearer one."""
        return min(abs(value - self.low), abs(value - self.high))


@dataclass(frozen=True)
class Needed:
    """What would decide, if the truth is what was estimated."""

    seeds: int | None
    """How many in all; None where no number up to `MOST_SEEDS` would do."""
    images_forbid: bool
    """Whether that is because the test images alone leave too much open."""


def seeds_needed(estimate: Estimate, limits: Limits, level: float = LEVEL, power: float = POWER) -> Needed:
    """The fewest seeds with which the interval would lie wholly within the limits, or wholly beyond one.

    Args:
        estimate: of what the limits are about, from the seeds that there are.
        limits: of the claim.
        level: of the interval.
        power: the probability of a decision.
    """
    distance = limits.distance(estimate.mean)
    if _reach(estimate, MOST_SEEDS, level, power) > distance:
        endless = replace(estimate, seeds_variance=0.0)
        forbidden = estimate.images_variance > 0 and _reach(endless, MOST_SEEDS, level, power) > distance
        return Needed(None, forbidden)
    below, enough = 1, MOST_SEEDS
    while enough - below > 1:
        middle = (below + enough) // 2
        below, enough = (below, middle) if _reach(estimate, middle, level, power) <= distance else (middle, enough)
    return Needed(enough, False)


def _reach(estimate: Estimate, num_seeds: int, level: float, power: float) -> float:
    """How far a limit has to lie away from the estimate to be told from it with so many seeds."""
    shrunk = estimate.seeds_variance * estimate.num_seeds / num_seeds
    planned = replace(estimate, num_seeds=num_seeds, seeds_variance=shrunk, seeds_degrees=num_seeds - 1, is_share=False)
    interval = verdict_interval(planned, level)
    return (interval.high - interval.low) / 2 + planned.quantile(power) * planned.standard_error
