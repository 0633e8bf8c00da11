"""Test paired differences by flipping signs: a seed's whole block of differences keeps or changes its sign.

If nothing differed, either sign of a seed's difference would be equally likely, and everything that its images, rungs
and targets share would change sign with it (protocol, "Conclusions"). The p-value is exact up to 16 pairs, and drawn
beyond. With too few pairs no choice of signs is rare enough to reject: `pairs_needed` says how many a test needs.
"""

import math

import numpy as np
from scipy import stats

from bench.analysis.stats.statistics_errors import EmptySampleError, LevelError, NotFiniteError

ALPHA = 0.05
_RESAMPLES = 100_000
"""SciPy goes through all choices of signs while there are no more than these: 2 ** 16 are."""
_BATCH = 4096
_DECIMALS = 12
"""Sums of accuracies that differ by less are equal but for rounding."""


def sign_flip_p_values(differences: np.ndarray) -> np.ndarray:
    """Test whether mean differences are zero, each by itself.

    Args:
        differences: (seeds, comparisons), of the same seeds.

    Returns:
        (comparisons,) two-sided p-values. Signs that are drawn are the same at each call.

    Raises:
        EmptySampleError: There is no pair.
        NotFiniteError: A difference is not a number.
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
        raise LevelError(f"alpha {alpha}: a risk lies between 0 and 1, such as 0.05")
    return 1 + math.ceil(round(-math.log2(alpha), 9))
