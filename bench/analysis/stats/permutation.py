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
_RESAMPLES = 100_000
"""The most sign patterns that SciPy enumerates; beyond (from 17 pairs on) it draws this many at random."""
_BATCH = 4096
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
    test = stats.permutation_test(
        (differences,),
        lambda flipped, axis: np.round(flipped.sum(axis=axis), _DECIMALS),
        permutation_type="samples",
        vectorized=True,
        n_resamples=_RESAMPLES,
        batch=_BATCH,
        rng=np.random.default_rng(0),
    )
    return np.asarray(test.pvalue)


def pairs_needed(alpha: float = ALPHA) -> int:
    """Return the fewest pairs with which a two-sided test can reach alpha: 6 at 0.05.

    Raises:
        LevelError: Alpha is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise LevelError(f"alpha {alpha}: a significance level must be between 0 and 1, such as 0.05")
    # The smallest two-sided p-value of n pairs is 2 / 2**n; rounding keeps exact powers of two from needing one more.
    return 1 + math.ceil(round(-math.log2(alpha), 9))
