"""Answers are packed and read back image by image, and what does not pair is refused by name."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.correctness import COLUMNS, Answers, by_key, pack, read_answers, require_paired
from bench.analysis.stats.statistics_errors import (
    AnswersError,
    DifferentImagesError,
    DuplicateRowError,
    MissingColumnError,
    UnpairedError,
)

MakeCells = Callable[[list[dict[str, Any]]], pd.DataFrame]
IDS = np.array([7, 3, 9])
LABELS = np.array([1, 0, 2])


def _known(**predictions: list[int]) -> dict[str, Any]:
    """The table's rows of some runs that were tested on the three images."""
    rows = [pack(key, IDS, LABELS, np.array(predicted)) for key, predicted in predictions.items()]
    return by_key(pd.DataFrame(rows, columns=list(COLUMNS)))


def _cells(make_cells: MakeCells, *keys: str) -> pd.DataFrame:
    return make_cells([{"seed": seed, "transfer_key": key} for seed, key in enumerate(keys)])


def test_images_stand_in_the_order_of_their_ids(make_cells: MakeCells) -> None:
    """Whatever order they were tested in: 3, 7, 9, of which the first seed got 7 right, the second 3 and 9."""
    answers = read_answers(_cells(make_cells, "a", "b"), _known(a=[1, 1, 1], b=[0, 0, 2]))
    assert answers is not None
    assert answers.correct.tolist() == [[0, 1, 0], [1, 0, 1]]
    assert answers.accuracy == {0: pytest.approx(1 / 3), 1: pytest.approx(2 / 3)}
    assert (answers.seeds, answers.num_images) == ((0, 1), 3)


@given(right=st.lists(st.booleans(), min_size=1, max_size=40), order=st.randoms(use_true_random=False))
def test_packing_loses_nothing(right: list[bool], order: Any) -> None:
    """Any number of images, in any order: the same bits, and the same hash."""
    ids = list(range(len(right)))
    order.shuffle(ids)
    labels = np.zeros(len(right), dtype=int)
    row = pack("a", np.array(ids), labels, np.array([0 if right[place] else 1 for place in ids]))
    bits = np.unpackbits(np.frombuffer(row["correct"], dtype=np.uint8), count=row["num_images"])
    assert bits.tolist() == right
    assert row["images"] == pack("b", np.arange(len(right)), labels, labels)["images"]


def test_the_hash_tells_images_and_labels_apart() -> None:
    """Ids count from 0 in many a test split, so labels count too."""
    row, *others = (
        pack("a", ids, labels, LABELS)["images"]
        for ids, labels in ((IDS, LABELS), (IDS + 1, LABELS), (IDS, LABELS[::-1]), (IDS[:2], LABELS[:2]))
    )
    assert len({row, *others}) == 4


def test_draws_of_a_seed_are_averaged(make_cells: MakeCells) -> None:
    """They share its pretraining, so they add no seed."""
    cells = make_cells([{"transfer_key": key, "draw": draw} for draw, key in enumerate("ab")])
    answers = read_answers(cells, _known(a=[1, 1, 1], b=[1, 0, 2]))
    assert answers is not None
    assert answers.correct.tolist() == [[0.5, 1, 0.5]]


def test_a_seed_that_failed_is_left_to_the_caller(make_cells: MakeCells) -> None:
    """Only seeds that ended ok are read; one that is asked for and has no answers leaves none."""
    cells = make_cells([{"transfer_key": "a"}, {"seed": 1, "transfer_key": "b", "status": "diverged"}])
    known = _known(a=[1, 1, 1])
    answers = read_answers(cells, known)
    assert answers is not None
    assert answers.seeds == (0,)
    assert read_answers(cells, known, seeds=[0, 1]) is None
    assert read_answers(cells[1:], known) is None
    assert read_answers(_cells(make_cells, "a", "lost"), known) is None


def test_wrong_tables_are_named(make_cells: MakeCells) -> None:
    """A run, an image, or a seed that stands twice; a missing column; other images."""
    row = pack("a", IDS, LABELS, LABELS)
    with pytest.raises(DuplicateRowError, match="run a stands twice"):
        by_key(pd.DataFrame([row, row]))
    with pytest.raises(MissingColumnError, match="'correctness' lacks columns: correct"):
        by_key(pd.DataFrame([row]).drop(columns="correct"))
    with pytest.raises(DuplicateRowError, match="run a: test image 7 stands twice"):
        pack("a", np.array([7, 3, 7]), LABELS, LABELS)
    with pytest.raises(DuplicateRowError, match="seed 0 stands twice"):
        read_answers(make_cells([{"transfer_key": "a"}] * 2), _known(a=[1, 1, 1]))
    other = pack("b", IDS + 1, LABELS, LABELS)
    with pytest.raises(DifferentImagesError):
        read_answers(_cells(make_cells, "a", "b"), by_key(pd.DataFrame([row, other])))


@pytest.mark.parametrize(
    ("seeds", "correct"),
    [
        ((), np.zeros((0, 3))),
        ((1, 0), np.zeros((2, 3))),
        ((0, 0), np.zeros((2, 3))),
        ((0,), np.zeros((2, 3))),
        ((0,), np.zeros((1, 0))),
        ((0,), np.array([[np.nan]])),
        ((0,), np.array([[1.5]])),
    ],
)
def test_what_is_no_answers_is_refused(seeds: tuple[int, ...], correct: np.ndarray) -> None:
    """No NaN is passed on."""
    with pytest.raises(AnswersError):
        Answers(seeds, correct, "h")


def test_rows_pair_by_seed_and_image() -> None:
    """What stands on one side only is named."""
    row = Answers((0, 1), np.zeros((2, 3)), "h")
    require_paired([row, row])
    with pytest.raises(UnpairedError, match=r"seeds \[1, 2\]"):
        require_paired([row, Answers((0, 2), np.zeros((2, 3)), "h")])
    with pytest.raises(DifferentImagesError, match=r"h \(3\) and i \(3\)"):
        require_paired([row, Answers((0, 1), np.zeros((2, 3)), "i")])
