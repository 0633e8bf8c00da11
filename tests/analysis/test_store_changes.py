"""One row of two stores: paired where the runs are, and else two samples; a mark only where zero is excluded."""

import math

import pandas as pd
import pytest
from scipy import stats

from bench.analysis.behind_best import SuiteRow, suite_rows
from bench.analysis.estimates import row_difference
from bench.analysis.store_changes import store_change
from tests.report.hand_made import break_seed, make_answers, make_cells


def rows(cells: pd.DataFrame, answers: pd.DataFrame | None = None) -> SuiteRow:
    """The row of one model from scratch."""
    found = suite_rows(cells[(cells["model"] == "vit_pico/8") & (cells["subset_images"] == 0)], answers)
    (row,) = found.values()
    return row


def stores(*, seeds: int = 4, shift: float = 0.1) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """The cells of two stores whose runs pair; the second is worse by about `shift`."""
    own = make_cells(targets=("digits@100",), seeds=tuple(range(seeds)), arms=False)
    other = own.assign(accuracy=own["accuracy"] - shift - own["seed"] / 500, transfer_key="b-" + own["transfer_key"])
    return own, other, dict(zip(own["transfer_key"], other["transfer_key"], strict=True))


def test_runs_that_pair_have_the_paired_interval_over_seeds_and_images() -> None:
    """The one that every table shows; without answers over seeds alone."""
    own, other, pairs = stores()
    for answers in (None, pd.concat([make_answers(own), make_answers(other)], ignore_index=True)):
        change = store_change(rows(own, answers), rows(other, answers), pairs)
        assert change.is_paired
        expected = row_difference(rows(own, answers).results, rows(other, answers).results, "B")
        assert change.difference == expected.interval
        assert change.difference.mean == pytest.approx(0.103, abs=0.003)
        assert change.is_clear


def test_the_same_accuracies_have_no_difference() -> None:
    own, _, _ = stores()
    same = {key: key for key in own["transfer_key"]}
    change = store_change(rows(own), rows(own), same)
    assert (change.difference.low, change.difference.mean, change.difference.high) == (0.0, 0.0, 0.0)
    assert not change.is_clear


def test_seeds_of_one_side_alone_are_left_out() -> None:
    """Seed 3 has no partner, and seed 2 of the other store ended with an error."""
    own, other, pairs = stores()
    other.loc[other["seed"] == 2, ["status", "accuracy"]] = ["failed", math.nan]
    other = other[other["seed"] != 3].reset_index(drop=True)
    change = store_change(rows(own), rows(other), pairs)
    assert (change.is_paired, change.difference.n) == (True, 2)


def test_other_runs_are_two_samples() -> None:
    """With Welch's interval, which is wider here since seeds do not cancel."""
    own, other, pairs = stores(shift=0.02)
    change = store_change(rows(own), rows(other), {})
    samples = [list(rows(cells).results.accuracy.values()) for cells in (own, other)]
    ends = stats.ttest_ind(*samples, equal_var=False).confidence_interval(0.95)
    assert (change.difference.low, change.difference.high) == pytest.approx((ends.low, ends.high))
    assert not change.is_paired
    paired = store_change(rows(own), rows(other), pairs).difference
    assert paired.high - paired.low < change.difference.high - change.difference.low


def test_what_cannot_be_told_is_not_marked() -> None:
    """One seed, a failed seed, no result."""
    own, other, pairs = stores(seeds=1)
    assert store_change(rows(own), rows(other), {}).note == "undecided: one seed has no interval"
    own, other, pairs = stores()
    broken = break_seed(other, model="vit_pico/8", subset_images=0)
    unpaired = store_change(rows(own), rows(broken), {})
    assert unpaired.note == "undecided: seed 2 failed to train: diverged"
    assert not unpaired.is_clear
    assert store_change(rows(own), rows(broken), pairs).note.startswith("given success")
    nothing = other.assign(status="failed", accuracy=math.nan)
    change = store_change(rows(own), rows(nothing), pairs)
    assert math.isnan(change.difference.mean)
    assert not change.is_clear
