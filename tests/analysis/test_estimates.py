"""Rows take their intervals from per-image correctness if it is kept, and give the reason if there is none."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.analysis.columns import difference_numbers, difference_table
from bench.analysis.comparison import comparison
from bench.analysis.correctness import COLUMNS, Correctness, pack
from bench.analysis.estimates import PairedDifference, difference_estimate, row_difference, row_interval
from bench.analysis.seeds import SeedResults
from bench.analysis.stats.crossed import accuracy, paired_difference
from bench.analysis.stats.intervals import Interval, unknown
from bench.analysis.stats.statistics_errors import ConstantError, DifferentImagesError, SingleSeedError, UnpairedError
from bench.analysis.stats.verdicts import verdict_interval

MakeCells = Callable[[list[dict[str, Any]]], pd.DataFrame]
NUM_IMAGES = 40


def _tables(make_cells: MakeCells, right: dict[str, np.ndarray], **changes: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cells and answers of a pretrained row and one from scratch, whose seeds answer as given, (seeds, images)."""
    scratch = {"corpus": "none", "subset_images": 0, "subset_classes": None, "pretrain_recipe": ""}
    cells, rows = [], []
    for name, answers in right.items():
        for seed, correct in enumerate(answers):
            key = f"{name}-{seed}"
            cells.append((scratch if name == "scratch" else {}) | {"seed": seed, "transfer_key": key})
            cells[-1] |= {"accuracy": float(correct.mean())}
            labels = np.zeros(len(correct), dtype=int)
            rows.append(pack(key, np.arange(len(correct)), labels, 1 - correct.astype(int)) | changes.get(key, {}))
    return make_cells(cells), pd.DataFrame(rows, columns=list(COLUMNS))


def _right(num_seeds: int, share: float) -> np.ndarray:
    return (np.random.default_rng(0).random((num_seeds, NUM_IMAGES)) < share).astype(float)


def test_intervals_are_those_of_the_answers(make_cells: MakeCells) -> None:
    """Accuracy and gain; without per-image correctness they are Student's t over seeds."""
    right = {"scratch": _right(3, 0.5), "pretrained": _right(3, 0.85)}
    cells, answers = _tables(make_cells, right)
    _, row = (row for _, row in comparison(cells, answers).iterrows())
    rows = {name: Correctness((0, 1, 2), correct, "h") for name, correct in right.items()}
    ours = accuracy(rows["pretrained"]).interval()
    gain = verdict_interval(paired_difference(rows["pretrained"], rows["scratch"]))
    assert row[["accuracy", "low", "high"]].tolist() == pytest.approx([ours.mean, ours.low, ours.high])
    assert row[["gain", "gain_low", "gain_high"]].tolist() == pytest.approx([gain.mean, gain.low, gain.high])
    assert row[["method", "gain_method", "gain_status"]].tolist() == [
        "seeds and images",
        "seeds and images",
        "complete",
    ]
    assert pd.isna(row["gain_p"])
    _, alone = (row for _, row in comparison(cells, answers[:-1]).iterrows())
    theirs = stats.ttest_rel(right["pretrained"].mean(axis=1), right["scratch"].mean(axis=1)).confidence_interval()
    assert alone[["gain_low", "gain_high"]].tolist() == pytest.approx([theirs.low, theirs.high])
    assert alone[["method", "gain_method"]].tolist() == ["seeds", "seeds"]


def test_six_pairs_have_a_p_value(make_cells: MakeCells) -> None:
    """Each seed better than from scratch: 2 of 64 ways of signs."""
    right = {"scratch": _right(6, 0.3), "pretrained": np.maximum(_right(6, 0.3), np.eye(6, NUM_IMAGES, 30))}
    cells, answers = _tables(make_cells, right)
    assert comparison(cells, answers)["gain_p"].tolist() == [pytest.approx(math.nan, nan_ok=True), 0.03125]


def _gains(*by_seed: list[float]) -> pd.DataFrame:
    """A table of gains, of which each has the differences of its seeds; no seed is a row without a gain."""
    differences = [
        PairedDifference(
            Interval(np.mean(values), 0, 1, len(values)) if values else unknown(0), "", "", dict(enumerate(values))
        )
        for values in by_seed
    ]
    return difference_table([difference_numbers("gain", one) for one in differences], [], "gain")


def test_p_values_are_corrected_over_the_table() -> None:
    """A difference with too few pairs counts; a row without a difference does not."""
    table = _gains([0.1] * 9, [0.1] * 7 + [-0.1], [0.1] * 3, [])
    single = [2 / 2**9, 2 * 9 / 2**8]
    assert table["gain_p"].tolist() == pytest.approx([3 * single[0], 2 * single[1], math.nan, math.nan], nan_ok=True)
    assert table["pairs_needed"].tolist() == [7, 7, 7, pd.NA]


@pytest.mark.parametrize(("num_rows", "needed"), [(1, 6), (2, 7), (3, 7), (12, 9), (13, 10)])
def test_more_differences_need_more_pairs(num_rows: int, needed: int) -> None:
    """With one pair fewer not even seeds that all agree are rejected after the correction, so there is no p-value."""
    for num_pairs, is_tested in ((needed - 1, False), (needed, True)):
        table = _gains(*[[0.1] * num_pairs] * num_rows)
        assert (num_rows * 2.0 ** (1 - num_pairs) <= 0.05) is is_tested
        assert table["gain_p"].notna().tolist() == [is_tested] * num_rows
        assert set(table["pairs_needed"]) == {needed}


