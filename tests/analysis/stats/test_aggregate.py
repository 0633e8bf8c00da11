"""Interquartile means and probabilities of improvement are SciPy's, with the seed as the independent unit."""

import math
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from bench.analysis.stats.aggregate import interquartile_mean, probability_of_improvement
from bench.analysis.stats.statistics_errors import (
    AnalysisError,
    EmptySampleError,
    LevelError,
    NotFiniteError,
    ShapeError,
    SingleSeedError,
    UnpairedError,
)


@pytest.mark.parametrize("targets", [1, 2, 3, 4, 7, 12])
def test_the_interquartile_mean_is_scipys_within_each_seed(targets: int, rng: np.random.Generator) -> None:
    """With the t interval of the seeds' trimmed means; of fewer than four targets it is the mean."""
    accuracy = rng.random((5, targets))
    found = interquartile_mean([of_target[:, None] for of_target in accuracy.T])
    of_seeds = [stats.trim_mean(seed, 0.25) for seed in accuracy]
    expected = stats.ttest_1samp(of_seeds, 0).confidence_interval()
    interval = found.interval()
    assert (interval.mean, interval.low, interval.high) == pytest.approx(
        (np.mean(of_seeds), expected.low, expected.high)
    )
    if targets < 4:
        assert found.mean == pytest.approx(accuracy.mean())


def test_equal_accuracies_are_cut_once(rng: np.random.Generator) -> None:
    """Ties at the cut leave as many targets as SciPy leaves."""
    accuracy = np.round(rng.random((4, 8)), 1)
    found = interquartile_mean([of_target[:, None] for of_target in accuracy.T])
    assert found.mean == pytest.approx(np.mean([stats.trim_mean(seed, 0.25) for seed in accuracy]))


def test_images_count_in_it(rng: np.random.Generator) -> None:
    """Seeds with equal results leave the variation of other test images."""
    targets = [np.repeat(rng.random((1, 200)) < share, 4, axis=0).astype(float) for share in (0.2, 0.5, 0.6, 0.9)]
    for target in targets:
        target[0, 0] = 1 - target[0, 0]
    found = interquartile_mean(targets)
    assert found.images_variance > 10 * found.seeds_variance
    assert found.standard_error == pytest.approx(math.sqrt(2 * 0.25 / 200) / 2, rel=0.25)
    assert 0 < found.interval(0.999999).low < found.interval(0.999999).high < 1


@pytest.mark.parametrize("targets", [1, 3])
def test_the_probability_is_the_mann_whitney_statistics_share(targets: int, rng: np.random.Generator) -> None:
    """The mean over targets of U over all pairs of seeds; ties count half."""
    first, second = np.round(rng.random((2, 6, targets)), 1)
    found = probability_of_improvement(first, second)
    shares = [
        stats.mannwhitneyu(one, other, method="asymptotic").statistic / 36
        for one, other in zip(first.T, second.T, strict=True)
    ]
    assert (found.mean, found.n) == (pytest.approx(np.mean(shares)), 6)
    assert 0 <= found.low < found.mean < found.high <= 1
    back = probability_of_improvement(second, first)
    assert (back.mean, back.low, back.high) == pytest.approx((1 - found.mean, 1 - found.high, 1 - found.low))


def test_seeds_that_all_agree_leave_doubt() -> None:
    """Wilson's interval of one comparison a seed, as SciPy's binomial test has it; more seeds make it narrower."""
    lows = []
    for seeds in (3, 10):
        better = np.linspace(0.6, 0.7, seeds)[:, None]
        found = probability_of_improvement(better, better - 0.2)
        wilson = stats.binomtest(seeds, seeds).proportion_ci(method="wilson")
        assert (found.mean, found.high) == (1, pytest.approx(1))
        assert found.low == pytest.approx(wilson.low)
        lows.append(found.low)
    assert lows[0] < lows[1]


def test_many_seeds_are_drawn_again() -> None:
    """Both sides of a seed at once; where all seeds agree, nothing is drawn, and doubt is left."""
    draws = np.random.default_rng(4)
    first, second = draws.normal(2.6, 1, (50, 1)), draws.normal(size=(50, 1))
    is_ahead = first > second.T
    found = probability_of_improvement(first, second)
    assert found == probability_of_improvement(first, second)
    spread = [is_ahead[np.ix_(seeds, seeds)].mean() for seeds in draws.integers(0, 50, (2000, 50))]
    assert (found.low, found.high) == pytest.approx(np.quantile(spread, [0.025, 0.975]), abs=0.02)
    few = probability_of_improvement(first[:49], second[:49])
    assert 0.7 < (found.high - found.low) / (few.high - few.low) < 1
    agreed = probability_of_improvement(first + 9, second)
    assert (agreed.mean, agreed.high) == (1.0, 1.0)
    assert 0.9 < agreed.low < 1


def test_a_thousand_seeds_need_little_memory(rng: np.random.Generator) -> None:
    """The bootstrap and Wilson's interval agree where one takes over from the other; no matrix of resampled pairs."""
    first, second = np.round(rng.normal([[[0.505]], [[0.5]]], 0.02, (2, 1000, 4)), 3)
    tracemalloc.start()
    found, below = (probability_of_improvement(first[:n], second[:n]) for n in (1000, 500))
    above = probability_of_improvement(first[:501], second[:501])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**26
    gaps = first[:, None] - second
    assert found.mean == pytest.approx(np.mean((gaps > 0) + (gaps == 0) / 2))
    assert (above.low, above.high) == pytest.approx((below.low, below.high), abs=0.003)


@pytest.mark.parametrize(
    ("first", "second", "level", "error"),
    [
        (np.ones((3, 2)), np.ones((3, 3)), 0.95, ShapeError),
        (np.ones((3, 0)), np.ones((3, 0)), 0.95, ShapeError),
        (np.ones(3), np.ones(3), 0.95, ShapeError),
        (np.ones((1, 2)), np.zeros((1, 2)), 0.95, SingleSeedError),
        (np.array([[math.nan], [1.0]]), np.ones((2, 1)), 0.95, NotFiniteError),
        (np.ones((3, 2)), np.zeros((3, 2)), 95, LevelError),
    ],
)
def test_wrong_input_is_named(first: np.ndarray, second: np.ndarray, level: float, error: type[AnalysisError]) -> None:
    """No NaN is passed on."""
    with pytest.raises(error):
        probability_of_improvement(first, second, level)


def test_targets_of_other_seeds_are_named() -> None:
    """And so is there being none, and one seed."""
    with pytest.raises(EmptySampleError):
        interquartile_mean([])
    with pytest.raises(UnpairedError):
        interquartile_mean([np.ones((3, 1)), np.ones((2, 1))])
    with pytest.raises(SingleSeedError):
        interquartile_mean([np.ones((1, 4))])
