"""How often intervals hold the truth if test images come in clusters: as if each image stood alone, and by clusters.

500 test images in 20 clusters, of 25 images each or of 1 to 115. Correctness is a probit of the effects of seed, image
and rest, whose standard deviations are 0.1, 1 and 1. Clusters make up a share of the variance of image and rest (the
intra-cluster correlation).
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from scipy import special

from bench.analysis.correctness import Correctness
from bench.analysis.stats.consistency import error_consistency
from bench.analysis.stats.crossed import accuracy, paired_difference
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.verdicts import verdict_interval
from tests.analysis.simulated.table import Row, require_documented

NUM_EXPERIMENTS = 500
SEEDS = (2, 3, 6, 9)
SIZES = {
    "equal": (25,) * 20,
    "unequal": (1, 2, 4, 5, 6, 6, 9, 9, 15, 16, 19, 19, 20, 26, 35, 36, 47, 49, 61, 115),
    "few": (60, 70, 80, 90, 100, 100),
}
CORRELATIONS = {"none": 0.0, "small": 0.05, "large": 0.3}
SEED, ACCURACY = 0.1, 0.7


@cache
def coverage(sizes: str, correlation: str, num_seeds: int) -> dict[str, tuple[float, float]]:
    """Return of each statistic the shares of intervals that hold the truth: by images, and by clusters."""
    generator = np.random.default_rng((list(SIZES).index(sizes), list(CORRELATIONS).index(correlation), num_seeds))
    clusters = np.repeat(np.arange(len(SIZES[sizes])), SIZES[sizes])
    held: dict[str, list[tuple[bool, bool]]] = {"accuracy": [], "difference": []}
    for _ in range(NUM_EXPERIMENTS):
        correct = answers(clusters, CORRELATIONS[correlation], num_seeds, generator)
        plain, clustered = (
            [Correctness(tuple(range(num_seeds)), one, "h", given) for one in correct] for given in (None, clusters)
        )
        accuracies = [accuracy(one[0]).interval() for one in (plain, clustered)]
        differences = [verdict_interval(paired_difference(*pair)) for pair in (plain, clustered)]
        held["accuracy"].append((holds(accuracies[0], ACCURACY), holds(accuracies[1], ACCURACY)))
        held["difference"].append((holds(differences[0], 0), holds(differences[1], 0)))
    return {name: tuple(np.mean(pairs, axis=0).tolist()) for name, pairs in held.items()}


@cache
def kappa_coverage(sizes: str, num_seeds: int) -> tuple[float, float]:
    """Return the shares of intervals of kappa that hold the truth, by images and by clusters, at the large correlation.

    The truth is that of many images without clusters, since these change no image's own distribution.
    """
    generator = np.random.default_rng(num_seeds)
    many = answers(np.arange(20_000), 0.0, 50, generator)
    truth = error_consistency(*(Correctness(tuple(range(50)), one, "h") for one in many)).kappa.mean
    clusters = np.repeat(np.arange(len(SIZES[sizes])), SIZES[sizes])
    held = []
    for _ in range(NUM_EXPERIMENTS):
        correct = answers(clusters, CORRELATIONS["large"], num_seeds, generator)
        pairs = ([Correctness(tuple(range(num_seeds)), one, "h", by) for one in correct] for by in (None, clusters))
        held.append([holds(error_consistency(*pair).kappa.interval(), truth) for pair in pairs])
    by_images, by_clusters = np.mean(held, axis=0).tolist()
    return by_images, by_clusters


def answers(clusters: np.ndarray, correlation: float, num_seeds: int, generator: np.random.Generator) -> np.ndarray:
    """Return (2, seeds, images) of two equal models, which share half of the variance of an image's effect."""
    own, shared = effect(clusters, correlation, (2, 1), generator), effect(clusters, correlation, (1, 1), generator)
    rest = effect(clusters, correlation, (2, num_seeds), generator)
    seeds = SEED * generator.standard_normal((2, num_seeds, 1))
    threshold = special.ndtri(ACCURACY) * np.sqrt(2 + SEED**2)
    return (np.sqrt(0.5) * (own + shared) + seeds + rest < threshold).astype(np.float64)


