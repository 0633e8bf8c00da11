"""A sign-flip permutation test of a paired difference: a seed's whole block of differences keeps or changes its sign.

If nothing differed, either sign of a seed's difference would be as likely, and whatever its images, rungs and targets
share would change sign with it (protocol, "Conclusions"). The p-value is exact up to 16 pairs, where every way of
signs is gone through, and drawn beyond. With too few pairs no way of signs is rare enough to reject at all: then there
is no p-value, and the test says how many pairs of how many it has.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.analysis.format import p_value
from bench.analysis.stats.statistics_errors import ConstantError, EmptySampleError, LevelError, NotFiniteError

ALPHA = 0.05
_MOST_EXACT = 16
_DRAWS = 100_000
_TIE = 1e-12


@dataclass(frozen=True)
class PermutationTest:
    """A two-sided test, or how many pairs it would need."""

    p_value: float | None
    num_pairs: int
    num_needed: int
    """Pairs from which on it can reject."""

    @property
    def text(self) -> str:
        """`p = 0.031`, `p < 0.001`, or `3 of 6 pairs`."""
        if self.p_value is None:
            return f"{self.num_pairs} of {self.num_needed} pairs"
        return p_value(self.p_value)


def sign_flip_test(
    differences: Mapping[int, float], generator: np.random.Generator, alpha: float = ALPHA
) -> PermutationTest:
    """Whether the mean difference is zero.

    Args:
        differences: of each seed.
        generator: draws the signs where there are more than 16 pairs.
        alpha: the risk below which it is to reject; decides how many pairs it needs.

    Raises:
        EmptySampleError: there is no pair.
        NotFiniteError: a difference is not a number.
        ConstantError: every difference is zero.
        LevelError: alpha is not between 0 and 1.
    """
    values = _check(differences, alpha)
    needed = pairs_needed(alpha)
    if len(values) < needed:
        return PermutationTest(None, len(values), needed)
    if len(values) > _MOST_EXACT:
        return PermutationTest(_drawn(values, generator), len(values), needed)
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums - value, sums + value])
    return PermutationTest(float(np.mean(_as_far(sums, values))), len(values), needed)


def pairs_needed(alpha: float = ALPHA) -> int:
    """The fewest pairs with which a two-sided test can reach alpha: 6 at 0.05."""
    return 1 + math.ceil(round(-math.log2(alpha), 9))


def _drawn(values: np.ndarray, generator: np.random.Generator) -> float:
    """The observed signs count as one of the draws, so that it never is below what it could show."""
    signs = generator.integers(0, 2, (_DRAWS, len(values)), dtype=np.int8) * 2.0 - 1.0
    return float((_as_far(signs @ values, values).sum() + 1) / (_DRAWS + 1))


def _as_far(sums: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Which sums lie at least as far from zero as the observed one, ties up to rounding included."""
    return np.abs(sums) >= abs(float(values.sum())) - _TIE * float(np.abs(values).sum())


def _check(differences: Mapping[int, float], alpha: float) -> np.ndarray:
    if not 0 < alpha < 1:
        raise LevelError(f"alpha {alpha}: a risk lies between 0 and 1, such as 0.05")
    values = np.array([differences[seed] for seed in sorted(differences)], dtype=np.float64)
    if values.size == 0:
        raise EmptySampleError("no pairs: a test needs at least one")
    if not np.isfinite(values).all():
        raise NotFiniteError(f"differences {values.tolist()}: each must be a finite number")
    if not values.any():
        raise ConstantError("every pair differs by nothing; there is nothing to test")
    return values
