"""Shares of what counts: against a jackknife, against accuracies, and at the ends of the scale."""

import math

import numpy as np
import pytest

from bench.analysis.correctness import Correctness
from bench.analysis.stats.crossed import accuracy, crossed_mean
from bench.analysis.stats.share_ratios import HitCounts, share_difference, share_estimate
from bench.analysis.stats.statistics_errors import (
    DifferentImagesError,
    EmptySampleError,
    ShapeError,
    SingleSeedError,
    UnpairedError,
)


def drawn(seeds: int = 4, images: int = 60, *, counted: float = 0.7, hit: float = 0.6, seed: int = 0) -> HitCounts:
    generator = np.random.default_rng(seed)
    counts = (generator.random((seeds, images)) < counted).astype(float)
    return HitCounts(tuple(range(seeds)), counts * (generator.random((seeds, images)) < hit), counts, "a")


def test_the_mean_is_the_ratio_of_the_sums():
    some, other = drawn(), drawn(seed=1, hit=0.3)
    ratio = [one.hit.sum() / one.counted.sum() for one in (some, other)]
    assert share_estimate(some).mean == pytest.approx(ratio[0])
    assert share_difference(some, other).mean == pytest.approx(ratio[0] - ratio[1])


def test_if_all_images_count_it_is_an_accuracy():
    some = drawn(counted=1.1)
    expected = accuracy(Correctness(some.seeds, some.hit, "a"))
    found = share_estimate(some)
    assert found.interval() == pytest.approx(expected.interval())
    assert found.is_share


def test_the_variance_is_about_that_of_a_jackknife():
    """Of seeds alone, with one value per seed: the linearised variance and the jackknife's agree to first order."""
    some = drawn(seeds=40, images=500)
    linear = crossed_mean([some.values.mean(axis=1, keepdims=True)]).variance
    left_out = np.array([some.at(tuple(set(some.seeds) - {seed})).share for seed in some.seeds])
    jackknife = (len(left_out) - 1) / len(left_out) * ((left_out - left_out.mean()) ** 2).sum()
    assert linear == pytest.approx(jackknife, rel=0.02)


@pytest.mark.parametrize(("share", "ends"), [(1.0, (0.9, 1.0)), (0.0, (0.0, 0.1))])
def test_a_share_of_all_or_nothing_has_the_interval_of_no_case_in_what_counts(share: float, ends: tuple[float, float]):
    """The 500 images of which half count are like 250 that all do."""
    counted = np.zeros((3, 500))
    counted[:, ::2] = 1
    found = share_estimate(HitCounts((0, 1, 2), share * counted, counted))
    assert found.of_few
    interval = found.interval()
    assert ends[0] <= interval.low <= interval.high <= ends[1]
    width = interval.high - interval.low
    everything = share_estimate(HitCounts((0, 1, 2), np.full((3, 250), share), np.ones((3, 250)))).interval()
    assert width == pytest.approx(everything.high - everything.low)
    assert width == pytest.approx(4.3 / 250, rel=0.02)


def test_an_outline_rule_and_a_texture_rule_differ_by_all():
    ones = np.ones((3, 400))
    found = share_difference(HitCounts((0, 1, 2), ones, ones), HitCounts((0, 1, 2), 0 * ones, ones))
    assert found.mean == 1
    assert 0.95 < found.interval().low < 1


def test_few_misses_widen_the_interval_although_other_images_do_not_count():
    counted = np.ones((3, 1000))
    counted[:, ::3] = 0
    hit = counted.copy()
    hit[0, 1] = hit[1, 5] = 0
    found = share_estimate(HitCounts((0, 1, 2), hit, counted))
    assert found.of_few
    assert found.interval().low < 1 - 4 / counted[0].sum()


def test_clusters_take_the_place_of_images():
    some = drawn(images=60)
    clusters = np.arange(60) // 6
    found = share_estimate(HitCounts(some.seeds, some.hit, some.counted, "a", clusters))
    assert found.mean == pytest.approx(some.share)
    assert HitCounts(some.seeds, some.hit, some.counted, "a", clusters).values.shape == (4, 10)


def test_wrong_shares_are_refused():
    some = drawn()
    with pytest.raises(UnpairedError, match=r"seeds \[3\] are on one side only"):
        share_difference(some, some.at((0, 1, 2)))
    with pytest.raises(DifferentImagesError, match="a and b"):
        share_difference(some, HitCounts(some.seeds, some.hit, some.counted, "b"))
    with pytest.raises(EmptySampleError, match="no image counts"):
        share_estimate(HitCounts((0, 1), np.zeros((2, 5)), np.zeros((2, 5))))
    with pytest.raises(SingleSeedError):
        share_estimate(some.at((2,)))
    with pytest.raises(ShapeError, match="does not count"):
        HitCounts((0, 1), np.ones((2, 5)), np.zeros((2, 5)))
    with pytest.raises(ShapeError, match="of 3 seeds"):
        HitCounts((0, 1, 2), np.ones((2, 5)), np.ones((2, 5)))
    assert not math.isnan(share_estimate(some).interval().low)
