"""Figures of speed are what the rounds say: paired within their group, absent where a row did not run."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.analysis.speed import intervals_in_words, ranking_changes, standings, with_figures
from bench.analysis.stats.ratios import paired_ratio
from bench.analysis.stats.statistics_errors import (
    DuplicateRowError,
    MissingColumnError,
    UnknownReferenceError,
    UnpairedError,
)
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
    assert tuple(found) == (ratio.mean, ratio.low, ratio.high)
    assert 2.4 < ratio.low < ratio.high < 2.6
    assert table.loc[2, ["p50_ms", "p95_ms", "p99_ms"]].tolist() == pytest.approx(
        1000 * np.quantile(call["call_seconds"], [0.5, 0.95, 0.99])
    )
    assert table.loc[:1, "p50_ms"].isna().all()
    assert table["num_rounds"].tolist() == [12, 12, 12, 12]


def test_several_processes_have_intervals_over_restarts() -> None:
    """Between 2 and 5 there is none; from six on it is Student's of the restarts' median rounds."""
    for restarts, words in ((1, "of that process"), (5, "an interval over them needs 6"), (6, "over these restarts")):
        rows = [row(1000.0, restarts=restarts, spread=0.02) for row in (reference, measured)]
        table = speeds(*rows)
        assert words in intervals_in_words(table)
        assert pd.notna(table["reference_ratio_low"][1]) == (restarts != 5)
    assert table["num_rounds"].tolist() == [72, 72]
    seconds = [np.reshape(row["round_seconds"], (6, 12)) for row in rows]
    logs = np.median(np.log(seconds[0] / seconds[1]), axis=1)
    expected = np.exp([logs.mean(), *stats.ttest_1samp(logs, 0).confidence_interval(0.95)])
    assert table.loc[1, ["reference_ratio", "reference_ratio_low", "reference_ratio_high"]].tolist() == pytest.approx(
        expected.tolist()
    )


def test_the_reference_is_one_and_has_no_interval() -> None:
    """In every group its own; a group's rows are compared with no other's."""
    rows = [reference(1000.0), measured(1500.0)]
    table = speeds(*rows, *(row | {"task": "training"} for row in (reference(100.0), measured(200.0))))
    assert table["reference_ratio"].tolist() == pytest.approx([1, 1.5, 1, 2], rel=0.02)
    assert table["reference_ratio_low"].isna().tolist() == [True, False, True, False]


def test_seconds_per_million_images_are_of_training_alone() -> None:
    """The time that the device would take."""
    table = speeds(reference(1000.0), *(row | {"task": "training"} for row in (reference(100.0), measured(200.0))))
    assert math.isnan(table["seconds_per_million_images"][0])
    assert table["seconds_per_million_images"].tolist()[1:] == pytest.approx([10_000, 5_000], rel=0.02)


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


def test_a_row_may_be_its_own_group_s_reference_too() -> None:
    """In a group of best settings the same network stands at its own and, as reference, at the equal ones."""
    best = {"kind": "best", "layout": "channels_last", "batch_size": 64}
    table = speeds(reference(1000.0, kind="best"), measured(1200.0, implementation="timm", **best))
    assert table["reference_ratio"].tolist() == pytest.approx([1, 1.2], rel=0.02)


def test_figures_are_added_once_and_rows_keep_their_order() -> None:
    """What is given with figures gets the same again."""
    groups = [reference(1000.0), reference(100.0) | {"task": "training"}, measured(900.0), measured(1.0, **FAILED)]
    groups[2]["model"] = "bit_resnet_pico"
    once = speeds(*groups)
    assert once["model"].tolist() == [row["model"] for row in groups]
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
def test_a_group_that_cannot_be_is_refused(rows: list[dict[str, object]], error: type[Exception]) -> None:
    """By name, and nothing is guessed."""
    with pytest.raises(error):
        speeds(*rows)


def test_a_table_that_lacks_a_column_is_refused() -> None:
    with pytest.raises(MissingColumnError, match="call_seconds"):
        with_figures(pd.DataFrame([ROW]).drop(columns="call_seconds"))


SETTINGS = {"layout": "channels_last", "mode": "compiled"}


def _two_groups(equal: tuple[float, float], best: tuple[float, float], **same: object) -> pd.DataFrame:
    """The rates of two models at equal and at best settings."""
    rows = []
    for kind, rates in (("equal", equal), ("best", best)):
        group = {"kind": kind} | same
        rows.append(reference(1000.0, **group))
        for model, rate in zip(("vit_pico/8", "bit_resnet_pico"), rates, strict=True):
            rows.append(measured(rate, model=model, **group, **(SETTINGS if kind == "best" else {})))
    return speeds(*rows)


def test_standings_rank_our_models_and_pair_them_by_round() -> None:
    """Peers and the reference have no place; each pair stands in both directions, with inverse ratios."""
    ours = [measured(rate, model=model) for model, rate in (("a", 900.0), ("b", 1200.0), ("c", 1000.0))]
    table = standings(speeds(reference(2000.0), *ours, measured(5000.0, model="a", implementation="torchvision")))
    assert len(table) == 6
    assert dict(zip(table["model"], table["rank"], strict=True)) == {"a": 3, "b": 1, "c": 2}
    assert dict(zip(table["other"], table["other_rank"], strict=True)) == {"a": 3, "b": 1, "c": 2}
    by_pair = table.set_index(["model", "other"])[["ratio", "ratio_low", "ratio_high"]]
    found = paired_ratio(32 / np.array(ours[1]["round_seconds"]), 32 / np.array(ours[0]["round_seconds"]))
    assert tuple(by_pair.loc["b", "a"]) == (found.mean, found.low, found.high)
    inverse = by_pair.loc["a", "b"]
    assert (1 / inverse["ratio"], 1 / inverse["ratio_high"]) == pytest.approx((found.mean, found.low))


def test_a_model_that_did_not_run_has_no_place() -> None:
    rows = [reference(1000.0), measured(900.0), measured(1.0, model="bit_resnet_pico", **FAILED)]
    table = standings(speeds(*rows)).set_index("model")
    assert table["rank"]["vit_pico/8"] == 1
    assert pd.isna(table["rank"]["bit_resnet_pico"])
    assert table["ratio"].isna().all()
    assert standings(speeds(reference(1000.0))).empty


def test_a_change_of_places_is_found_once_and_has_intervals_that_exclude_1() -> None:
    """The pair stands with the one that leads at equal settings first."""
    (change,) = ranking_changes(standings(_two_groups((1000.0, 800.0), (1000.0, 1300.0)))).to_dict("records")
    assert (change["model"], change["other"], change["both_exclude_1"]) == ("vit_pico/8", "bit_resnet_pico", True)
    assert change["equal_ratio_low"] > 1 > change["best_ratio_high"]
    assert (change["task"], change["precision"], change["image_size"]) == ("inference", "fp32", 32)
    (change,) = ranking_changes(standings(_two_groups((800.0, 1000.0), (1300.0, 1000.0)))).to_dict("records")
    assert (change["model"], change["other"]) == ("bit_resnet_pico", "vit_pico/8")


@pytest.mark.parametrize(("equal", "best"), [((1000.0, 985.0), (1000.0, 1300.0)), ((1000.0, 800.0), (1000.0, 1015.0))])
def test_a_change_within_the_noise_does_not_exclude_1(equal: tuple[float, float], best: tuple[float, float]) -> None:
    """Whichever of the two groups it is that cannot tell."""
    (change,) = ranking_changes(standings(_two_groups(equal, best, noise=0.03))).to_dict("records")
    assert not change["both_exclude_1"]


def test_no_change_where_the_order_is_the_same_or_nobody_knows() -> None:
    """Nor between tasks, sizes, suites or machines."""
    assert ranking_changes(standings(_two_groups((1000.0, 800.0), (1400.0, 1300.0)))).empty
    one, other = _two_groups((1000.0, 800.0), (1.0, 2.0)), _two_groups((1.0, 2.0), (1000.0, 1300.0))
    for name, value in (
        ("task", "training"),
        ("precision", "bf16"),
        ("image_size", 64),
        ("suite", "b"),
        ("machine", "b"),
    ):
        apart = pd.concat([one[one["kind"] == "equal"], other[other["kind"] == "best"].assign(**{name: value})])
        assert ranking_changes(standings(apart)).empty
    assert (
        len(ranking_changes(standings(pd.concat([one[one["kind"] == "equal"], other[other["kind"] == "best"]])))) == 1
    )
    broken = _two_groups((1000.0, 800.0), (1000.0, 1300.0))
    broken.at[5, "round_seconds"] = []
    assert ranking_changes(standings(with_figures(broken))).empty


def test_few_rounds_exclude_nothing() -> None:
    (change,) = ranking_changes(standings(_two_groups((1000.0, 500.0), (1000.0, 2000.0), rounds=5))).to_dict("records")
    assert not change["both_exclude_1"]


def test_a_change_of_ranks_that_the_rounds_do_not_bear_out_excludes_nothing() -> None:
    """Ranks are by the median round; a pair whose ratios point the other way, round by round, is listed, too."""
    frame = _two_groups((1000.0, 800.0), (1300.0, 1000.0))
    slow_rounds = np.where(np.arange(12) < 4, 3.0, 0.99)
    frame.at[2, "round_seconds"] = list(slow_rounds * np.sort(frame.at[1, "round_seconds"])[::-1])
    (change,) = ranking_changes(standings(with_figures(frame))).to_dict("records")
    assert (change["model"], change["other"]) == ("bit_resnet_pico", "vit_pico/8")
    assert change["equal_ratio"] < 1
    assert not change["both_exclude_1"]
