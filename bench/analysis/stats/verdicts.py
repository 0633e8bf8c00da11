"""Take the interval that a verdict comes from.

Below five seeds a verdict allows itself no more degrees of freedom than seeds less one, although the interval that is
shown may have more: so few seeds show their own spread badly.
"""

import math
from typing import Literal

from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.intervals import LEVEL, Interval

Word = Literal["supported", "refuted", "undecided"]
_FEW_SEEDS = 5


def verdict_interval(estimate: Estimate, level: float = LEVEL) -> Interval:
    """Return the interval that a verdict comes from."""
    return estimate.interval(level, most_degrees(estimate))


def most_degrees(estimate: Estimate) -> float:
    """Return how many degrees of freedom a verdict allows itself."""
    return estimate.num_seeds - 1 if estimate.num_seeds < _FEW_SEEDS else math.inf
