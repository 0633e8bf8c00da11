"""Equivalence is statsmodels' two one-sided tests where only seeds vary, and agrees with the interval always."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.weightstats import ttost_paired

from bench.analysis.stats.crossed import Estimate, crossed_mean, seeds_mean
from bench.analysis.stats.equivalence import equivalence_p_value
from bench.analysis.stats.statistics_errors import MarginError

FIRST = np.array([0.81, 0.86, 0.80, 0.84, 0.83])
SECOND = np.array([0.80, 0.87, 0.79, 0.82, 0.84])


@pytest.mark.parametrize("margin", [0.002, 0.01, 0.02, 0.05])
def test_p_values_are_statsmodels(margin: float) -> None:
    """Of a paired difference over seeds, whichever side lies nearer to its margin."""
    for first, second in ((FIRST, SECOND), (SECOND, FIRST)):
        theirs, _, _ = ttost_paired(first, second, -margin, margin)
        assert equivalence_p_value(seeds_mean(first - second), margin) == pytest.approx(theirs, abs=1e-9)


@given(st.integers(0, 200), st.floats(0.001, 0.3), st.sampled_from([0.05, 0.01, 0.2]))
def test_the_p_value_is_where_the_interval_meets_the_margin(seed: int, margin: float, alpha: float) -> None:
    """Also where images add to the variance: below alpha if and only if the interval at 1 - 2 alpha lies within."""
    generator = np.random.default_rng(seed)
    values = (
        generator.normal(0.02, 0.3, (4, 1)) * 0.1 + generator.normal(0, 0.3, (1, 40)) + generator.normal(size=(4, 40))
    )
    estimate = crossed_mean([values])
    interval = estimate.interval(1 - 2 * alpha)
    assert (equivalence_p_value(estimate, margin) < alpha) == (-margin < interval.low and interval.high < margin)


def test_what_is_far_from_equal_or_certain() -> None:
    """P-values stay within 0 to 1."""
    wide, narrow = (Estimate(0.0, 5, variance, 4, variance, 100, "seeds and images") for variance in (1.0, 1e-20))
    assert equivalence_p_value(wide, 1e-3) == pytest.approx(0.5, abs=1e-3)
    assert 0 < equivalence_p_value(narrow, 0.1) < 1e-12
    assert equivalence_p_value(seeds_mean([0.5, 0.51]), 0.01) > 0.9


def test_wrong_input_is_named() -> None:
    estimate = seeds_mean([0.1, 0.2])
    for margin in (0.0, -0.1, math.nan, math.inf):
        with pytest.raises(MarginError):
            equivalence_p_value(estimate, margin)
