"""The numbers of a chart are those of its table; its texts are data; the same tables give the same bytes."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.analysis.format import quantity_interval, steady
from bench.analysis.pareto import COSTS
from bench.analysis.targets import is_real
from bench.report.charts.claims import claims_charts
from bench.report.charts.differences import differences_chart
from bench.report.charts.front import front_chart
from bench.report.charts.ladder import ladder_chart
from bench.report.findings import findings
from bench.report.layout import arm_row, comparison_row, target_key
from tests.report.charts.drawn_charts import (
    CONSTANT,
    all_charts,
    but_data,
    costs_of,
    hand_made_tables,
    judgements_of,
    ladder_of,
    params,
    values,
)
from tests.report.hand_made import Tables, break_seed, make_cells, make_ladder_cells, make_tables

HOSTILE = ("</script><img src=x onerror=window.X=1>", "__proto__", "'; alert(1) //", "\N{HEBREW LETTER ALEF}" * 300)
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def tables() -> Tables:
    return hand_made_tables()


def shown(*numbers: Any) -> list[float | None]:
    """Numbers as charts round them."""
    return [None if pd.isna(number) else steady(float(number), 6) for number in numbers]


def percent(row: pd.Series, *names: str) -> list[float | None]:
    return shown(*(100 * row[name] for name in names))


def test_points_of_the_ladder_are_rows_of_the_comparison(tables: Tables) -> None:
    """Accuracy, error, gain and the ends of their intervals, by the id of the row; a point for each row."""
    spec = ladder_of(tables)
    points = {point["row"]: point for point in values(spec, kind="row")}
    assert len(points) == len(tables["comparison"])
    for _, row in tables["comparison"].iterrows():
        point = points[comparison_row(row)]
        assert point["views"]["accuracy"][:3] == percent(row, "accuracy", "low", "high")
        errors = shown(*(100 - 100 * row[name] for name in ("accuracy", "high", "low")))
        assert point["views"]["error"][:3] == errors
        if pd.isna(row["gain"]):
            assert "gain" not in point["views"]
        else:
            assert point["views"]["gain"][:3] == percent(row, "gain", "gain_low", "gain_high")
        assert (point["line"], point["family"], point["images"]) == (row["model"], row["family"], row["subset_images"])
        assert point["target"] == target_key(row)
    best = next(point for point in points.values() if point["from"] == "4,096 images")
    mean, low, high = best["views"]["accuracy"][:3]
    assert best["views"]["accuracy"][3] == f"{mean:.1f} % ({low:.1f} to {high:.1f})"


def test_a_size_is_where_it_is_measured(tables: Tables) -> None:
    """Points of one size have one place, from scratch left of the smallest rung."""
    rows = values(ladder_of(tables), kind="row")
    assert {(row["images"], row["x"]) for row in rows if row["images"]} == {(256, 256), (1024, 1024), (4096, 4096)}
    (scratch_at,) = {row["x"] for row in rows if not row["images"]}
    assert 0 < scratch_at < 256


def test_narrow_intervals_are_in_front_of_wide_ones(tables: Tables) -> None:
    """They cover more, too; Vega-Lite draws in the order of `order`."""
    spec = ladder_of(tables)
    looks = {(row["width"], row["opacity"]) for row in values(spec, kind="row")}
    assert looks == {(9, 0.4), (5, 0.5), (2.5, 0.7)}
    (intervals,) = (layer for layer in spec["layer"] if "strokeWidth" in layer["encoding"])
    assert intervals["encoding"]["order"] == {"field": "width", "sort": "descending", "type": "quantitative"}


def test_differences_of_pairs_are_those_of_the_findings(tables: Tables) -> None:
    pairs = values(ladder_of(tables), kind="pair")
    expected = [
        (f"{pair.first.model} less {pair.second.model}", rung.size, shown(*(100 * end for end in ends)))
        for found in findings(tables)
        for target in found.targets
        for pair in target.pairs
        for rung in pair.rungs
        if rung.interval
        for ends in [(rung.mean, rung.interval.low, rung.interval.high)]
    ]
    assert len(expected) > 0
    assert [(pair["line"], pair["images"], pair["views"]["difference"][:3]) for pair in pairs] == expected
    assert {(pair["family"], pair["other"], pair["colour"]) for pair in pairs} == {
        ("vit", "cnn", "var(--pair-1)"),
        ("vit", "hybrid", "var(--pair-2)"),
        ("hybrid", "cnn", "var(--pair-3)"),
    }


def test_arms_of_the_ladder_are_those_of_the_ablations(tables: Tables) -> None:
    """Without the arms whose model is on the ladder, which have a point there."""
    arms = {point["row"]: point for point in values(ladder_of(tables), kind="arm")}
    expected = tables["ablations"][~tables["ablations"]["model"].isin(tables["comparison"]["model"])]
    assert len(arms) == len(expected) > 0
    for _, row in expected.iterrows():
        assert arms[arm_row(row)]["views"]["accuracy"][:3] == percent(row, "accuracy", "low", "high")


def test_the_constant_answer_presses_nothing_together(tables: Tables) -> None:
    """It is a line if it is as near to the accuracies as they spread, and else a note."""
    for level, kind in ((0.1, "level"), (0.0, "level"), (-9.0, "note")):
        levels = values(ladder_of(tables, {"digits@100": level}), target="digits@100", family=None)
        (line,) = (each for each in levels if "accuracy" in each["views"])
        assert line["kind"] == kind
        assert line["views"]["accuracy"][0] == 100 * level
        assert line["views"]["error"][0] == 100 - 100 * level


def test_the_level_of_errors_is_that_of_an_error(tables: Tables) -> None:
    lines = values(ladder_of(tables, {"digits@100": 0.1}), target="digits@100", family=None)
    (views,) = (line["views"] for line in lines if "accuracy" in line["views"])
    assert views["accuracy"][3] == "best constant answer 10.0 %"
    assert views["error"][3] == "error of the best constant answer 90.0 %"


def test_a_row_with_a_missing_seed_is_hollow() -> None:
    made = make_tables(break_seed(make_cells(arms=False), model="vit_pico/8", subset_images=256))
    fills = {(row["family"], row["images"]): row["fill"] for row in values(ladder_of(made), kind="row")}
    assert fills["vit", 256] == "var(--paper)"
    assert fills["vit", 1024] == fills["vit", 0] == "var(--vit)"


def test_the_front_holds_every_cost_of_every_row(tables: Tables) -> None:
    costs = costs_of(tables)
    spec = front_chart(costs)
    assert spec is not None
    points = {point["row"]: point for kind in ("row", "arm") for point in values(spec, kind=kind)}
    known = costs[costs["value"].notna() & costs["accuracy"].notna()]
    assert sum(len(point["costs"]) for point in points.values()) == len(known) > 0
    assert (known["arm"] != "").any()
    for _, row in known.iterrows():
        point = points[arm_row(row) if row["arm"] else comparison_row(row)]
        assert point["accuracy"][:3] == percent(row, "accuracy", "low", "high")
        assert [point["costs"][row["cost"]][place] for place in (0, 4)] == [*shown(row["value"]), row["place"]]
        ends = [None if pd.isna(end) else shown(end)[0] for end in row[["value_low", "value_high"]]]
        assert point["costs"][row["cost"]][1:3] == ends
    assert list(spec["usermeta"]["choices"]["cost"]) == [cost for cost in COSTS if cost in set(known["cost"])]


def test_differences_to_the_reference_are_those_of_real_targets(tables: Tables) -> None:
    spec = differences_chart(tables["ablations"])
    assert spec is not None
    dots = {dot["row"]: dot for dot in values(spec, kind="dot")}
    rows = tables["ablations"]
    compared = rows[rows["difference"].notna() & rows["target"].map(is_real)]
    assert len(dots) == len(compared) > 0
    for _, row in compared.iterrows():
        dot = dots[arm_row(row)]
        assert [dot["mean"], *dot["interval"]] == percent(row, "difference", "difference_low", "difference_high")
        assert dot["arm"] == f"{row['arm']} of {row['ablation']}"


def test_claims_have_their_estimates_limits_and_published_numbers(tables: Tables) -> None:
    """An axis for each unit; open ends are None, and drawn to the end of the axis."""
    judgements = judgements_of(tables)
    charts = claims_charts(judgements)
    parts = [(each, part) for each in judgements for part in each.parts if pd.notna(part.interval.mean)]
    dots = [dot for unit in charts for dot in values(charts[unit], kind="dot")]
    by_name = {(dot["claim"].partition(":")[0], dot["shown"]): dot for dot in dots}
    drawn = [(each, part) for each, part in parts if part.unit in charts]
    assert len(dots) == len(drawn) > 0
    for each, part in drawn:
        dot = by_name[each.claim.id, quantity_interval(part.interval, part.unit)]
        scale = 100 if part.unit.startswith("points") else 1
        assert dot["mean"] == shown(scale * part.interval.mean)[0]
        assert dot["interval"] == shown(scale * part.interval.low, scale * part.interval.high)
        assert dot["word"] == part.word
    (without_encoding,) = (dot for dot in dots if dot["claim"].startswith("C5:"))
    assert without_encoding["band"] == [-5, -1]
    assert without_encoding["published"] == [-2.8, -2.8]
    leads = [dot for dot in dots if dot["claim"].startswith("C9:") and dot["band"][0] == 0]
    assert leads
    for dot in leads:
        assert dot["band"] == [0, None]
        assert dot["band_to"] > dot["mean"]


def test_params_are_those_that_the_page_sets(tables: Tables) -> None:
    charts = all_charts(tables)
    families = ["vit", "cnn", "hybrid"]
    of_ladder = params(charts["ladder"])
    assert of_ladder == {
        "target": "digits@100",
        "families": families,
        "arms": False,
        "view": "accuracy",
        "scratch": True,
    }
    assert list(charts["ladder"]["usermeta"]["choices"]["view"]) == ["accuracy", "error", "gain", "difference"]
    of_front = params(charts["front"])
    assert {name: of_front[name] for name in ("target", "arms")} == {"target": "digits@100", "arms": False}
    assert sorted(of_front["families"]) == sorted(families)
    assert of_front["cost"] in COSTS
    assert params(charts["differences"]) == {"families": ["vit"]}


def test_a_view_without_numbers_is_not_offered() -> None:
    """A ladder without rows from scratch has no gains; one of one rung has no differences of pairs."""
    no_scratch = make_tables(make_ladder_cells(num_rungs=2, targets=("digits@100",)))
    assert list(ladder_of(no_scratch, {})["usermeta"]["choices"]["view"]) == ["accuracy", "error", "difference"]


def test_charts_without_numbers_are_none() -> None:
    cells = make_cells(arms=False)
    empty = make_tables(cells.assign(accuracy=float("nan"), status="failed", reason="no"))
    assert ladder_chart(empty["comparison"], empty["ablations"], findings(empty), CONSTANT) is None
    assert differences_chart(empty["ablations"]) is None
    assert front_chart(costs_of(empty)) is None
    assert claims_charts(()) == {}


def test_texts_of_a_store_are_data() -> None:
    """No expression, title or name of a field holds the name of a model, target or arm, whatever it holds."""
    plain = hand_made_tables(make_cells())
    names = dict(zip(("vit_pico/8", "vit_pico/16", "none", "digits@100"), HOSTILE, strict=True))
    made = {
        name: table.replace({column: names for column in ("model", "arm", "target") if column in table})
        for name, table in plain.items()
    }
    charts = [ladder_of(made, {names["digits@100"]: 0.1}), front_chart(costs_of(plain)), ladder_of(plain)]
    charts.append(differences_chart(made["ablations"]))
    assert any(names["digits@100"] == datum["target"] for datum in values(charts[0]))
    for chart in charts:
        assert chart is not None
        for text in (*HOSTILE, "vit_pico", "bit_resnet_pico", "sincos-2d", "digits@100", "learned-1d"):
            assert json.dumps(text)[1:-1] not in but_data(chart)


@pytest.mark.slow
def test_the_same_bytes_in_every_process(tables: Tables) -> None:
    """Whatever Python's hash seed is, and however many charts were made before."""
    code = (
        "import hashlib, json\nfrom tests.report.charts.drawn_charts import all_charts, hand_made_tables\n"
        "print(hashlib.sha256(json.dumps(all_charts(hand_made_tables())).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    for _ in range(2):
        assert hashlib.sha256(json.dumps(all_charts(tables)).encode()).hexdigest() == answer.stdout.strip()
