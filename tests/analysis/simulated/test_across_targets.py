"""Probabilities of improvement hold the truth, and ranks tell equal models apart as seldom as they say."""

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from scipy import stats

from bench.analysis.stats.aggregate import probability_of_improvement
from bench.analysis.stats.ranks import rank
from tests.analysis.simulated.table import Row, require_documented

pytestmark = pytest.mark.slow

SEEDS, EXPERIMENTS, RANKINGS = (3, 5, 10, 20), 1000, 20_000
TARGETS = ((1, 0.0), (5, 0.8))
"""The number of targets, and what they share of a seed's variance."""
MODELS = (3, 4, 6, 10)


@cache
def of_probability(seeds: int, targets: int, shared: float, better: float) -> float:
    """Return how often intervals hold the probability of improvement of a model that is better by so much."""
    draws = np.random.default_rng((seeds, int(10 * better)))
    truth = stats.norm.cdf(better / math.sqrt(2))
    own = draws.normal(size=(2, EXPERIMENTS, seeds, targets)) * math.sqrt(1 - shared)
    first, second = own + draws.normal(size=(2, EXPERIMENTS, seeds, 1)) * math.sqrt(shared)
    found = [probability_of_improvement(one + better, other) for one, other in zip(first, second, strict=True)]
    return float(np.mean([interval.low <= truth <= interval.high for interval in found]))


@cache
def told_apart(seeds: int, num_models: int) -> float:
    """Return how often the critical difference parts any two of equal models."""
    draws = np.random.default_rng(seeds * num_models).random((RANKINGS, seeds, num_models))
    ranges = np.ptp(draws.argsort(axis=2).mean(axis=1), axis=1)
    critical = rank([str(number) for number in range(num_models)], draws[0]).critical_difference
    return float((ranges >= critical).mean())


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize(("targets", "shared"), TARGETS)
def test_probabilities_of_improvement(seeds: int, targets: int, shared: float) -> None:
    """Whatever the targets of a seed share, near one half and near one."""
    for better in (0.0, 0.5, 1.5, 3.0):
        assert of_probability(seeds, targets, shared, better) >= 0.93


@pytest.mark.parametrize("num_models", MODELS)
@pytest.mark.parametrize("seeds", SEEDS)
def test_models_that_are_alike_are_seldom_told_apart(seeds: int, num_models: int) -> None:
    """Although the critical difference is an approximation."""
    assert told_apart(seeds, num_models) <= 0.066


def rows() -> Iterator[Row]:
    """Yield what the page says of several targets."""
    for (targets, shared), words in zip(TARGETS, ("one target", "five targets that share most of a seed"), strict=True):
        for better, probability in ((0.0, "50 %"), (1.5, "86 %")):
            shares = {str(seeds): of_probability(seeds, targets, shared, better) for seeds in SEEDS}
            name = "probability of improvement"
            yield Row(name, f"{probability}, {words}", "right", "95 % hold", EXPERIMENTS, shares)
    shares = {str(seeds): told_apart(seeds, 6) for seeds in SEEDS}
    yield Row("any two ranks told apart", "six equal models", "right", "5 % wrong", RANKINGS, shares)


def test_rows_of_the_page() -> None:
    require_documented("across_targets", rows())
