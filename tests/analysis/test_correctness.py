"""Correctness is packed and read back image by image, and rows that do not pair are refused by name."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.correctness import Correctness, by_key, pack, require_paired, unpack
from bench.analysis.stats.statistics_errors import (
    CorrectnessError,
    DifferentImagesError,
    DuplicateRowError,
    MissingColumnError,
    UnpairedError,
)

IDS = np.array([7, 3, 9])
LABELS = np.array([1, 0, 2])


def packed(*predictions: int, ids: np.ndarray = IDS) -> dict[str, Any]:
    """A run that was tested on the three images."""
    return pack("a", ids, LABELS, np.array(predictions))


def test_images_stand_in_the_order_of_their_ids() -> None:
    """Whatever order they were tested in: 3, 7, 9. The first seed got 7 right, the second 3 and 9."""
    row = unpack({5: [packed(0, 0, 2)], 2: [packed(1, 1, 1)]})
    assert row.correct.tolist() == [[0, 1, 0], [1, 0, 1]]
    assert (row.seeds, row.num_images) == ((2, 5), 3)


def test_draws_of_a_seed_are_averaged() -> None:
    """They share its pretraining, so they add no seed."""
    assert unpack({0: [packed(1, 1, 1), packed(1, 0, 2)]}).correct.tolist() == [[0.5, 1, 0.5]]


def test_clusters_are_packed_in_the_order_of_the_ids() -> None:
    """Ids 3, 7 and 9 have the clusters 900, 20 and 900: one byte each is enough, and the hash is the same."""
    plain, clustered = packed(0, 0, 2), pack("a", IDS, LABELS, LABELS, np.array([20, 900, 900]))
    assert clustered["cluster"] == bytes([0, 1, 0])
    assert plain["cluster"] is None
    assert clustered["images"] == plain["images"]
    found = unpack({0: [clustered], 1: [plain]}).clusters
    assert found is not None
    assert found.tolist() == [0, 1, 0]
    assert unpack({0: [plain]}).clusters is None


def test_many_clusters_take_more_bytes() -> None:
    """Three hundred need two bytes each."""
    many = np.arange(300)
    row = pack("a", many, many, many, many[::-1])
    assert len(row["cluster"]) == 600
    found = unpack({0: [row]}).clusters
    assert found is not None
    assert found.tolist() == many.tolist()


def test_rows_without_clusters_get_those_of_the_same_images() -> None:
    """As where runs of an older version are in the store; other images keep none."""
    rows = [
        pack("a", IDS, LABELS, LABELS, np.array([5, 5, 6])),
        pack("b", IDS, LABELS, LABELS),
        pack("c", IDS + 1, LABELS, LABELS),
    ]
    found = by_key(pd.DataFrame(rows))
    assert found["b"]["cluster"] == found["a"]["cluster"]
    assert "cluster" not in found["c"]
    assert "cluster" not in by_key(pd.DataFrame(rows[1:]))["b"]
    assert "cluster" not in by_key(pd.DataFrame(rows).drop(columns="cluster"))["a"]


def test_rows_with_other_clusters_do_not_pair() -> None:
    """Their images are grouped in two ways."""
    rows = [Correctness((0,), np.zeros((1, 3)), "h", np.array(clusters)) for clusters in ([0, 0, 1], [0, 1, 1])]
    with pytest.raises(DifferentImagesError, match="different clusters"):
        require_paired(rows)


@given(right=st.lists(st.booleans(), min_size=1, max_size=40), order=st.randoms(use_true_random=False))
def test_packing_loses_nothing(right: list[bool], order: Any) -> None:
    """Any number of images, in any order: the same bits, and the same hash."""
    ids = list(range(len(right)))
    order.shuffle(ids)
    labels = np.zeros(len(right), dtype=int)
    row = pack("a", np.array(ids), labels, np.array([0 if right[place] else 1 for place in ids]))
    assert unpack({0: [row]}).correct[0].tolist() == right
    assert row["images"] == pack("b", np.arange(len(right)), labels, labels)["images"]


def test_the_hash_tells_images_and_labels_apart() -> None:
    """Ids count from 0 in many test splits, so labels count too."""
    row, *others = (
        pack("a", ids, labels, LABELS)["images"]
        for ids, labels in ((IDS, LABELS), (IDS + 1, LABELS), (IDS, LABELS[::-1]), (IDS[:2], LABELS[:2]))
    )
    assert len({row, *others}) == 4


def test_wrong_tables_are_named() -> None:
    """A run or an image that occurs twice, a missing column, other images."""
    row = packed(1, 0, 2)
    with pytest.raises(DuplicateRowError, match="run a occurs twice"):
        by_key(pd.DataFrame([row, row]))
    with pytest.raises(MissingColumnError, match="'correctness' lacks columns: correct"):
        by_key(pd.DataFrame([row]).drop(columns="correct"))
    with pytest.raises(DuplicateRowError, match="run a: test image 7 occurs twice"):
        packed(1, 0, 2, ids=np.array([7, 3, 7]))
    with pytest.raises(DifferentImagesError):
        unpack({0: [row], 1: [packed(1, 0, 2, ids=IDS + 1)]})
    assert by_key(None) == {}


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
def test_what_is_no_correctness_is_refused(seeds: tuple[int, ...], correct: np.ndarray) -> None:
    """No NaN is passed on."""
    with pytest.raises(CorrectnessError):
        Correctness(seeds, correct, "h")


def test_rows_pair_by_seed_and_image() -> None:
    """A seed that stands on one side only is named."""
    row = Correctness((0, 1), np.zeros((2, 3)), "h")
    require_paired([row, row])
    with pytest.raises(UnpairedError, match=r"seeds \[1, 2\]"):
        require_paired([row, Correctness((0, 2), np.zeros((2, 3)), "h")])
    with pytest.raises(DifferentImagesError, match=r"h \(3\) and i \(3\)"):
        require_paired([row, Correctness((0, 1), np.zeros((2, 3)), "i")])
