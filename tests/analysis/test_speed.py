"""Figures of speed are what the rounds say: paired within their heat, absent where a row did not run."""

import math

import numpy as np
import pandas as pd
import pytest

from bench.analysis.errors import DuplicateRowError, MissingColumnError, UnknownReferenceError, UnpairedError
from bench.analysis.ratios import paired_ratio
from bench.analysis.speed import with_figures
from tests.speed_rows import FAILED, ROW, measured, reference, speeds

LATENCY = {"kind": "latency", "batch_size": 1}


def test_rates_latencies_and_ratios_are_those_of_the_rounds() -> None:
    """Images per second over the median round, quantiles of single calls, and the ratio round by round."""
    first, second = reference(1000.0), measured(2500.0, model="bit_resnet_pico", batch_size=64)
    call = measured(400.0, **LATENCY)
    table = speeds(first, second, call, reference(500.0, **LATENCY))
    rate = table["images_per_second"]
    assert rate[1] == pytest.approx(64 / np.median(second["round_seconds"]))
    ratio = paired_ratio(64 / np.array(second["round_seconds"]), 32 / np.array(first["round_seconds"]))
    found = table.loc[1, ["reference_ratio", "reference_ratio_low", "reference_ratio_high"]]
    assert tuple(found) == (ratio.ratio, ratio.low, ratio.high)
    assert 2.4 < ratio.low < ratio.high < 2.6
    assert table.loc[2, ["p50_ms", "p95_ms", "p99_ms"]].tolist() == pytest.approx(
        1000 * np.quantile(call["call_seconds"], [0.5, 0.95, 0.99])
    )
    assert table.loc[:1, "p50_ms"].isna().all()
    assert table["num_rounds"].tolist() == [12, 12, 12, 12]


def test_the_reference_is_one_and_has_no_interval() -> None:
    """In every heat its own; a heat's rows are compared with no other's."""
    rows = [reference(1000.0), measured(1500.0)]
    table = speeds(*rows, *(row | {"task": "training"} for row in (reference(100.0), measured(200.0))))
    assert table["reference_ratio"].tolist() == pytest.approx([1, 1.5, 1, 2], rel=0.02)
    assert table["reference_ratio_low"].isna().tolist() == [True, False, True, False]


def test_seconds_a_million_images_are_of_training_alone() -> None:
    """The time that the device would take."""
    table = speeds(reference(1000.0), *(row | {"task": "training"} for row in (reference(100.0), measured(200.0))))
    assert math.isnan(table["seconds_a_million_images"][0])
    assert table["seconds_a_million_images"].tolist()[1:] == pytest.approx([10_000, 5_000], rel=0.02)


def test_a_row_that_did_not_run_has_no_figures() -> None:
    """Nor has any row a ratio to a reference that did not."""
    table = speeds(reference(1000.0), measured(1.0, model="vit_tiny/8", **FAILED))
    figures = ["images_per_second", "reference_ratio", "reference_ratio_low", "p50_ms"]
    assert table.loc[1, figures].isna().all()
    assert table["num_rounds"].tolist() == [12, 0]
    table = speeds(reference(1.0, **FAILED), measured(1000.0))
    assert table["reference_ratio"].isna().all()
    assert table["images_per_second"].notna().tolist() == [False, True]


def test_few_rounds_have_a_ratio_and_no_interval() -> None:
    table = speeds(reference(1000.0, rounds=5), measured(1500.0, rounds=5))
    assert table["reference_ratio"][1] == pytest.approx(1.5, rel=0.03)
    assert math.isnan(table["reference_ratio_low"][1])


def test_a_row_may_be_its_own_heat_s_reference_too() -> None:
    """In a heat of best settings the same network stands at its own and, as reference, at the equal ones."""
    best = {"kind": "best", "layout": "channels_last", "batch_size": 64}
    table = speeds(reference(1000.0, kind="best"), measured(1200.0, implementation="timm", **best))
    assert table["reference_ratio"].tolist() == pytest.approx([1, 1.2], rel=0.02)


def test_figures_are_added_once_and_rows_keep_their_order() -> None:
    """What is given with figures gets the same again."""
    heats = [reference(1000.0), reference(100.0) | {"task": "training"}, measured(900.0), measured(1.0, **FAILED)]
    heats[2]["model"] = "bit_resnet_pico"
    once = speeds(*heats)
    assert once["model"].tolist() == [row["model"] for row in heats]
    pd.testing.assert_frame_equal(with_figures(once), once)


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([measured(1.0)], UnknownReferenceError),
        ([reference(1.0), reference(1.0, batch_size=64)], DuplicateRowError),
        ([reference(1.0), measured(1.0), measured(1.0)], DuplicateRowError),
        ([reference(1.0), measured(1.0, rounds=8)], UnpairedError),
    ],
)
def test_a_heat_that_cannot_be_is_refused(rows: list[dict[str, object]], error: type[Exception]) -> None:
    """By name, and nothing is guessed."""
    with pytest.raises(error):
        speeds(*rows)


def test_a_table_that_lacks_a_column_is_refused() -> None:
    with pytest.raises(MissingColumnError, match="call_seconds"):
        with_figures(pd.DataFrame([ROW]).drop(columns="call_seconds"))
