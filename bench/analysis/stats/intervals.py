"""Intervals over seeds, by Student's t. The seed is the independent unit, so `n` always counts seeds.

An interval that cannot be estimated is absent (NaN), never zero wide: one seed shows no spread, and seeds
that agree to the last digit show only that the test split is too small to tell them apart.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bench.analysis.stats.statistics_errors import EmptySampleError, LevelError, NotFiniteError, UnpairedError

LEVEL = 0.95
_NO_SPREAD = 1e-12
"""Accuracies are ratios of counts: two that differ at all differ by more than this."""


@dataclass(frozen=True)
class Interval:
    """A mean over `n` seeds and its two-sided confidence interval; `low` and `high` are NaN without one."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def is_known(self) -> bool:
        """Whether the spread could be estimated."""
        return math.isfinite(self.low)


def unknown(num: int) -> Interval:
    """Of so many values that have neither mean nor interval."""
    return Interval(math.nan, math.nan, math.nan, num)


def mean_interval(values: Sequence[float], level: float = LEVEL) -> Interval:
    """The mean of one value a seed, with Student's t interval on n - 1 degrees of freedom.

    Raises:
        EmptySampleError: there is nothing to average.
        NotFiniteError: a value is not a number.
        LevelError: the level is not between 0 and 1.
    """
    sample = _check(values, level)
    mean, n = float(sample.mean()), len(sample)
    if n < 2 or np.ptp(sample) < _NO_SPREAD:
        return Interval(mean, math.nan, math.nan, n)
    half_width = float(stats.t.ppf((1 + level) / 2, n - 1) * stats.sem(sample))
    return Interval(mean, mean - half_width, mean + half_width, n)


def paired_interval(values: Mapping[int, float], reference: Mapping[int, float], level: float = LEVEL) -> Interval:
    """The mean over seeds of `values - reference`, each seed paired with itself.

    Raises:
        UnpairedError: a seed stands on one side only. Which seeds may be left out is not decided here.
    """
    if unpaired := sorted(values.keys() ^ reference.keys()):
        raise UnpairedError(f"seeds {unpaired} stand on one side only; a paired difference needs both")
    return mean_interval([values[seed] - reference[seed] for seed in sorted(values)], level)


def require_level(level: float) -> None:
    """Raise LevelError unless a confidence level lies between 0 and 1."""
    if not 0 < level < 1:
        raise LevelError(f"level {level}: a confidence level lies between 0 and 1, such as 0.95")


def _check(values: Sequence[float], level: float) -> np.ndarray:
    require_level(level)
    sample = np.asarray(values, dtype=np.float64)
    if sample.size == 0:
        raise EmptySampleError("no values: a mean needs at least one seed")
    if not np.isfinite(sample).all():
        raise NotFiniteError(f"values {sample.tolist()}: each must be a finite number")
    return sample
