"""What cells say of test images and answers, in the rows of the comparison."""

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from bench.analysis.comparison import comparison
from bench.analysis.tested import COLUMNS, read_tested

FACTS = {
    "constant_answer": 0.7,
    "num_contaminated": 2,
    "num_test_images": 100,
    "smallest_test_class_images": 10,
    "largest_test_class_images": 70,
}


@pytest.fixture
def uneven(make_cells: Callable[..., pd.DataFrame], make_seeds: Callable[..., Any]) -> pd.DataFrame:
    """Three seeds, of which seed 1 gives one answer."""
    cells = make_cells(make_seeds([0.8, 0.7, 0.9]))
    return cells.assign(**FACTS, balanced_accuracy=[0.6, 1 / 3, 0.8], num_answers=[3, 1, 3])


def test_a_row_has_a_balanced_accuracy_with_student_s_interval(uneven: pd.DataFrame) -> None:
    (row,) = comparison(uneven).to_dict("records")
    values = uneven["balanced_accuracy"]
    low, high = stats.t.interval(0.95, 2, loc=values.mean(), scale=stats.sem(values))
    found = [row[name] for name in ("balanced_accuracy", "balanced_low", "balanced_high")]
    assert found == pytest.approx([values.mean(), low, high], rel=1e-12)
    assert (row["constant_answer"], row["test_class_ratio"], row["num_single_answer"]) == (0.7, 7, 1)
    assert (row["num_contaminated"], row["num_test_images"]) == (2, 100)


def test_draws_are_averaged_within_their_seed(make_cells: Callable[..., pd.DataFrame]) -> None:
    draws = [{"transfer": "k-shot", "shots": 1, "seed": seed, "draw": draw} for seed in (0, 1) for draw in (0, 1)]
    cells = make_cells(draws).assign(balanced_accuracy=[0.2, 0.4, 0.5, 0.7], num_answers=[2, 2, 1, 2])
    tested = read_tested(cells, [0, 1])
    assert tested.balanced == pytest.approx({0: 0.3, 1: 0.6})
    assert tested.num_single_answer == 1
    assert read_tested(cells, [0]).num_single_answer == 0


def test_what_older_records_do_not_say_is_missing(uneven: pd.DataFrame) -> None:
    for cells, seeds in ((uneven.drop(columns=list(COLUMNS)), [0, 1, 2]), (uneven, [])):
        tested = read_tested(cells, seeds)
        assert math.isnan(tested.constant_answer)
        assert math.isnan(tested.test_class_ratio)
        assert (tested.balanced, tested.num_single_answer, tested.num_contaminated) == ({}, None, None)
    mixed = uneven.assign(balanced_accuracy=[0.6, None, 0.8], num_answers=pd.array([3, None, 3], "Int64"))
    tested = read_tested(mixed, [0, 1, 2])
    assert (tested.balanced, tested.num_single_answer, tested.constant_answer) == ({}, None, 0.7)


def test_a_ratio_to_no_image_is_missing(uneven: pd.DataFrame) -> None:
    """As in a damaged record, since a class that is counted has an image."""
    assert math.isnan(read_tested(uneven.assign(smallest_test_class_images=0), [0, 1, 2]).test_class_ratio)
