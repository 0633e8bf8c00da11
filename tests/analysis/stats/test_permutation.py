"""The sign-flip test equals SciPy's, and says how many pairs it has where no p-value could reject."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.analysis.stats.permutation import pairs_needed, sign_flip_test
from bench.analysis.stats.statistics_errors import (
    AnalysisError,
    ConstantError,
    EmptySampleError,
    LevelError,
    NotFiniteError,
)

thousandths = st.lists(st.integers(-50, 50), min_size=6, max_size=9).filter(any)


@given(thousandths)
def test_exact_p_values_are_scipys(values: list[int]) -> None:
    """SciPy's permutation test of samples flips the signs of pairs, too; ties count as as far from zero."""
    sample = np.array(values) / 1000
    theirs = stats.permutation_test(
        (sample, np.zeros(len(sample))),
        lambda x, y, axis: np.abs(np.round((x - y).sum(axis=axis), 9)),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
        alternative="greater",
    )
    ours = sign_flip_test(dict(enumerate(sample.tolist())), np.random.default_rng(0))
    assert ours.p_value == pytest.approx(theirs.pvalue)


def test_six_pairs_that_agree_are_the_fewest_that_reject() -> None:
    """2 of 64 ways of signs are as far from zero."""
    differences = {seed: 0.01 * (seed + 1) for seed in range(6)}
    found = sign_flip_test(differences, np.random.default_rng(0))
    assert (found.p_value, found.text) == (0.03125, "p = 0.031")
    del differences[5]
    few = sign_flip_test(differences, np.random.default_rng(0))
    assert (few.p_value, few.text) == (None, "5 of 6 pairs")


@pytest.mark.parametrize(("alpha", "pairs"), [(0.05, 6), (0.0625, 5), (0.05 / 12, 9), (0.001, 11)])
def test_how_many_pairs_a_test_needs(alpha: float, pairs: int) -> None:
    """As many as make two of all ways of signs rarer than alpha."""
    assert pairs_needed(alpha) == pairs
    assert 2 / 2**pairs <= alpha < 2 / 2 ** (pairs - 1)
    differences = dict.fromkeys(range(pairs - 1), 0.1)
    assert sign_flip_test(differences, np.random.default_rng(0), alpha).num_needed == pairs


def test_many_pairs_are_drawn_with_the_generator() -> None:
    """Beyond 16 pairs: the same generator gives the same p-value, close to the t test's; none is zero."""
    sample = np.random.default_rng(1).normal(0.4, 1, 40)
    differences = dict(enumerate(sample.tolist()))
    first, again = (sign_flip_test(differences, np.random.default_rng(5)).p_value for _ in range(2))
    assert first == again == pytest.approx(stats.ttest_1samp(sample, 0).pvalue, abs=0.01)
    certain = sign_flip_test(dict.fromkeys(range(40), 0.5), np.random.default_rng(0))
    assert certain.p_value == pytest.approx(1e-5, rel=0.01)
    assert certain.text == "p < 0.001"


@pytest.mark.parametrize(
    ("differences", "alpha", "error"),
    [
        ({}, 0.05, EmptySampleError),
        ({0: math.nan}, 0.05, NotFiniteError),
        ({0: 0.0, 1: 0.0}, 0.05, ConstantError),
        ({0: 0.1}, 5, LevelError),
    ],
)
def test_wrong_input_is_named(differences: dict[int, float], alpha: float, error: type[AnalysisError]) -> None:
    with pytest.raises(error):
        sign_flip_test(differences, np.random.default_rng(0), alpha)
