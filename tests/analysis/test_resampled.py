"""Leaving out and drawing again: a mean's interval is the formula's, and the bootstrap's is SciPy's."""

import math

import numpy as np
import pytest
from scipy import stats

from bench.analysis.crossed import crossed_mean, seeds_mean
from bench.analysis.errors import ConstantError, EmptySampleError, LevelError, NotFiniteError, SingleSeedError
from bench.analysis.resampled import BOOTSTRAP_FROM, bootstrap, jackknife, over_seeds, over_seeds_and_images

GENERATOR = np.random.default_rng(0)
SEEDS = GENERATOR.exponential(size=60)


def test_over_seeds_and_images_a_mean_is_the_crossed_one() -> None:
    """With as many images as groups, each is a group of its own, and pseudo-values are the values."""
    values = GENERATOR.normal(size=(4, 1)) + GENERATOR.normal(size=(1, 20)) + GENERATOR.normal(size=(4, 20))
    found = over_seeds_and_images(lambda seeds, images: values[np.ix_(seeds, images)].mean(), 4, 20)
    theirs = crossed_mean([values])
    for name in ("mean", "seeds_variance", "images_variance"):
        assert getattr(found, name) == pytest.approx(getattr(theirs, name))
    assert (found.num_seeds, found.images_degrees) == (4, 19)


def test_groups_of_images_tell_nearly_the_same() -> None:
    """Ten images a group: the same seeds' part, and an images' part that is as large but for chance."""
    values = GENERATOR.normal(size=(5, 1)) * 0.1 + GENERATOR.normal(size=(1, 2000)) + GENERATOR.normal(size=(5, 2000))
    found = over_seeds_and_images(lambda seeds, images: values[np.ix_(seeds, images)].mean(), 5, 2000)
    theirs = crossed_mean([values])
    assert found.mean == pytest.approx(theirs.mean)
    assert found.seeds_variance == pytest.approx(theirs.seeds_variance)
    assert found.images_variance == pytest.approx(theirs.images_variance, rel=0.7)


def test_a_curved_statistic_has_the_error_of_its_slope() -> None:
    """The log of a mean: its standard error is the mean's over the mean."""
    values = 2 + 0.01 * GENERATOR.normal(size=(6, 1)) + 0.1 * GENERATOR.normal(size=(1, 400))
    found = over_seeds_and_images(lambda seeds, images: math.log(values[np.ix_(seeds, images)].mean()), 6, 400)
    mean = over_seeds_and_images(lambda seeds, images: values[np.ix_(seeds, images)].mean(), 6, 400)
    assert found.mean == pytest.approx(math.log(mean.mean))
    assert found.standard_error == pytest.approx(mean.standard_error / mean.mean, rel=1e-3)


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
        over_seeds_and_images(lambda seeds, images: 0.0, 1, 5)
    with pytest.raises(EmptySampleError):
        over_seeds_and_images(lambda seeds, images: 0.0, 3, 1)
    for seeds in (5, BOOTSTRAP_FROM):
        with pytest.raises(NotFiniteError):
            over_seeds(lambda some: math.nan, seeds, generator)
        with pytest.raises(ConstantError):
            over_seeds(lambda some: 1.0, seeds, generator)
        with pytest.raises(LevelError):
            over_seeds(lambda some: float(some.mean()), seeds, generator, level=95)
    with pytest.raises(SingleSeedError):
        over_seeds(lambda some: 1.0, 1, generator)
