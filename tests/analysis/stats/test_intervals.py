"""Intervals equal SciPy's, are absent where they can't be known, and refuse what they are not defined for."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.analysis.stats.intervals import mean_interval, paired_interval
from bench.analysis.stats.statistics_errors import EmptySampleError, LevelError, NotFiniteError, UnpairedError

accuracies = st.lists(st.integers(0, 1000).map(lambda correct: correct / 1000), min_size=2, max_size=12)


@given(values=accuracies.filter(lambda values: np.ptp(values) > 0), level=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_mean_interval_is_scipys(values: list[float], level: float) -> None:
    """SciPy's confidence interval of a one-sample t test is the same interval."""
    theirs = stats.ttest_1samp(values, 0).confidence_interval(level)
    ours = mean_interval(values, level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert (ours.mean, ours.n) == (pytest.approx(np.mean(values)), len(values))


def test_paired_interval_is_scipys_and_pairs_by_seed() -> None:
    """The order in which seeds stand does not matter; which seed is which does."""
    ours = paired_interval({0: 0.81, 1: 0.86, 2: 0.80}, {2: 0.75, 0: 0.78, 1: 0.79})
    theirs = stats.ttest_rel([0.81, 0.86, 0.80], [0.78, 0.79, 0.75]).confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert ours.mean == pytest.approx(0.05)
    assert ours.n == 3


@pytest.mark.parametrize("values", [[0.7], [0.1 + 0.2, 0.3, 0.3]])
def test_no_spread_no_interval(values: list[float]) -> None:
    """One seed, or seeds that agree up to rounding: the mean stands, the interval is absent and not zero wide."""
    interval = mean_interval(values)
    assert interval.mean == pytest.approx(values[-1])
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert not interval.is_known


@pytest.mark.parametrize(
    ("values", "level", "error"),
    [
        ([], 0.95, EmptySampleError),
        ([0.5, math.nan], 0.95, NotFiniteError),
        ([0.5, math.inf], 0.95, NotFiniteError),
        ([0.5, 0.6], 95, LevelError),
        ([0.5, 0.6], 0.0, LevelError),
    ],
)
def test_wrong_input_is_named(values: list[float], level: float, error: type[Exception]) -> None:
    """No NaN is passed on."""
    with pytest.raises(error):
        mean_interval(values, level)


def test_unpaired_seeds_are_named() -> None:
    """A seed on one side only is never dropped in silence."""
    with pytest.raises(UnpairedError, match=r"seeds \[2\]"):
        paired_interval({0: 0.5, 1: 0.6, 2: 0.7}, {0: 0.4, 1: 0.5})
