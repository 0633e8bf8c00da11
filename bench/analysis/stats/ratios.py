"""Estimate ratios of measured times or rates, with intervals that a few slow rounds on a busy machine hardly move.

The ratio is the Hodges-Lehmann estimate on logarithms, and its interval is the one that the rank test of the same
name inverts to (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, chapters 3 and 4): no shape of the
noise is assumed beyond that of the logs of ratios being symmetric (pairs), or the same on both sides (two samples).
The level is held or exceeded, as ranks come in steps. With too few rounds for a level, or rounds that all agree to
the last digit, there is no interval: it is absent (NaN), never zero wide. Rounds are taken to be independent.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special, stats

from bench.analysis.stats.intervals import LEVEL, Interval, require_level
from bench.analysis.stats.statistics_errors import EmptySampleError, NotPositiveError, UnpairedError

Values = Sequence[float] | np.ndarray
_MOST_EXACT = 60
"""Values per side up to which ranks are counted exactly; beyond, the normal approximation is within one at 95 %."""
_NO_SPREAD = 1e-12


def paired_ratio(numerator: Values, denominator: Values, level: float = LEVEL) -> Interval:
    """Return how many times the denominator the numerator is, each round paired with itself.

    It is the median of the Walsh averages of the log ratios, with the interval of Wilcoxon's signed-rank test. It needs
    six rounds at 95 %.

    Args:
        numerator: One positive number per round, such as seconds or images per second.
        denominator: As many, of the same rounds.
        level: Of the interval.

    Raises:
        UnpairedError: One side has more rounds.
        EmptySampleError, NotPositiveError, LevelError: The input is not what the ratio is defined for.
    """
    above, below = _logs(numerator, level), _logs(denominator, level)
    if len(above) != len(below):
        raise UnpairedError(f"{len(above)} rounds beside {len(below)}; a paired ratio needs both sides of each")
    logs = above - below
    first, second = np.triu_indices(len(logs))
    averages = np.sort((logs[first] + logs[second]) / 2)
    return _ratio(averages, _signed_rank_place(len(logs), level), len(logs))


def unpaired_ratio(old: Values, new: Values, level: float = LEVEL) -> Interval:
    """Return how many times the old sample the new one is, if nothing pairs the values of the two.

    It is the median of all differences of logs, with the interval of the Mann-Whitney test. It needs four values per
    side at 95 %.

    Args:
        old: Positive numbers, such as the ratios to a reference in each round of one measurement.
        new: Those of another one.
        level: Of the interval.

    Raises:
        EmptySampleError, NotPositiveError, LevelError: The input is not what the ratio is defined for.
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
    """Return the median of ordered log ratios, and as interval those `place` from either end, 1 being the outermost."""
    middle = math.exp(float(np.median(ordered)))
    if place < 1 or ordered[-1] - ordered[0] < _NO_SPREAD:
        return Interval(middle, math.nan, math.nan, pairs)
    return Interval(middle, math.exp(ordered[place - 1]), math.exp(ordered[-place]), pairs)


def _signed_rank_place(n: int, level: float) -> int:
    """Return how many values of the signed-rank statistic of n pairs lie wholly in one tail of the level."""
    if n > _MOST_EXACT:
        return _normal_place(n * (n + 1) / 4, n * (n + 1) * (2 * n + 1) / 24, level)
    ways = np.zeros(n * (n + 1) // 2 + 1)
    ways[0] = 1
    for rank in range(1, n + 1):
        ways[rank:] += ways[:-rank].copy()
    return _tail_place(ways / 2.0**n, level)


def _rank_sum_place(m: int, n: int, level: float) -> int:
    """Return how many values of the Mann-Whitney statistic of m and n values lie wholly in one tail of the level."""
    if max(m, n) > _MOST_EXACT:
        return _normal_place(m * n / 2, m * n * (m + n + 1) / 12, level)
    ways = np.zeros((m + 1, m * n + 1))  # values of the first sample placed, their statistic
    ways[0, 0] = 1
    for others_below in range(n + 1):
        for placed in range(1, m + 1):
            ways[placed, others_below:] += ways[placed - 1, : m * n + 1 - others_below]
    return _tail_place(ways[m] / special.comb(m + n, m), level)


def _tail_place(probabilities: np.ndarray, level: float) -> int:
    """Return how many of the lowest values are together no likelier than one tail."""
    return int(np.searchsorted(np.cumsum(probabilities), (1 - level) / 2 * (1 + 1e-12), side="right"))


def _normal_place(mean: float, variance: float, level: float) -> int:
    """Return the number for a statistic taken as normal, with half a step of continuity correction."""
    return max(0, math.floor(mean + stats.norm.ppf((1 - level) / 2) * math.sqrt(variance) + 0.5))
