"""Tests reject as often as they say if there is nothing to find."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from bench.analysis.stats.crossed import crossed_mean
from bench.analysis.stats.equivalence import equivalence_p_value
from bench.analysis.stats.multiple import holm
from bench.analysis.stats.permutation import sign_flip_p_values
from tests.analysis.simulated.experiments import NUM_EXPERIMENTS
from tests.analysis.simulated.table import Row, require_documented

pytestmark = pytest.mark.slow

ALPHA, MOST_WRONG = 0.05, 0.066
OF_SIGN_FLIPS, OF_EQUIVALENCE = (6, 10), (3, 5, 10)
"""Numbers of seeds."""


@cache
def rejected_sign_flips(num_seeds: int) -> float:
    """Return how often differences are told from zero that are skewed, and whose signs are fair."""
    generator = np.random.default_rng(num_seeds)
    signs = generator.choice([-1, 1], (NUM_EXPERIMENTS, num_seeds))
    differences = signs * generator.exponential(size=signs.shape)
    return float(np.mean(sign_flip_p_values(differences.T) <= ALPHA))


@cache
def rejected_families() -> float:
    """Return how often any of twelve true comparisons is rejected; they share seeds, as those with one reference do."""
    generator = np.random.default_rng(1)
    wrong = 0
    for _ in range(NUM_EXPERIMENTS):
        values = generator.normal(size=(12, 12)) + generator.normal(size=12)
        wrong += any(p is not None and p <= ALPHA for p in holm(sign_flip_p_values(values.T).tolist()))
    return wrong / NUM_EXPERIMENTS


@cache
def called_equal(num_seeds: int) -> tuple[float, float]:
    """Return how often models are called equal whose difference is the margin, and models without a difference."""
    generator = np.random.default_rng(num_seeds)
    called = []
    for _ in range(NUM_EXPERIMENTS):
        seeds, images = generator.normal(0, 0.02, (num_seeds, 1)), generator.normal(0, 0.2, (1, 200))
        values = seeds + images + generator.normal(0, 0.3, (num_seeds, 200))
        called.append([equivalence_p_value(crossed_mean([values + mean]), 0.1) < ALPHA for mean in (0.1, 0.0)])
    at_margin, at_zero = np.mean(called, axis=0).tolist()
    return at_margin, at_zero


def test_sign_flips_where_nothing_differs() -> None:
    """Also at the fewest pairs that can reject."""
    for num_seeds in OF_SIGN_FLIPS:
        assert 0.02 < rejected_sign_flips(num_seeds) <= MOST_WRONG


def test_holm_over_a_family() -> None:
    assert rejected_families() <= MOST_WRONG


def test_equivalence_where_the_difference_is_the_margin() -> None:
    """Called equal at most as often as alpha, and often where there is no difference."""
    for num_seeds in OF_EQUIVALENCE:
        at_margin, at_zero = called_equal(num_seeds)
        assert at_margin <= MOST_WRONG
        assert at_zero > 0.8


def rows() -> Iterator[Row]:
    """Yield what the page says of tests."""
    of_flips = {seeds: rejected_sign_flips(seeds) for seeds in OF_SIGN_FLIPS}
    yield _row("sign flips", "skewed differences with fair signs", "5 % wrong", of_flips)
    yield _row(
        "Holm's procedure", "any of twelve differences with one reference", "5 % wrong", {12: rejected_families()}
    )
    at_margin = {seeds: called_equal(seeds)[0] for seeds in OF_EQUIVALENCE}
    yield _row("test of equivalence", "a difference as large as the margin", "5 % wrong", at_margin)


def _row(of: str, data: str, promised: str, found: dict[int, float]) -> Row:
    shares = {str(seeds): share for seeds, share in found.items()}
    return Row(of, data, "right", promised, NUM_EXPERIMENTS, shares)


def test_rows_of_the_page() -> None:
    require_documented("tests", rows())
