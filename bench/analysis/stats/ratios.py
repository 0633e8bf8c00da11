"""Estimate ratios of measured times or rates, over the rounds of one process or over restarts of the process.

Processes of the same code differ by some percent, because the memory of each lies elsewhere. More rounds do not show
this. A statement about one process may rest on its rounds; every other statement needs restarts as its unit.

- `paired_ratio`, over the rounds of one process: the Hodges-Lehmann estimate on logarithms. Its interval inverts
  Wilcoxon's signed-rank test (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, chapter 3), so a few
  slow rounds hardly change it. The logarithms of ratios are assumed symmetric, and rounds independent.
- `ratio_over_restarts` and `change_over_restarts`: the geometric mean over restarts, each with its median round. The
  interval is Student's or Welch's. Restarts are assumed independent, and their logarithms about normal.

If rounds or restarts are too few, or agree to the last digit, the interval is absent (NaN).
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from bench.analysis.stats.intervals import LEVEL, Interval, require_level
from bench.analysis.stats.statistics_errors import EmptySampleError, NotPositiveError, UnpairedError

Values = Sequence[float] | np.ndarray
FEWEST_RESTARTS = 6
"""The fewest restarts, on each side, for an interval over them."""
_MOST_EXACT = 60
"""The most rounds for which ranks are counted exactly.

Beyond, the normal approximation is within one rank at 95 %."""
_NO_SPREAD = 1e-12


def paired_ratio(numerator: Values, denominator: Values, level: float = LEVEL) -> Interval:
    """Return the numerator over the denominator in one process, paired by round.

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
    require_level(level)
    logs = _log_ratios(numerator, denominator)
    first, second = np.triu_indices(len(logs))
    ordered = np.sort((logs[first] + logs[second]) / 2)
    middle, place = math.exp(float(np.median(ordered))), _signed_rank_place(len(logs), level)
    if place < 1 or ordered[-1] - ordered[0] < _NO_SPREAD:
        return Interval(middle, math.nan, math.nan, len(logs))
    return Interval(middle, math.exp(ordered[place - 1]), math.exp(ordered[-place]), len(logs))


def logs_of_restarts(numerator: Values, denominator: Values, restarts: Values) -> np.ndarray:
    """Return the logarithm of the numerator over the denominator in the median round of each restart.

    Args:
        numerator: One positive number per round.
        denominator: One positive number for each of the same rounds.
        restarts: The restart of each round.

    Raises:
        UnpairedError, EmptySampleError, NotPositiveError: As for `paired_ratio`.
    """
    logs, of_round = _log_ratios(numerator, denominator), np.asarray(restarts)
    if len(of_round) != len(logs):
        raise UnpairedError(f"{len(logs)} rounds, of which {len(of_round)} have a restart")
    return np.array([np.median(logs[of_round == restart]) for restart in np.unique(of_round)])


def ratio_over_restarts(logs: np.ndarray, level: float = LEVEL) -> Interval:
    """Return the ratio over restarts, with Student's interval of its logarithm.

    Args:
        logs: (restarts,) from `logs_of_restarts`; fewer than `FEWEST_RESTARTS` have no interval.
        level: The confidence level of the interval.
    """
    require_level(level)
    mean, num = float(np.mean(logs)), len(logs)
    if num < FEWEST_RESTARTS or np.ptp(logs) < _NO_SPREAD:
        return Interval(math.exp(mean), math.nan, math.nan, num)
    return _ratio(mean, stats.ttest_1samp(logs, 0).confidence_interval(level), num)


def change_over_restarts(old: np.ndarray, new: np.ndarray, level: float = LEVEL) -> Interval:
    """Return the new ratio over the old one, with Welch's interval of its logarithm.

    Args:
        old: (restarts,) from `logs_of_restarts`; fewer than `FEWEST_RESTARTS` on a side have no interval.
        new: The same of another measurement.
        level: The confidence level of the interval.
    """
    require_level(level)
    difference, num = float(np.mean(new) - np.mean(old)), min(len(old), len(new))
    if num < FEWEST_RESTARTS or max(np.ptp(old), np.ptp(new)) < _NO_SPREAD:
        return Interval(math.exp(difference), math.nan, math.nan, num)
    return _ratio(difference, stats.ttest_ind(new, old, equal_var=False).confidence_interval(level), num)


def _ratio(log: float, ends: Iterable[Any], num: int) -> Interval:
    low, high = map(float, ends)
    return Interval(math.exp(log), math.exp(low), math.exp(high), num)


def _log_ratios(numerator: Values, denominator: Values) -> np.ndarray:
    """Return (rounds,): the logarithm of the ratio in each round."""
    above, below = _logs(numerator), _logs(denominator)
    if len(above) != len(below):
        raise UnpairedError(f"{len(above)} rounds and {len(below)} rounds; a paired ratio needs both sides of each")
    return above - below


def _logs(values: Values) -> np.ndarray:
    sample = np.asarray(values, dtype=np.float64)
    if sample.size == 0:
        raise EmptySampleError("no values: a ratio needs at least one round")
    if not (np.isfinite(sample) & (sample > 0)).all():
        raise NotPositiveError(f"values {sample.tolist()}: each must be finite and above zero")
    return np.log(sample)


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


def _tail_place(probabilities: np.ndarray, level: float) -> int:
    """Return how many of the lowest values together have at most the probability of one tail."""
    return int(np.searchsorted(np.cumsum(probabilities), (1 - level) / 2 * (1 + 1e-12), side="right"))


def _normal_place(mean: float, variance: float, level: float) -> int:
    """Return the same number from the normal approximation, with a continuity correction of one half."""
    return max(0, math.floor(mean + stats.norm.ppf((1 - level) / 2) * math.sqrt(variance) + 0.5))
