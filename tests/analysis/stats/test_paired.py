"""Differences are paired by seed and image, and put together within each seed."""

import numpy as np
import pytest
from scipy import stats

from bench.analysis.correctness import Answers
from bench.analysis.stats.crossed import crossed_mean
from bench.analysis.stats.paired import paired_difference
from bench.analysis.stats.statistics_errors import (
    ConstantError,
    DifferentImagesError,
    SingleSeedError,
    UnpairedError,
)

GENERATOR = np.random.default_rng(0)


def _answers(num_images: int = 6, images: str = "h", seeds: tuple[int, ...] = (0, 1, 2)) -> Answers:
    correct = (GENERATOR.random((len(seeds), num_images)) < 0.6).astype(float)
    return Answers(seeds, correct, images)


def test_a_difference_is_that_of_the_matrices() -> None:
    """Each seed and image with itself; backwards it is the same with the other sign."""
    row, reference = _answers(), _answers()
    found = paired_difference(row, reference)
    assert found == crossed_mean([row.correct - reference.correct])
    assert found.interval().low == pytest.approx(-paired_difference(reference, row).interval().high)


def test_without_images_it_is_scipys_paired_test() -> None:
    """Where every image answers as its seed does."""
    first, second = (np.tile(np.array([values]).T, 4) for values in ([0.8, 0.9, 0.7], [0.7, 0.6, 0.65]))
    ours = paired_difference(Answers((0, 1, 2), first, "h"), Answers((0, 1, 2), second, "h")).interval()
    theirs = stats.ttest_rel(first[:, 0], second[:, 0]).confidence_interval()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_what_does_not_pair_is_named() -> None:
    """Other seeds, other images, one seed, no difference."""
    row = _answers()
    with pytest.raises(UnpairedError, match=r"seeds \[2\]"):
        paired_difference(row, _answers(seeds=(0, 1)))
    with pytest.raises(DifferentImagesError):
        paired_difference(row, _answers(images="i"))
    with pytest.raises(SingleSeedError):
        paired_difference(_answers(seeds=(4,)), _answers(seeds=(4,)))
    with pytest.raises(ConstantError):
        paired_difference(row, row)
