"""Intervals of error consistency hold the kappa of the population, over 1,000 experiments at each number of seeds.

An image is right where its difficulty, what the model makes of it and what the run makes of it exceed the seed's bar:
a bivariate normal distribution says how often two runs agree, and Gauss' quadrature averages kappa over seeds.
"""

import contextlib
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from scipy import stats

from bench.analysis.correctness import Correctness
from bench.analysis.stats.consistency import FEWEST, Consistency, error_consistency, self_consistency
from bench.analysis.stats.statistics_errors import FewErrorsError
from tests.analysis.simulated.table import Row, require_documented

pytestmark = pytest.mark.slow

AROUND = {3: (0.91, 0.985), 5: (0.93, 0.975), 10: (0.93, 0.975), 20: (0.93, 0.975)}
"""Seeds -> the least and the most that intervals of 95 % may cover."""
EXPERIMENTS, IMAGES = 1000, 200
OF_IMAGE, OF_MODEL, OF_RUN = 1.0, 0.25, 1.0
"""Variances."""
BARS, OF_SEED = (-0.5, -0.3), 0.3
"""What the two models have to exceed, and the seeds' standard deviation of it."""


def _models(
    seeds: int, bars: tuple[float, float] = BARS, images: int = IMAGES, of_seed: float = OF_SEED
) -> Iterator[list[Correctness]]:
    draws = np.random.default_rng(seeds)
    for _ in range(EXPERIMENTS):
        image = draws.normal(0, OF_IMAGE**0.5, (1, 1, images)) + draws.normal(0, OF_MODEL**0.5, (2, 1, images))
        bar = np.array(bars)[:, None, None] + draws.normal(0, of_seed, (2, seeds, 1))
        right = (image + draws.normal(0, OF_RUN**0.5, (2, seeds, images)) > bar).astype(float)
        yield [Correctness(tuple(range(seeds)), one, "a") for one in right]


def _expected_kappa(bars: tuple[float, float], shared: float, of_seed: float = OF_SEED) -> float:
    """The mean over two seeds' bars of the kappa of two runs that share so much of the variance."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(7)
    scale = (OF_IMAGE + OF_MODEL + OF_RUN) ** 0.5
    correlated = stats.multivariate_normal(cov=[[1, shared / scale**2], [shared / scale**2, 1]])
    total = 0.0
    for x, of_x in zip(nodes, weights, strict=True):
        for y, of_y in zip(nodes, weights, strict=True):
            upper = np.array([-bars[0] - of_seed * x, -bars[1] - of_seed * y]) / scale
            p, q = stats.norm.cdf(upper)
            observed = 1 - p - q + 2 * correlated.cdf(upper)
            expected = p * q + (1 - p) * (1 - q)
            total += of_x * of_y * (observed - expected) / (1 - expected)
    return float(total / weights.sum() ** 2)


def _holds(found: Consistency, truth: float) -> bool:
    interval = found.kappa.interval()
    return interval.low <= truth <= interval.high


@cache
def of_two_models(seeds: int) -> float:
    """Return the share of intervals that hold the kappa of two models, which share what is hard for both."""
    truth = _expected_kappa(BARS, OF_IMAGE)
    return float(np.mean([_holds(error_consistency(*models), truth) for models in _models(seeds)]))


@cache
def of_one_model(seeds: int) -> float:
    """Return the share for one model's seeds, which share what is hard for it, too; each stands in several pairs."""
    truth = _expected_kappa((BARS[0], BARS[0]), OF_IMAGE + OF_MODEL)
    return float(np.mean([_holds(self_consistency(one), truth) for one, _ in _models(seeds)]))


@cache
def of_few_errors(seeds: int, side: int) -> float:
    """Return the share at about the fewest that are accepted: a little more than 20 of 300 are wrong, or right."""
    bar = side * -float(stats.norm.isf(1.1 * FEWEST / 300)) * (OF_IMAGE + OF_MODEL + OF_RUN + 0.1**2) ** 0.5
    held, truth = [], _expected_kappa((bar, bar), OF_IMAGE, 0.1)
    for models in _models(seeds, (bar, bar), 300, 0.1):
        with contextlib.suppress(FewErrorsError):
            held.append(_holds(error_consistency(*models), truth))
    assert len(held) > EXPERIMENTS / 2
    return float(np.mean(held))


@pytest.mark.parametrize("seeds", AROUND)
def test_intervals_hold_the_kappa_of_two_models(seeds: int) -> None:
    least, most = AROUND[seeds]
    assert least <= of_two_models(seeds) <= most


@pytest.mark.parametrize("seeds", [3, 5])
def test_intervals_hold_the_kappa_of_seeds(seeds: int) -> None:
    least, most = AROUND[seeds]
    assert least <= of_one_model(seeds) <= most


@pytest.mark.parametrize("seeds", [3, 6])
@pytest.mark.parametrize("side", [1, -1])
def test_intervals_hold_the_kappa_of_few_errors(seeds: int, side: int) -> None:
    assert 0.9 <= of_few_errors(seeds, side) <= 0.99


def rows() -> Iterator[Row]:
    """Yield what the page says of kappa."""
    found = {seeds: of_two_models(seeds) for seeds in AROUND}
    yield _row("kappa of two models", "200 images, two in five wrong", found)
    found = {seeds: of_one_model(seeds) for seeds in (3, 5)}
    yield _row("kappa of one model's seeds", "200 images, two in five wrong", found)
    found = {seeds: of_few_errors(seeds, 1) for seeds in (3, 6)}
    yield _row("kappa of two models", "about 22 errors in 300 images", found)


def _row(of: str, data: str, found: dict[int, float]) -> Row:
    shares = {str(seeds): share for seeds, share in found.items()}
    return Row(of, data, "right", "95 % hold", EXPERIMENTS, shares)


def test_rows_of_the_page() -> None:
    require_documented("kappa_coverage", rows())
