"""Test paired differences by flipping signs: a seed's whole block of differences keeps or changes its sign.

If two models do not differ, both signs of a seed's difference are equally likely, and the differences of all its
images, rungs and targets change sign together (protocol, "Conclusions"). The p-value is exact up to 16 pairs, and from
random signs beyond. With too few pairs the test cannot reject: `pairs_needed` returns how many it needs.
"""

import math

import numpy as np
from scipy import stats

from bench.analysis.stats.statistics_errors import EmptySampleError, LevelError, NotFiniteError

ALPHA = 0.05
_MOST_EXACT = 16
"""The most pairs whose sign patterns are all counted."""
_DRAWS = 100_000
"""The number of sign patterns that are drawn at random for more pairs."""
_BATCH = 4096
"""The most sign patterns that are summed at once."""
_MOST_SIGNS = 4_000_000
"""The most signs that are held at once."""
_DECIMALS = 12
"""Sums of accuracies are rounded to this many decimal places, so that rounding errors do not break ties."""


def sign_flip_p_values(differences: np.ndarray) -> np.ndarray:
    """Test for each comparison whether its mean difference is zero.

    Args:
        differences: (seeds, comparisons), of the same seeds.

    Returns:
        (comparisons,) two-sided p-values. Every call draws the same random signs.

    Raises:
        EmptySampleError: There is no pair.
        NotFiniteError: A difference is not finite.
    """
    if differences.size == 0:
        raise EmptySampleError("no pairs: a test needs at least one")
    if not np.isfinite(differences).all():
        raise NotFiniteError(f"differences {differences.tolist()}: each must be a finite number")
    if len(differences) > _MOST_EXACT:
        return _drawn_p_values(differences)
    test = stats.permutation_test(
        (differences,),
        lambda flipped, axis: np.round(flipped.sum(axis=axis), _DECIMALS),
        permutation_type="samples",
        vectorized=True,
        batch=_BATCH,
        n_resamples=_DRAWS,
    )
    return np.asarray(test.pvalue)


def _drawn_p_values(differences: np.ndarray) -> np.ndarray:
    """Return p-values from random signs, the same for all comparisons, so that a matrix product sums many at once."""
    generator = np.random.default_rng(0)
    observed = np.abs(np.round(differences.sum(axis=0), _DECIMALS))
    reached = np.zeros(differences.shape[1])
    batch = min(_BATCH, max(1, _MOST_SIGNS // len(differences)))
    for done in range(0, _DRAWS, batch):
        shape = (min(batch, _DRAWS - done), len(differences))
        signs = 2.0 * generator.integers(2, size=shape, dtype=np.int8) - 1
        reached += (np.abs(np.round(signs @ differences, _DECIMALS)) >= observed).sum(axis=0)
    # The observed signs count as one draw more, so that no p-value is zero (Phipson and Smyth 2010).
    return (reached + 1) / (_DRAWS + 1)


def pairs_needed(alpha: float = ALPHA) -> int:
    """Return the fewest pairs with which a two-sided test can reach alpha: 6 at 0.05.

    Raises:
        LevelError: Alpha is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise LevelError(f"alpha {alpha}: a significance level must be between 0 and 1, such as 0.05")
    # The smallest two-sided p-value of n pairs is 2 / 2**n; rounding keeps exact powers of two from needing one more.
    return 1 + math.ceil(round(-math.log2(alpha), 9))