def test_rows_on_different_images_are_undecided(make_cells: MakeCells) -> None:
    """The cell stands, the gain says why it does not."""
    right = {"scratch": _right(3, 0.5), "pretrained": _right(3, 0.8)[:, 1:]}
    cells, answers = _tables(make_cells, right)
    _, row = (row for _, row in comparison(cells, answers).iterrows())
    assert row["gain_status"].startswith("undecided: tested on different images: ")
    assert row[["gain", "gain_low"]].isna().all()
    assert row["num_pairs"] == 3
    assert row["accuracy"] == pytest.approx(right["pretrained"].mean())


def test_one_seed_on_other_images_undecides_the_gain(make_cells: MakeCells) -> None:
    """Its accuracy counts; the row as a whole pairs with nothing."""
    right = {"scratch": _right(3, 0.5), "pretrained": _right(3, 0.8)}
    cells, answers = _tables(make_cells, right, **{"pretrained-2": {"images": "other"}})
    _, row = (row for _, row in comparison(cells, answers).iterrows())
    assert row["gain_status"].startswith("undecided: cells of one row were tested on different images")
    assert row["method"] == "seeds"


def test_seeds_that_answer_all_alike_have_the_images_interval(make_cells: MakeCells) -> None:
    """As a probe of external weights does, whose seeds differ in nothing; over seeds alone there is none."""
    cells, answers = _tables(make_cells, {"pretrained": np.repeat(_right(1, 0.7), 3, axis=0)})
    row = comparison(cells, answers).iloc[0]
    assert 0 < row["low"] < row["accuracy"] < row["high"] < 1
    assert pd.isna(comparison(cells)["low"].iloc[0])
    assert comparison(cells)["method"].tolist() == [""]


def test_what_has_no_interval_says_why(make_cells: MakeCells) -> None:
    """One seed; seeds without per-image correctness that all differ by the same."""
    one = _tables(make_cells, {"scratch": _right(1, 0.5), "pretrained": _right(1, 0.8)})
    row = comparison(*one).iloc[1]
    assert row["gain_status"] == "undecided: one pair has no interval"
    assert row[["low", "gain_low"]].isna().all()
    same = _tables(make_cells, {"scratch": _right(3, 0.5), "pretrained": _right(3, 0.5)})
    assert comparison(same[0]).iloc[1]["gain_status"] == "undecided: every pair differs by the same"


def test_what_differs_in_no_image_has_an_interval(make_cells: MakeCells) -> None:
    """Of models that answer alike, and of one that has every image right: no case was seen, but there may be some."""
    same = _tables(make_cells, {"scratch": _right(3, 0.5), "pretrained": _right(3, 0.5)})
    row = comparison(*same).iloc[1]
    assert (row["gain"], row["gain_status"]) == (0, "complete")
    # 2.2 images of 40, by the quantile of two degrees of freedom for the difference, and of 39 for the accuracy.
    assert -row["gain_low"] == row["gain_high"] == pytest.approx(0.055 * stats.t(2).ppf(0.975), rel=1e-9)
    every = _tables(make_cells, {"pretrained": np.ones((3, NUM_IMAGES))})
    row = comparison(*every).iloc[0]
    assert (row["accuracy"], row["high"], row["method"]) == (1.0, 1.0, "seeds and images")
    assert row["low"] == pytest.approx(1 - 0.108, abs=0.001)


@pytest.mark.parametrize("values", [[0.99, 1.0, 1.0], [0.0, 0.0, 0.02], [0.2, 0.95]])
def test_intervals_over_seeds_stay_within_0_and_1(values: list[float]) -> None:
    interval, method = row_interval(SeedResults(dict(enumerate(values)), {}, ""))
    assert method == "seeds"
    assert 0 < interval.low < interval.mean < interval.high < 1


def test_seeds_that_differ_by_the_same_still_have_the_images_interval(make_cells: MakeCells) -> None:
    """Each seed gains one image, but another one."""
    scratch = np.zeros((3, NUM_IMAGES))
    cells, correctness = _tables(make_cells, {"scratch": scratch, "pretrained": np.eye(3, NUM_IMAGES)})
    row = comparison(cells, correctness).iloc[1]
    assert (row["gain_status"], row["gain_method"]) == ("complete", "seeds and images")
    assert row["gain_low"] < row["gain"] < row["gain_high"]


def test_estimates_name_what_is_wrong() -> None:
    """For those who judge differences at other levels."""
    three, lower = (SeedResults(dict(enumerate(values)), {}, "") for values in ((0.5, 0.7, 0.6), (0.4, 0.5, 0.6)))
    low = row_difference(three, lower, "other").interval.low
    assert difference_estimate(three, lower, "other").interval().low == pytest.approx(low)
    with pytest.raises(UnpairedError, match="other seed 2 diverged"):
        difference_estimate(three, SeedResults({0: 0.5, 1: 0.7}, {2: "diverged"}, ""), "other")
    with pytest.raises(DifferentImagesError):
        difference_estimate(three, replace(lower, mixed="tested on different images"), "other")
    with pytest.raises(ConstantError):
        difference_estimate(three, three, "other")
    with pytest.raises(SingleSeedError):
        difference_estimate(*(SeedResults({0: share}, {}, "") for share in (0.5, 0.6)), "other")
