"""What changed from one measurement to a later one, against hand-made rows and SciPy."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.analysis.speed_changes import SpeedChange, SpeedChanges, accuracy_change, speed_changes
from bench.analysis.stats.multiple import corrected_level
from tests.speed_rows import FAILED, measured, reference, speeds

SIX = {"restarts": 6, "spread": 0.005}
OLD = {"measurement": "m1", "measured_at": "2026-01-01T00:00:00Z"} | SIX
NEW = {"measurement": "m2", "measured_at": "2026-02-01T00:00:00Z"} | SIX


def only_change(old: pd.DataFrame, new: pd.DataFrame) -> SpeedChange:
    (change,) = speed_changes(old, new).changes
    return change


def both(rate_old: float, rate_new: float, *, drift: float = 1.0, **other: Any) -> SpeedChanges:
    """A row beside its reference at 1,000 images a second, before and after on a machine that has become slower."""
    old = speeds(reference(1000, **OLD), measured(rate_old, **OLD, **other))
    new = speeds(reference(1000 / drift, **NEW), measured(rate_new / drift, **NEW, **other))
    return speed_changes(old, new)


@pytest.mark.parametrize("drift", [1.0, 1.7])
def test_a_slow_down_is_seen_through_the_drift_of_the_machine(drift):
    (change,) = both(500, 500 / 1.1, drift=drift).changes
    assert change.time.low < 1.1 < change.time.high
    assert change.time.mean == pytest.approx(1.1, rel=0.02)
    assert change.is_worse_by(0.05)
    assert not change.is_worse_by(0.15)


def test_a_speed_up_is_below_one_and_never_worse():
    (change,) = both(500, 500 * 1.2).changes
    assert change.time.high < 1
    assert not change.is_worse_by(0.0)


def test_the_interval_is_welch_s_over_restarts_corrected_over_rows():
    models = ("vit_pico/8", "bit_resnet_pico")
    old = speeds(reference(1000, **OLD), *(measured(500, model=model, **OLD) for model in models))
    new = speeds(reference(900, **NEW), *(measured(400, model=model, **NEW, noise=0.02) for model in models))
    change = speed_changes(old, new).changes[0]
    medians = [
        np.median(
            np.log(np.reshape(table["round_seconds"][1], (6, 12)) / np.reshape(table["round_seconds"][0], (6, 12))), 1
        )
        for table in (old, new)
    ]
    welch = stats.ttest_ind(medians[1], medians[0], equal_var=False).confidence_interval(corrected_level(2))
    assert (change.time.low, change.time.high) == pytest.approx(tuple(np.exp(welch)))
    assert (change.time.n, change.restarts) == (6, (6, 6))


def test_at_best_settings_an_image_counts_and_not_a_batch():
    old = speeds(reference(1000, **OLD, kind="best"), measured(500, **OLD, kind="best", batch_size=16))
    new = speeds(reference(1000, **NEW, kind="best"), measured(600, **NEW, kind="best", batch_size=64, layout="other"))
    change = only_change(old, new)
    assert change.time.mean == pytest.approx(500 / 600, rel=0.02)
    assert change.row.batch_size is None
    assert (change.old["batch_size"], change.new["batch_size"]) == (16, 64)


def test_other_settings_are_other_rows_unless_at_their_best():
    old = speeds(reference(1000, **OLD), measured(500, **OLD, batch_size=16))
    new = speeds(reference(1000, **NEW), measured(500, **NEW, batch_size=64))
    found = speed_changes(old, new)
    assert not found.changes
    assert ([row.batch_size for row in found.only_old], [row.batch_size for row in found.only_new]) == ([16], [64])


def test_the_reference_is_no_row_but_the_same_network_at_its_best_is_one():
    best = {"kind": "best", "implementation": "timm"}
    old = speeds(reference(1000, **OLD, kind="best"), measured(1500, **OLD, **best, batch_size=64))
    new = speeds(reference(1000, **NEW, kind="best"), measured(1500, **NEW, **best, batch_size=64))
    found = speed_changes(old, new)
    assert [change.row.implementation for change in found.changes] == ["timm"]
    assert found.changes[0].time.mean == pytest.approx(1, abs=0.03)
    assert (found.only_old, found.only_new) == ((), ())


def test_a_row_that_failed_on_one_side_is_listed_with_its_reason():
    found = speed_changes(
        speeds(reference(1000, **OLD), measured(500, **OLD)),
        speeds(reference(1000, **NEW), measured(500, **NEW, **FAILED)),
    )
    assert not found.changes
    assert [(side, reason) for _, side, reason in found.failed] == [("NEW", "out_of_memory: batch 512 does not fit")]


@pytest.mark.parametrize(
    ("of_new", "reason"),
    [
        ({"batch_size": 64}, "another reference"),
        ({"model": "vit_nano/8"}, "another reference"),
        (FAILED, "the reference failed in NEW: batch 512 does not fit"),
    ],
)
def test_nothing_is_said_without_the_same_reference_on_both_sides(of_new, reason):
    old = speeds(reference(1000, **OLD), measured(500, **OLD))
    new = speeds(reference(1000, **(NEW | of_new)), measured(250, **NEW))
    change = only_change(old, new)
    assert reason in change.reason
    assert math.isnan(change.time.mean)
    assert not change.is_known
    assert not change.is_worse_by(0.05)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (1, 1, "of one process each"),
        (6, 5, "of 6 and 5 processes"),
        (1, 6, "of 1 and 6 processes"),
    ],
)
def test_too_few_processes_have_no_interval_and_are_never_worse(before, after, reason):
    sides = (OLD | {"restarts": before}, NEW | {"restarts": after})
    old, new = (
        speeds(reference(1000, **side), measured(rate, **side)) for side, rate in zip(sides, (500, 100), strict=True)
    )
    change = only_change(old, new)
    assert change.time.mean == pytest.approx(5, rel=0.1)
    assert change.reason == reason
    assert not change.is_known
    assert not change.is_worse_by(0.05)


def test_where_suites_share_a_row_those_of_one_suite_are_compared():
    old = speeds(reference(1000, **OLD), measured(500, **OLD))
    later = NEW | {"measurement": "m3", "measured_at": "2026-03-01T00:00:00Z", "suite": "another"}
    new = speeds(reference(1000, **NEW), measured(400, **NEW), reference(1000, **later), measured(100, **later))
    assert only_change(old, new).time.mean == pytest.approx(500 / 400, rel=0.02)


def test_accuracies_are_paired_by_seed():
    old, new = {0: 0.50, 1: 0.60, 2: 0.80}, {0: 0.41, 1: 0.52, 2: 0.69}
    change = accuracy_change(old, new)
    expected = stats.ttest_rel(list(new.values()), list(old.values())).confidence_interval(0.95)
    assert (change.difference.low, change.difference.high) == pytest.approx((expected.low, expected.high))
    assert change.is_worse_by(0.05)
    assert not change.is_worse_by(0.09)
    assert not accuracy_change(new, old).is_worse_by(0.05)


def test_seeds_that_all_stay_the_same_are_an_interval_of_no_width():
    change = accuracy_change({0: 0.5, 1: 0.6}, {0: 0.5, 1: 0.6})
    assert (change.difference.low, change.difference.high) == (0.0, 0.0)
    assert change.is_known
    assert not change.is_worse_by(0.0)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ({0: 0.9, 1: 0.7}, {0: 0.4, 1: 0.2}, "every seed differs by the same"),
        ({0: 0.9}, {0: 0.1}, "one seed"),
        ({}, {}, "no seed ended ok on both sides"),
    ],
)
def test_what_shows_no_spread_has_no_interval_and_is_never_worse(old, new, reason):
    change = accuracy_change(old, new)
    assert change.reason == reason
    assert not change.is_known
    assert not change.is_worse_by(0.05)
