"""How many seeds would decide: against simulated experiments, and where none would."""

import numpy as np
import pytest
from scipy import stats

from bench.analysis.stats.crossed import crossed_mean, seeds_mean
from bench.analysis.stats.power import MOST_SEEDS, Limits, seeds_needed


@pytest.mark.parametrize("level", [0.95, 0.99])
@pytest.mark.parametrize(
    ("limits", "truth"), [(Limits(0.0, np.inf), 0.012), (Limits(-0.02, 0.02), 0.004), (Limits(-np.inf, 0), 0.02)]
)
def test_so_many_seeds_decide_as_often_as_was_asked_for(limits: Limits, truth: float, level: float) -> None:
    """Simulated: the truth is what was estimated, and so is the spread."""
    sample = np.array([-0.012, -0.004, 0.0, 0.005, 0.011])
    estimate = seeds_mean(sample - sample.mean() + truth)
    needed = seeds_needed(estimate, limits, level)
    assert needed.seeds is not None
    drawn = np.random.default_rng(0).normal(truth, sample.std(ddof=1), (4000, needed.seeds))
    half = stats.t.ppf((1 + level) / 2, needed.seeds - 1) * stats.sem(drawn, axis=1)
    low, high = drawn.mean(axis=1) - half, drawn.mean(axis=1) + half
    inside = (limits.low < low) & (high < limits.high)
    beyond = (high < limits.low) | (low > limits.high)
    assert 0.74 < np.mean(inside | beyond) < 0.93


def test_a_larger_distance_needs_fewer_seeds() -> None:
    sample = np.array([-0.01, 0.0, 0.01])
    needed = [seeds_needed(seeds_mean(sample + truth), Limits(0, np.inf)).seeds for truth in (0.005, 0.01, 0.05)]
    assert None not in needed
    assert needed == sorted(needed, reverse=True)
    assert len(set(needed)) == 3


def test_no_number_of_seeds_tells_an_estimate_from_a_limit_that_it_meets() -> None:
    needed = seeds_needed(seeds_mean([0.009, 0.01, 0.011]), Limits(-0.01, 0.01))
    assert (needed.seeds, needed.images_forbid) == (None, False)
    assert MOST_SEEDS == 1000


def test_test_images_may_forbid_it() -> None:
    """Ten images that differ much, answered alike by all seeds: more seeds change nothing."""
    images = np.array([[0.0, 1, 0, 1, 0, 0, 1, 0, 0, 0]]) - 0.25
    noise = np.random.default_rng(0).normal(0, 1e-3, (5, 10))
    needed = seeds_needed(crossed_mean([images + noise]), Limits(0, np.inf))
    assert (needed.seeds, needed.images_forbid) == (None, True)


def test_what_lies_between_limits() -> None:
    limits = Limits(-1.0, 2.0)
    assert 0.0 in limits
    assert 2.0 not in limits
    assert limits.distance(1.5) == 0.5
    assert Limits(-np.inf, 1.0).distance(3.0) == 2.0
