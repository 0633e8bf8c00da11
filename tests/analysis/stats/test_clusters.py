"""Clusters of test images take the place of images: the mean stays, and the variance is that of the clusters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.correctness import Correctness
from bench.analysis.stats.clusters import FEWEST, of_clusters, too_few
from bench.analysis.stats.consistency import error_consistency, self_consistency
from bench.analysis.stats.crossed import accuracy, crossed_mean, paired_difference
from bench.analysis.stats.statistics_errors import AnalysisError, ShapeError, TooFewClustersError

SIZES = (10, 14, 18, 22, 28, 36)
UNEQUAL = np.repeat(np.arange(len(SIZES)), SIZES)


def rows(rng: np.random.Generator, clusters: np.ndarray | None, num_seeds: int = 4) -> list[Correctness]:
    """Two models on the images of unequal clusters, with the same clusters or none."""
    correct = (rng.random((2, num_seeds, len(UNEQUAL))) < 0.6).astype(float)
    return [Correctness(tuple(range(num_seeds)), one, "h", clusters) for one in correct]


def test_without_clusters_nothing_is_changed(rng: np.random.Generator) -> None:
    """Not even in the last bit."""
    values = rng.normal(size=(3, 7))
    assert of_clusters(values, None) is values


def test_clusters_of_one_image_each_are_images(rng: np.random.Generator) -> None:
    """In any order."""
    values = rng.normal(size=(3, 7))
    found = of_clusters(values, np.array([3, 0, 6, 1, 5, 2, 4]))
    assert np.allclose(np.sort(found), np.sort(values))


def test_clusters_of_equal_size_have_their_mean(rng: np.random.Generator) -> None:
    """The analysis is then that of the clusters' means."""
    values = rng.normal(size=(3, 6, 4))
    assert np.allclose(of_clusters(values.reshape(3, 24), np.repeat(np.arange(6), 4)), values.mean(axis=2))


@given(seed=st.integers(0, 2**32 - 1))
def test_the_mean_is_that_of_the_images(seed: int) -> None:
    """In each seed, of each row, with clusters of any size; the order of images does not matter."""
    generator = np.random.default_rng(seed)
    values, order = generator.normal(size=(3, len(UNEQUAL), 2)), generator.permutation(len(UNEQUAL))
    found = of_clusters(values, UNEQUAL)
    assert found.shape == (3, len(SIZES), 2)
    assert np.allclose(found.mean(axis=1), values.mean(axis=1))
    assert np.allclose(found, of_clusters(values[:, order], UNEQUAL[order]))


def test_the_variance_is_that_of_the_jackknife(rng: np.random.Generator) -> None:
    """Which leaves out one cluster at a time."""
    values = rng.normal(size=(1, len(UNEQUAL)))
    without = np.array([values[0, cluster != UNEQUAL].mean() for cluster in range(len(SIZES))])
    jackknife = (len(SIZES) - 1) / len(SIZES) * ((without - without.mean()) ** 2).sum()
    assert of_clusters(values, UNEQUAL).var(ddof=1) / len(SIZES) == pytest.approx(jackknife)


def test_rows_may_be_weighted_before_or_after(rng: np.random.Generator) -> None:
    """The values are linear in those of the images."""
    values, weights = rng.normal(size=(3, len(UNEQUAL), 2)), np.array([2.0, -0.5])
    assert np.allclose(of_clusters(values, UNEQUAL) @ weights, of_clusters(values @ weights, UNEQUAL))


def test_identical_images_count_once(rng: np.random.Generator) -> None:
    """Ten copies of each image: the interval is that of the images themselves, of kappa too."""
    correct = (rng.random((2, 4, 120)) < 0.7).astype(float)
    once = [Correctness((0, 1, 2, 3), one, "h") for one in correct]
    clusters = np.repeat(np.arange(120), 10)
    copied = [Correctness((0, 1, 2, 3), np.repeat(one, 10, axis=1), "i", clusters) for one in correct]
    first, second = (
        [accuracy(pair[0]), paired_difference(*pair), error_consistency(*pair).kappa, self_consistency(pair[0]).kappa]
        for pair in (once, copied)
    )
    for plain, clustered in zip(first, second, strict=True):
        assert clustered.variance == pytest.approx(plain.variance)
        assert clustered.images_degrees == pytest.approx(plain.images_degrees)


def test_degrees_are_clusters_less_one(rng: np.random.Generator) -> None:
    """Of six clusters five."""
    effects = rng.normal(size=len(SIZES))[UNEQUAL] + 0.01 * rng.normal(size=(3, len(UNEQUAL)))
    assert crossed_mean([of_clusters(effects, UNEQUAL)]).images_degrees == pytest.approx(len(SIZES) - 1)


def test_a_row_without_clusters_takes_its_partner_s(rng: np.random.Generator) -> None:
    """As where one of two stores is older."""
    row, reference = rows(rng, UNEQUAL)
    old = Correctness(reference.seeds, reference.correct, reference.images)
    assert paired_difference(row, old) == paired_difference(row, reference)
    assert paired_difference(old, row) == paired_difference(reference, row)


@pytest.mark.parametrize("statistic", [accuracy, self_consistency])
def test_few_clusters_are_refused(statistic: object, rng: np.random.Generator) -> None:
    """Four patients say nothing of the spread of patients."""
    few = np.minimum(UNEQUAL, FEWEST - 2)
    with pytest.raises(TooFewClustersError, match=r"of 4 clusters, which count as 2\.\d of equal size; .* from 5 on"):
        statistic(rows(rng, few)[0])  # type: ignore[operator]
    assert issubclass(TooFewClustersError, AnalysisError)
    assert "one cluster;" in too_few([7])
    assert not too_few([9] * FEWEST)


def test_clusters_of_unequal_size_count_as_fewer() -> None:
    """If one patient has nearly all images, the others say little of the spread of patients."""
    assert "10 clusters, which count as 1.2 of equal size" in too_few([90, *[1] * 9])
    assert not too_few([30, *[20] * 9])


def test_each_image_needs_a_cluster() -> None:
    """Arrays that do not match are refused."""
    with pytest.raises(ShapeError, match="expected one per image"):
        of_clusters(np.zeros((2, 3)), UNEQUAL)
