"""Calculate how many seeds of a new suite would decide a claim, from the estimate of this one.

A claim states that a quantity lies between two limits; one of them may be infinite. The new suite decides if its
interval lies wholly on one side of a limit. The truth is not what was estimated, and neither is its spread: if both
were taken as true, the new suite would decide far less often than promised, since an undecided claim's estimate is
noisy. So the power is an assurance (O'Hagan, Stevens and Campbell, Assurance in clinical trial design, 2005): the
probability of a decision, averaged over what the truth may be after these seeds. The new estimate differs from the
present one by the errors of both, and the present variance is replaced by an upper confidence limit. More seeds reduce
the seeds' part of the variance. The test images' part stays, and may be too large by itself; both suites share it.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import cache

from scipy import stats

from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.stats.statistics_errors import MarginError
from bench.analysis.stats.verdicts import verdict_interval

POWER = 0.8
MOST_SEEDS = 1000
_VARIANCE_RISK = 0.2
"""The risk that the true variance of seeds is above the limit that is planned with."""


@dataclass(frozen=True)
class Limits:
    """The limits between which a quantity lies if a claim holds; either may be infinite."""

    low: float
    high: float

    def __post_init__(self) -> None:
        """Check that the lower limit is below the upper one.

        Raises:
            MarginError: A limit is not a number, or the lower one is not below the upper one.
        """
        if not self.low < self.high:
            raise MarginError(f"limits {self.low:g} and {self.high:g}: the first must be below the second")

    def __contains__(self, value: float) -> bool:
        """Return whether a value lies strictly between the limits."""
        return self.low < value < self.high

    @property
    def margin(self) -> float | None:
        """Return the distance of the limits from zero if they are symmetric around it, else None."""
        return self.high if self.low == -self.high and math.isfinite(self.high) else None

    def distance(self, value: float) -> float:
        """Return the distance of a value from the nearer limit."""
        return min(abs(value - self.low), abs(value - self.high))


@dataclass(frozen=True)
class Needed:
    """The number of seeds of a new suite that would decide."""

    seeds: int | None
    """The number of seeds; None if more than `MOST_SEEDS` are needed."""
    images_forbid: bool
    """Whether no number of seeds is enough, because the variance of the test images alone is too large."""

    @property
    def order(self) -> tuple[bool, float]:
        """Return a key that sorts by how hard the decision is."""
        return self.images_forbid, math.inf if self.seeds is None else self.seeds


def seeds_needed(estimate: Estimate, limits: Limits, level: float = LEVEL, power: float = POWER) -> Needed:
    """Return the fewest seeds with which the interval would lie wholly within the limits, or wholly beyond one.

    Args:
        estimate: The estimate of the quantity from the present seeds.
        limits: The limits of the claim.
        level: The confidence level of the interval.
        power: The assurance: the probability of a decision, given the error of the estimate.
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
    """Return the smallest distance of a limit from the estimate that a new suite of `num_seeds` seeds resolves."""
    pessimism, quantile = seed_factors(estimate.num_seeds, power)
    shrunk = estimate.seeds_variance * pessimism * estimate.num_seeds / num_seeds
    planned = replace(estimate, num_seeds=num_seeds, seeds_variance=shrunk, seeds_degrees=num_seeds - 1, is_share=False)
    interval = verdict_interval(planned, level)
    both = math.sqrt(estimate.seeds_variance + estimate.seeds_variance * estimate.num_seeds / num_seeds)
    return (interval.high - interval.low) / 2 + quantile * both


@cache
def seed_factors(num_seeds: int, power: float = POWER) -> tuple[float, float]:
    """Return by what so many seeds' variance is multiplied to plan with, and the quantile of both suites' error."""
    degrees = num_seeds - 1
    return degrees / float(stats.chi2.ppf(_VARIANCE_RISK, degrees)), float(stats.t.ppf(power, degrees))
