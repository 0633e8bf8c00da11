"""Define an estimate with its confidence interval. The seed is the independent unit, so `n` counts seeds.

An interval that cannot be estimated is absent (NaN), and never of zero width: one seed shows no spread, and seeds that
agree to the last digit only show that the test split is too small to distinguish them.
"""

import math
from dataclasses import dataclass

from bench.analysis.stats.statistics_errors import LevelError

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate and its two-sided confidence interval; `low` and `high` are NaN if there is no interval."""

    mean: float
    """The estimate: a mean over seeds, a ratio, or a size."""
    low: float
    high: float
    n: int
    """The number of seeds, or of rounds of a measurement, behind the estimate."""

    @property
    def is_known(self) -> bool:
        """Tell whether there is an interval."""
        return math.isfinite(self.low)


def unknown(num: int) -> Interval:
    """Return the interval of `num` values that have neither mean nor spread: all NaN."""
    return Interval(math.nan, math.nan, math.nan, num)


def require_level(level: float) -> None:
    """Raise LevelError unless a confidence level lies between 0 and 1."""
    if not 0 < level < 1:
        raise LevelError(f"level {level}: a confidence level must be between 0 and 1, such as 0.95")
