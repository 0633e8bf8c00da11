"""Slopes are SciPy's of each seed, averaged; their interval is Student's over seeds."""

import math

import numpy as np
import pytest
from scipy import stats

from bench.analysis.stats.statistics_errors import (
    AnalysisError,
    InfiniteOddsError,
    NotFiniteError,
    ShapeError,
    SingleSeedError,
    TooFewRungsError,
)
from bench.analysis.stats.trends import difference_slope, log_odds_sum, slope, slope_weights

SIZES = (256, 1024, 4096, 16384)


def test_the_slope_of_a_difference_is_scipys_of_each_seed(rng: np.random.Generator) -> None:
    """Regressed on the logarithm to base ten within each seed, then the t interval over seeds."""
    first, second = rng.random((2, 6, 1, 4))
    found = difference_slope(SIZES, [first], [second])
    slopes = [stats.linregress(np.log10(SIZES), seed).slope for seed in (first - second)[:, 0]]
    expected = stats.ttest_1samp(slopes, 0).confidence_interval()
    interval = found.interval()
    assert (found.mean, found.num_seeds) == (pytest.approx(np.mean(slopes)), 6)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_targets_weigh_the_same_within_a_seed(rng: np.random.Generator) -> None:
    """However many test images each has."""
    targets = [rng.random((4, images, 4)) for images in (3, 50)]
    expected = np.mean(
        [[stats.linregress(np.log10(SIZES), seed).slope for seed in one.mean(axis=1)] for one in targets]
    )
    assert slope(SIZES, targets).mean == pytest.approx(expected)


def test_log_odds_are_of_each_targets_mean_accuracy(rng: np.random.Generator) -> None:
    """Their error is that of the accuracies times the derivative: of one rung, p (1 - p) is its inverse."""
    targets = [rng.uniform(0.4, 0.9, (5, images, 2)) for images in (1, 30)]
    means = np.array([target.mean(axis=(0, 1)) for target in targets])
    found = log_odds_sum(targets, np.array([-1.0, 1.0]))
    assert found.mean == pytest.approx(np.mean(np.diff(np.log(means / (1 - means)))))
    one = log_odds_sum(targets[:1], np.array([0.0, 1.0]))
    values = targets[0][:, 0, 1]
    assert one.standard_error == pytest.approx(stats.sem(values) / (values.mean() * (1 - values.mean())))
    with pytest.raises(InfiniteOddsError, match="log odds are infinite"):
        log_odds_sum([np.ones((3, 1, 2))], np.array([-1.0, 1.0]))


def test_what_rungs_of_a_seed_share_cancels(rng: np.random.Generator) -> None:
    """An effect that a seed has on all rungs moves no slope."""
    first, second = rng.random((2, 5, 1, 4))
    shifted = first + rng.normal(0, 1, (5, 1, 1))
    found, expected = (difference_slope(SIZES, [one], [second]) for one in (shifted, first))
    assert (found.mean, found.standard_error) == pytest.approx((expected.mean, expected.standard_error))


@pytest.mark.parametrize(
    ("sizes", "shape", "error"),
    [
        ((256,), (3, 1, 1), TooFewRungsError),
        ((0, 256), (3, 1, 2), ShapeError),
        ((512, 256), (3, 1, 2), ShapeError),
        ((256, 512, 1024), (3, 1, 2), ShapeError),
        ((256, 512), (1, 1, 2), SingleSeedError),
    ],
)
def test_wrong_input_is_named(
    sizes: tuple[int, ...], shape: tuple[int, ...], error: type[AnalysisError], rng: np.random.Generator
) -> None:
    """One rung, sizes that do not ascend from above zero, another number of rungs, one seed."""
    with pytest.raises(error):
        slope(sizes, [rng.random(shape)])


def test_what_does_not_pair_is_named(rng: np.random.Generator) -> None:
    """Other images, and an answer that is no number."""
    with pytest.raises(ShapeError, match="paired difference"):
        difference_slope(SIZES, [rng.random((3, 2, 4))], [rng.random((3, 3, 4))])
    lacking = rng.random((3, 2, 4))
    lacking[0, 0, 0] = math.nan
    with pytest.raises(NotFiniteError):
        difference_slope(SIZES, [lacking], [rng.random((3, 2, 4))])


def test_weights_are_those_of_least_squares() -> None:
    """They sum to nothing, and give a decade its rise."""
    weights = slope_weights((10, 100, 1000))
    assert weights == pytest.approx([-0.5, 0, 0.5])
