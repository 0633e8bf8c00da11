"""Leaving out and drawing again: a mean's interval is the formula's, and the bootstrap's is SciPy's."""

import math

import numpy as np
import pytest
from scipy import stats

from bench.analysis.stats.crossed import crossed_mean, seeds_mean
from bench.analysis.stats.resampled import BOOTSTRAP_FROM, bootstrap, jackknife, over_seeds, over_seeds_and_images
from bench.analysis.stats.statistics_errors import (
    ConstantError,
    EmptySampleError,
    LevelError,
    NotFiniteError,
    SingleSeedError,
)

GENERATOR = np.random.default_rng(0)
SEEDS = GENERATOR.exponential(size=60)


def _mean(means: np.ndarray) -> np.ndarray:
    return means[0].mean(axis=0)


def _values(num_seeds: int, num_images: int, of_seeds: float = 1.0) -> np.ndarray:
    of_each = (of_seeds * GENERATOR.normal(size=(num_seeds, 1)), GENERATOR.normal(size=(1, num_images)))
    return sum(of_each, GENERATOR.normal(size=(num_seeds, num_images)))


def test_over_seeds_and_images_a_mean_is_the_crossed_one() -> None:
    """With as many images as groups, each is a group of its own, and pseudo-values are the values."""
    values = _values(4, 20)
    found, theirs = over_seeds_and_images(values[None], _mean), crossed_mean([values])
    for name in ("mean", "seeds_variance", "images_variance"):
        assert getattr(found, name) == pytest.approx(getattr(theirs, name))
    assert (found.num_seeds, found.images_degrees) == (4, 19)


def test_groups_of_images_tell_nearly_the_same() -> None:
    """A hundred images a group: the same seeds' part, and an images' part that is as large but for chance."""
    values = _values(5, 2000, of_seeds=0.1)
    found, theirs = over_seeds_and_images(values[None], _mean), crossed_mean([values])
    assert found.mean == pytest.approx(theirs.mean)
    assert found.seeds_variance == pytest.approx(theirs.seeds_variance)
    assert found.images_variance == pytest.approx(theirs.images_variance, rel=0.7)


def test_a_ratio_of_two_models_has_the_error_of_its_slopes() -> None:
    """The log of a ratio of means: the error of the difference of the two, each over its mean."""
    values = np.stack([3 + _values(6, 400) / 10, 2 + _values(6, 400) / 10])
    found = over_seeds_and_images(values, lambda means: np.log(means[0].mean(axis=0) / means[1].mean(axis=0)))
    first, second = values.mean(axis=(1, 2))
    assert found.mean == pytest.approx(math.log(first / second))
    linear = over_seeds_and_images(values, lambda means: (means[0] / first - means[1] / second).mean(axis=0))
    assert found.standard_error == pytest.approx(linear.standard_error, rel=0.01)


def test_the_jackknife_of_a_mean_is_students_t() -> None:
    """Exactly: its pseudo-values are the values."""
    found = jackknife(lambda seeds: float(SEEDS[seeds].mean()), 5)
    theirs = seeds_mean(SEEDS[:5].tolist())
    assert found.interval().low == pytest.approx(theirs.interval().low)
    assert found.mean == pytest.approx(theirs.mean)


def test_the_bootstrap_is_scipys() -> None:
    """BCa with as many draws: the same ends but for what draws differ in."""
    theirs = stats.bootstrap((SEEDS,), np.mean, n_resamples=20_000, method="BCa", random_state=1).confidence_interval
    ours = bootstrap(lambda seeds: float(SEEDS[seeds].mean()), len(SEEDS), np.random.default_rng(2), draws=20_000)
    width = theirs.high - theirs.low
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02 * width)
    assert ours.mean == pytest.approx(SEEDS.mean())


def test_few_seeds_take_the_jackknife_and_many_the_bootstrap() -> None:
    """The same generator, the same interval."""
    few, many = BOOTSTRAP_FROM - 1, BOOTSTRAP_FROM

    def mean(seeds: np.ndarray) -> float:
        return float(SEEDS[seeds].mean())

    assert over_seeds(mean, few, np.random.default_rng(0)) == jackknife(mean, few).interval()
    drawn = over_seeds(mean, many, np.random.default_rng(0))
    assert drawn == bootstrap(mean, many, np.random.default_rng(0))
    assert drawn != jackknife(mean, many).interval()


def test_wrong_input_is_named() -> None:
    """Too few of either, a statistic that is none, and one that nothing changes."""
    generator = np.random.default_rng(0)
    with pytest.raises(SingleSeedError):
        over_seeds_and_images(np.zeros((1, 1, 5)), _mean)
    with pytest.raises(EmptySampleError):
        over_seeds_and_images(np.zeros((1, 3, 1)), _mean)
    with pytest.raises(NotFiniteError):
        over_seeds_and_images(np.full((1, 3, 5), math.nan), _mean)
    with pytest.raises(NotFiniteError):
        over_seeds_and_images(_values(3, 5)[None], lambda means: means[0].sum(axis=0) * math.inf)
    with pytest.raises(ConstantError):
        over_seeds_and_images(np.ones((1, 3, 5)), _mean)
    for seeds in (5, BOOTSTRAP_FROM):
        with pytest.raises(NotFiniteError):
            over_seeds(lambda some: math.nan, seeds, generator)
        with pytest.raises(ConstantError):
            over_seeds(lambda some: 1.0, seeds, generator)
        with pytest.raises(LevelError):
            over_seeds(lambda some: float(some.mean()), seeds, generator, level=95)
    with pytest.raises(SingleSeedError):
        over_seeds(lambda some: 1.0, 1, generator)
