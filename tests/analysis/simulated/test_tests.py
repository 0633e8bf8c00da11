"""Tests reject as often as they say if there is nothing to find."""

import numpy as np
import pytest

from bench.analysis.stats.crossed import crossed_mean
from bench.analysis.stats.equivalence import equivalence_p_value
from bench.analysis.stats.multiple import holm
from bench.analysis.stats.permutation import sign_flip_p_values
from tests.analysis.simulated.experiments import NUM_EXPERIMENTS

pytestmark = pytest.mark.slow

MOST_WRONG = 0.066


def test_sign_flips_where_nothing_differs() -> None:
    """At the fewest pairs that can reject, and with skewed differences whose signs are fair."""
    generator = np.random.default_rng(0)
    for num_seeds in (6, 10):
        signs = generator.choice([-1, 1], (NUM_EXPERIMENTS, num_seeds))
        differences = signs * generator.exponential(size=signs.shape)
        assert 0.02 < np.mean(sign_flip_p_values(differences.T) <= 0.05) <= MOST_WRONG


def test_holm_over_a_family() -> None:
    """Any error among twelve true comparisons that share their seeds, as those with one reference do."""
    generator = np.random.default_rng(1)
    wrong = 0
    for _ in range(NUM_EXPERIMENTS):
        values = generator.normal(size=(12, 12)) + generator.normal(size=12)
        wrong += any(p is not None and p <= 0.05 for p in holm(sign_flip_p_values(values.T).tolist()))
    assert wrong / NUM_EXPERIMENTS <= MOST_WRONG


def test_equivalence_where_the_difference_is_the_margin() -> None:
    """Called equal at most as often as alpha, and often where there is no difference."""
    generator = np.random.default_rng(2)
    for num_seeds in (3, 5, 10):
        called = []
        for _ in range(NUM_EXPERIMENTS):
            seeds, images = generator.normal(0, 0.02, (num_seeds, 1)), generator.normal(0, 0.2, (1, 200))
            values = seeds + images + generator.normal(0, 0.3, (num_seeds, 200))
            called.append([equivalence_p_value(crossed_mean([values + mean]), 0.1) < 0.05 for mean in (0.1, 0.0)])
        at_margin, at_zero = np.mean(called, axis=0)
        assert at_margin <= MOST_WRONG
        assert at_zero > 0.8