def effect(
    clusters: np.ndarray, correlation: float, shape: tuple[int, int], generator: np.random.Generator
) -> np.ndarray:
    """Return (*shape, images) of variance 1, of which clusters make up the share `correlation`."""
    of_clusters = generator.standard_normal((*shape, clusters.max() + 1))[..., clusters]
    of_images = generator.standard_normal((*shape, len(clusters)))
    return np.sqrt(correlation) * of_clusters + np.sqrt(1 - correlation) * of_images


def holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


@pytest.mark.parametrize("num_seeds", [3, pytest.param(6, marks=pytest.mark.slow)])
@pytest.mark.parametrize("sizes", ["equal", pytest.param("unequal", marks=pytest.mark.slow)])
def test_intervals_by_clusters_hold_the_truth(sizes: str, num_seeds: int) -> None:
    """Where those by images do not, and whether clusters matter or not."""
    for correlation in CORRELATIONS:
        for name, (by_images, by_clusters) in coverage(sizes, correlation, num_seeds).items():
            assert 0.91 <= by_clusters <= (1.0 if name == "difference" and num_seeds == 3 else 0.99)
            assert by_clusters > by_images - 0.02
    by_images, by_clusters = coverage(sizes, "large", num_seeds)["accuracy"]
    assert by_images < by_clusters - 0.04


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", SEEDS)
def test_five_clusters_of_unequal_size_are_enough(num_seeds: int) -> None:
    """The fewest that are used."""
    for _, by_clusters in coverage("few", "large", num_seeds).values():
        assert by_clusters >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [2, 9])
@pytest.mark.parametrize("sizes", ["equal", "unequal"])
def test_at_two_and_nine_seeds_too(sizes: str, num_seeds: int) -> None:
    """At which ignoring clusters does least and most harm."""
    for correlation in ("small", "large"):
        for _, by_clusters in coverage(sizes, correlation, num_seeds).values():
            assert by_clusters >= 0.91


@pytest.mark.slow
@pytest.mark.parametrize("sizes", ["equal", "unequal"])
def test_kappa_by_clusters_holds_the_truth(sizes: str) -> None:
    by_images, by_clusters = kappa_coverage(sizes, 6)
    assert by_clusters >= 0.9
    assert by_images < by_clusters


def rows() -> Iterator[Row]:
    """Yield what the page says of intervals by clusters, and of those that ignore them."""
    even, uneven, few = "20 clusters of 25 images", "20 clusters of 1 to 115 images", "6 clusters of 60 to 100 images"
    for name in ("accuracy", "difference"):
        yield _row(name, f"{even} without correlation", {n: coverage("equal", "none", n)[name][1] for n in (3, 6)})
        yield _row(name, f"{uneven}, correlation 0.3", {n: coverage("unequal", "large", n)[name][1] for n in SEEDS})
        yield _row(name, f"{few}, correlation 0.3", {n: coverage("few", "large", n)[name][1] for n in SEEDS})
        ignored = {n: coverage("unequal", "large", n)[name][0] for n in SEEDS}
        yield _row(name, f"{uneven}, correlation 0.3; ignored, which is not done", ignored, "wrong")
    for assumptions, place, words in (("right", 1, ""), ("wrong", 0, "; ignored, which is not done")):
        found = {6: kappa_coverage("unequal", 6)[place]}
        yield _row("kappa of two models", f"{uneven}, correlation 0.3{words}", found, assumptions)


def _row(of: str, data: str, found: dict[int, float], assumptions: str = "right") -> Row:
    shares = {str(num_seeds): share for num_seeds, share in found.items()}
    return Row(of, data, assumptions, "95 % hold", NUM_EXPERIMENTS, shares)


@pytest.mark.slow
def test_rows_of_the_page() -> None:
    require_documented("cluster_coverage", rows())
