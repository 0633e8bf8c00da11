"""Sign flips are counted exactly for few pairs and drawn for many; the pairs that a test needs are known beforehand."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.analysis.stats.permutation import pairs_needed, sign_flip_p_values
from bench.analysis.stats.statistics_errors import AnalysisError, EmptySampleError, LevelError, NotFiniteError


@given(st.lists(st.lists(st.integers(-50, 50), min_size=7, max_size=7), min_size=1, max_size=4))
def test_p_values_are_the_share_of_signs_as_far_from_zero(thousandths: list[list[int]]) -> None:
    """Counted in whole numbers, so that ties are exact; differences that are all zero have p = 1."""
    found = sign_flip_p_values(np.array(thousandths).T / 1000)
    signs = np.array(list(itertools.product([-1, 1], repeat=7)))
    expected = [np.mean(np.abs(signs @ values) >= abs(sum(values))) for values in np.array(thousandths)]
    assert found == pytest.approx(expected)


def test_sixteen_pairs_are_exact() -> None:
    differences = np.full((16, 1), 0.01)
    assert sign_flip_p_values(differences).tolist() == [2 / 2**16]


@pytest.mark.parametrize(("alpha", "pairs"), [(0.05, 6), (0.0625, 5), (0.05 / 12, 9), (0.001, 11)])
def test_how_many_pairs_a_test_needs(alpha: float, pairs: int) -> None:
    """As many as make two of all choices of signs rarer than alpha."""
    assert pairs_needed(alpha) == pairs
    assert 2 / 2**pairs <= alpha < 2 / 2 ** (pairs - 1)
    assert sign_flip_p_values(np.full((pairs, 1), 0.1)).tolist() == [2 / 2**pairs]


def test_many_pairs_are_drawn() -> None:
    """Beyond 16 pairs each call gives the same p-value, close to the t test's; none is zero."""
    sample = np.random.default_rng(1).normal(0.4, 1, 40)
    differences = np.stack([sample, np.full(40, 0.5)], axis=1)
    drawn, smallest = sign_flip_p_values(differences)
    assert (drawn, smallest) == tuple(sign_flip_p_values(differences))
    assert drawn == pytest.approx(stats.ttest_1samp(sample, 0).pvalue, abs=0.01)
    assert 0 < smallest < 1e-4


def test_a_thousand_pairs_need_little_memory(rng: np.random.Generator) -> None:
    """However many comparisons share them, p-values are about those of t tests."""
    differences = rng.normal(0.05, 1, (1000, 60))
    tracemalloc.start()
    found = sign_flip_p_values(differences)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**27
    assert found == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.01)


@pytest.mark.parametrize(
    ("differences", "error"),
    [(np.zeros((0, 1)), EmptySampleError), (np.array([[math.nan], [0.1]]), NotFiniteError)],
)
def test_wrong_input_is_named(differences: np.ndarray, error: type[AnalysisError]) -> None:
    with pytest.raises(error):
        sign_flip_p_values(differences)
    with pytest.raises(LevelError):
        pairs_needed(5)
