"""Compute the intervals from which verdicts are derived.

With fewer than five seeds, verdicts use at most as many degrees of freedom as seeds less one. So few seeds estimate
their own spread badly, so these intervals are wider than those that tables show.
"""

import math
from typing import Literal

from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.intervals import LEVEL, Interval

Word = Literal["supported", "refuted", "undecided"]
_FEW_SEEDS = 5


def verdict_interval(estimate: Estimate, level: float = LEVEL) -> Interval:
    """Return the interval from which a verdict is derived."""
    return estimate.interval(level, most_degrees(estimate))


def most_degrees(estimate: Estimate) -> float:
    """Return the most degrees of freedom that a verdict may use."""
    return estimate.num_seeds - 1 if estimate.num_seeds < _FEW_SEEDS else math.inf
