"""Weighed sums of rows: slices of a target share images, targets do not, and what does not pair is named."""

import numpy as np
import pytest

from bench.analysis.claims.quantities import Difference
from bench.analysis.claims.rows import Place, Row, Transfer, combined
from bench.analysis.correctness import Answers
from bench.analysis.stats.crossed import crossed_mean
from bench.analysis.stats.power import Limits
from bench.analysis.stats.statistics_errors import (
    ConstantError,
    DifferentImagesError,
    EmptySampleError,
    MarginError,
    SingleSeedError,
    UnpairedError,
)

GENERATOR = np.random.default_rng(0)
ABOVE = Limits(0.0, np.inf)


def _row(num_images: int = 6, images: str = "h", seeds: tuple[int, ...] = (0, 1, 2)) -> Row:
    answers = Answers(seeds, (GENERATOR.random((len(seeds), num_images)) < 0.6).astype(float), images)
    accuracy = tuple(answers.accuracy.values())
    return Row(Place("m", "fractals", 1000, Transfer("fine-tune")), "t", seeds, accuracy, answers, (), ())


def _correct(row: Row) -> np.ndarray:
    assert row.answers is not None
    return row.answers.correct


def test_slices_share_images_and_targets_do_not() -> None:
    """Two slices of one target and another: slices are averaged first, then each target weighs the same."""
    rows = {name: [_row(), _row()] for name in ("digits@100", "digits@500")} | {"cifar10": [_row(9, "i"), _row(9, "i")]}
    differences = {name: _correct(row) - _correct(other) for name, (row, other) in rows.items()}
    of_digits = (differences["digits@100"] + differences["digits@500"]) / 2
    found = combined(rows, (1.0, -1.0))
    assert [part.tolist() for part in found] == [of_digits.tolist(), differences["cifar10"].tolist()]
    estimate = Difference("", rows, (1.0, -1.0), ABOVE).estimate
    assert estimate == crossed_mean([of_digits, differences["cifar10"]])
    assert estimate.mean == pytest.approx((of_digits.mean() + differences["cifar10"].mean()) / 2)


def test_rungs_are_weighed_within_each_seed_and_image() -> None:
    rows = [_row() for _ in range(4)]
    (found,) = combined({"digits": rows}, (0.5, 0.5, -0.5, -0.5))
    first, second, third, fourth = map(_correct, rows)
    assert found == pytest.approx((first + second - third - fourth) / 2)


def test_what_does_not_pair_is_named() -> None:
    """Other seeds, other images, other seeds on another target, nothing, one seed, no difference."""

    def estimate(**rows: list[Row]) -> None:
        _ = Difference("", rows, (1.0, -1.0), ABOVE).estimate

    row = _row()
    with pytest.raises(UnpairedError, match=r"seeds \[2\]"):
        estimate(digits=[row, _row(seeds=(0, 1))])
    with pytest.raises(DifferentImagesError):
        estimate(digits=[row, _row(images="i")])
    with pytest.raises(UnpairedError, match="targets of 3, 2 seeds"):
        estimate(digits=[row, _row()], cifar10=[_row(seeds=(0, 1)), _row(seeds=(0, 1))])
    with pytest.raises(EmptySampleError):
        estimate()
    with pytest.raises(SingleSeedError):
        estimate(digits=[_row(seeds=(4,)), _row(seeds=(4,))])
    with pytest.raises(ConstantError):
        estimate(digits=[row, row])


@pytest.mark.parametrize(("low", "high"), [(np.nan, 1.0), (0.0, np.nan), (0.0, 0.0), (0.1, -0.1)])
def test_limits_that_leave_no_room_are_named(low: float, high: float) -> None:
    with pytest.raises(MarginError, match="has to lie below"):
        Limits(low, high)
