"""Estimate ratios of measured times or rates, with intervals that are robust to a few slow rounds.

The ratio is the Hodges-Lehmann estimate on logarithms. Its interval inverts the corresponding rank test: Wilcoxon's
signed-rank test for pairs, the Mann-Whitney test for two samples (Hollander, Wolfe and Chicken, Nonparametric
Statistical Methods, chapters 3 and 4). The logarithms of ratios are assumed symmetric for pairs, and equally
distributed but for a shift for two samples. Rounds are assumed independent. Ranks are discrete, so the coverage is the
level or more. If rounds are too few for the level, or agree to the last digit, the interval is absent (NaN).
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special, stats

from bench.analysis.stats.intervals import LEVEL, Interval, require_level
from bench.analysis.stats.statistics_errors import EmptySampleError, NotPositiveError, UnpairedError

Values = Sequence[float] | np.ndarray
_MOST_EXACT = 60
"""The most values per side for which ranks are counted exactly.

Beyond, the normal approximation is within one rank at 95 %."""
_NO_SPREAD = 1e-12


def paired_ratio(numerator: Values, denominator: Values, level: float = LEVEL) -> Interval:
    """Return the numerator over the denominator, paired by round.

    The estimate is the median of the Walsh averages of the log ratios, with the interval of Wilcoxon's signed-rank
    test. The interval needs six rounds at 95 %.

    Args:
        numerator: One positive number per round, such as seconds or images per second.
        denominator: One positive number for each of the same rounds.
        level: The confidence level of the interval.

    Raises:
        UnpairedError: One side has more rounds.
        EmptySampleError: There is no round.
        NotPositiveError: A value is not finite and above zero.
        LevelError: The level is not between 0 and 1.
    """
    above, below = _logs(numerator, level), _logs(denominator, level)
    if len(above) != len(below):
        raise UnpairedError(f"{len(above)} rounds and {len(below)} rounds; a paired ratio needs both sides of each")
    logs = above - below
    first, second = np.triu_indices(len(logs))
    averages = np.sort((logs[first] + logs[second]) / 2)
    return _ratio(averages, _signed_rank_place(len(logs), level), len(logs))


def unpaired_ratio(old: Values, new: Values, level: float = LEVEL) -> Interval:
    """Return the new sample over the old one, for values that are not paired.

    The estimate is the median of all differences of logarithms, with the interval of the Mann-Whitney test. The
    interval needs four values per side at 95 %.

    Args:
        old: Positive numbers, such as the ratios to a reference in each round of one measurement.
        new: The same of another measurement.
        level: The confidence level of the interval.

    Raises:
        EmptySampleError: A sample is empty.
        NotPositiveError: A value is not finite and above zero.
        LevelError: The level is not between 0 and 1.
    """
    before, after = _logs(old, level), _logs(new, level)
    differences = np.sort(np.subtract.outer(after, before).ravel())
    return _ratio(differences, _rank_sum_place(len(before), len(after), level), min(len(before), len(after)))


def _logs(values: Values, level: float) -> np.ndarray:
    require_level(level)
    sample = np.asarray(values, dtype=np.float64)
    if sample.size == 0:
        raise EmptySampleError("no values: a ratio needs at least one round")
    if not (np.isfinite(sample) & (sample > 0)).all():
        raise NotPositiveError(f"values {sample.tolist()}: each must be finite and above zero")
    return np.log(sample)


def _ratio(ordered: np.ndarray, place: int, pairs: int) -> Interval:
    """Return the median of ordered log ratios, and as its interval the values at `place` (from 1) from either end."""
    middle = math.exp(float(np.median(ordered)))
    if place < 1 or ordered[-1] - ordered[0] < _NO_SPREAD:
        return Interval(middle, math.nan, math.nan, pairs)
    return Interval(middle, math.exp(ordered[place - 1]), math.exp(ordered[-place]), pairs)


def _signed_rank_place(n: int, level: float) -> int:
    """Return how many values of the signed-rank statistic of n pairs are in one tail of the level."""
    if n > _MOST_EXACT:
        return _normal_place(n * (n + 1) / 4, n * (n + 1) * (2 * n + 1) / 24, level)
    # ways[s] counts the subsets of the ranks 1 to n with the sum s; each rank is in a subset or not.
    ways = np.zeros(n * (n + 1) // 2 + 1)
    ways[0] = 1
    for rank in range(1, n + 1):
        ways[rank:] += ways[:-rank].copy()
    return _tail_place(ways / 2.0**n, level)


def _rank_sum_place(m: int, n: int, level: float) -> int:
    """Return how many values of the Mann-Whitney statistic of m and n values are in one tail of the level."""
    if max(m, n) > _MOST_EXACT:
        return _normal_place(m * n / 2, m * n * (m + n + 1) / 12, level)
    # ways[k, s] counts the ways to place k values of the first sample among the second with the statistic s.
    ways = np.zeros((m + 1, m * n + 1))
    ways[0, 0] = 1
    for others_below in range(n + 1):
        for placed in range(1, m + 1):
            ways[placed, others_below:] += ways[placed - 1, : m * n + 1 - others_below]
    return _tail_place(ways[m] / special.comb(m + n, m), level)


def _tail_place(probabilities: np.ndarray, level: float) -> int:
    """Return how many of the lowest values together have at most the probability of one tail."""
    return int(np.searchsorted(np.cumsum(probabilities), (1 - level) / 2 * (1 + 1e-12), side="right"))


def _normal_place(mean: float, variance: float, level: float) -> int:
    """Return the same number from the normal approximation, with a continuity correction of one half."""
    return max(0, math.floor(mean + stats.norm.ppf((1 - level) / 2) * math.sqrt(variance) + 0.5))
