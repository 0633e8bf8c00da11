"""How many seeds would decide: against simulated experiments, and where none would."""

import numpy as np
import pytest
from scipy import stats

from bench.analysis.stats.crossed import crossed_mean, seeds_mean
from bench.analysis.stats.power import MOST_SEEDS, Limits, seeds_needed


@pytest.mark.parametrize("num_seeds", [3, 6, 10])
def test_a_new_suite_of_so_many_seeds_decides_as_often_as_is_promised(num_seeds: int) -> None:
    """Averaged over what the truth and its spread may be after the present seeds, by a flat prior."""
    draws = np.random.default_rng(num_seeds)
    values = draws.normal(size=num_seeds)
    estimate = seeds_mean(values - values.mean() + 2.5 * stats.sem(values))
    needed = seeds_needed(estimate, Limits(0.0, np.inf), 0.95).seeds
    assert needed is not None
    truths = values.std(ddof=1) * np.sqrt((num_seeds - 1) / draws.chisquare(num_seeds - 1, 2000))
    means = draws.normal(estimate.mean, truths / np.sqrt(num_seeds))
    drawn = draws.normal(means, truths, (needed, 2000))
    half = stats.t.ppf(0.975, needed - 1) * stats.sem(drawn)
    assert 0.75 < np.mean(np.abs(drawn.mean(axis=0)) > half) < 0.93


def test_a_larger_distance_needs_fewer_seeds() -> None:
    sample = np.array([-0.01, 0.0, 0.01])
    needed = [seeds_needed(seeds_mean(sample + truth), Limits(0, np.inf)).seeds for truth in (0.01, 0.02, 0.05)]
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
