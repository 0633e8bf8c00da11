"""Who is on the front, who is behind and who is undecided, against hand-made accuracies and costs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.analysis.ablations import ablations
from bench.analysis.comparison import comparison
from bench.analysis.correctness import COLUMNS, pack
from bench.analysis.pareto import BEHIND, COSTS, FRONT, UNDECIDED, compared_rows, pareto
from bench.analysis.stats.statistics_errors import DuplicateRowError, MissingColumnError
from tests.speed_rows import FAILED, measured, reference, speeds

MakeCells = Callable[[list[dict[str, Any]]], pd.DataFrame]
MakeSeeds = Callable[..., list[dict[str, Any]]]

CELL = {
    **dict.fromkeys(("ablation", "arm", "reason", "notes", "subset_hash"), ""),
    **dict.fromkeys(("shots", "draw"), None),
    "family": "vit",
    "corpus": "fractals",
    "subset_images": 1024,
    "subset_classes": 32,
    "target": "digits",
    "target_images": 100,
    "image_size": 32,
    "transfer": "fine-tune",
    "match": "images",
    "pretrain_recipe": "small",
    "transfer_recipe": "small",
    "status": "ok",
}
BEST = {"kind": "best", "layout": "channels_last"}


@pytest.fixture
def costs_of(make_cells: MakeCells, make_seeds: MakeSeeds) -> Callable[..., pd.DataFrame]:
    """The table of some models, each with `(accuracies, images per second)`, and other cells; a run a cell."""

    def build(
        models: dict[str, tuple[list[float | str], float | None]], *more: dict[str, Any], runs: Any = None
    ) -> pd.DataFrame:
        cells = [row | _keys(row) for name, (acc, _) in models.items() for row in make_seeds(acc, model=name)]
        cells += [row | {"pretrain_key": ""} | _keys(row) | row for row in more]
        table = make_cells(cells)
        measured_rows = [
            measured(rate, model=name, batch_size=64, **BEST) for name, (_, rate) in models.items() if rate is not None
        ]
        found = speeds(reference(1000.0, kind="best"), *measured_rows)
        return _pareto(table, _runs(table) if runs is None else runs, found)

    return build


def _pareto(
    cells: pd.DataFrame, runs: pd.DataFrame, found: pd.DataFrame | None = None, answers: pd.DataFrame | None = None
) -> pd.DataFrame:
    counted = _runs(cells).assign(tokens=None)
    arms = ablations(cells, counted, dict(cells.loc[cells["ablation"] != "", ["ablation", "arm"]].to_numpy()), answers)
    tables = {"comparison": comparison(cells, answers), "ablations": arms, "cells": cells}
    return pareto(compared_rows(tables if answers is None else tables | {"correctness": answers}), runs, found)


def _keys(row: dict[str, Any]) -> dict[str, str]:
    name = f"{row['model']}-{row.get('target', '')}-{row['seed']}"
    return {"pretrain_key": f"p-{name}", "transfer_key": f"t-{name}"}


def _runs(cells: pd.DataFrame) -> pd.DataFrame:
    keys = [key for key in dict.fromkeys([*cells["pretrain_key"], *cells["transfer_key"]]) if key]
    flops = [100.0 if key.startswith("p-") else 10.0 for key in keys]
    return pd.DataFrame({"key": keys, "parameters": 1000, "macs": 50, "training_flops": flops}).astype(
        {"parameters": "Int64", "macs": "Int64", "training_flops": "Int64"}
    )


def _places(table: pd.DataFrame, cost: str = "images_per_second") -> dict[str, str]:
    found = table[table["cost"] == cost]
    return dict(zip(found["model"], found["place"], strict=True))


def test_front_behind_and_undecided(costs_of: Any) -> None:
    """Slower and worse by an interval above zero is behind; worse by the means alone is undecided."""
    table = costs_of(
        {
            "fast": ([0.80, 0.81, 0.82], 3000.0),
            "accurate": ([0.90, 0.91, 0.92], 1000.0),
            "behind": ([0.70, 0.71, 0.725], 2000.0),
            "undecided": ([0.70, 0.90, 0.80], 2000.0),
        }
    )
    expected = {"fast": FRONT, "accurate": FRONT, "behind": BEHIND, "undecided": UNDECIDED}
    assert _places(table) == expected
    value = table[(table["cost"] == "images_per_second") & (table["model"] == "fast")]["value"].item()
    assert value == pytest.approx(3000, rel=0.02)


def test_costs_are_the_tables(costs_of: Any) -> None:
    """Parameters and multiply-accumulates of what was tested; training FLOPs of both stages; what nobody has is out."""
    table = costs_of({"a": ([0.5, 0.6], 1000.0)})
    assert dict(zip(table["cost"], table["value"], strict=True)) == {
        "images_per_second": pytest.approx(1000, rel=0.02),
        "parameters": 1000,
        "macs": 50,
        "training_flops": 110,
    }
    assert set(COSTS) - set(table["cost"]) == {"p50_ms", "p95_ms", "peak_memory_mib", "joules_per_thousand_images"}


def test_an_equal_cost_counts_as_no_more(costs_of: Any) -> None:
    """Of rows that cost the same, only the most accurate is on the front; of two that are equal in both, both are."""
    table = costs_of({"a": ([0.5, 0.6], None), "b": ([0.6, 0.75], None), "c": ([0.75, 0.6], None)})
    assert _places(table, "parameters") == {"a": UNDECIDED, "b": FRONT, "c": FRONT}
    assert "images_per_second" not in set(table["cost"])


def test_a_dearer_row_never_puts_one_behind(costs_of: Any) -> None:
    """However much better it is."""
    assert _places(costs_of({"slow": ([0.9, 0.95], 10.0), "fast": ([0.1, 0.12], 20.0)}))["fast"] == FRONT


def test_a_missing_seed_decides_nothing(costs_of: Any) -> None:
    """A row that is better by what is left of its seeds makes the other one undecided, never behind."""
    table = costs_of({"broken": ([0.9, 0.91, "diverged"], 2000.0), "other": ([0.5, 0.51, 0.52], 1000.0)})
    assert _places(table) == {"broken": FRONT, "other": UNDECIDED}
    nothing = costs_of({"broken": (["failed", "failed"], 2000.0), "other": ([0.5, 0.51], 1000.0)})
    assert _places(nothing) == {"broken": "", "other": FRONT}


def test_a_row_without_a_speed_has_no_place_there(costs_of: Any) -> None:
    """But has one by its other costs, and hides nobody."""
    table = costs_of({"unmeasured": ([0.9, 0.95], None), "other": ([0.5, 0.51], 1000.0)})
    assert _places(table) == {"unmeasured": "", "other": FRONT}
    assert _places(table, "parameters")["unmeasured"] == FRONT


def test_targets_stand_apart(costs_of: Any, make_seeds: MakeSeeds) -> None:
    """A row is compared with those of its own target."""
    more = make_seeds([0.1, 0.12], model="a", target="mnist")
    table = costs_of({"a": ([0.5, 0.51], 1000.0), "b": ([0.9, 0.92], 1000.0)}, *more)
    mnist = table[table["target"] == "mnist"]
    assert set(mnist["place"]) == {FRONT}
    assert _places(table[table["target"] != "mnist"], "parameters") == {"a": BEHIND, "b": FRONT}


def test_arms_are_on_the_front_and_probes_are_left_out(costs_of: Any, make_seeds: MakeSeeds) -> None:
    """An arm may put a row of the ladder behind it; an arm that is that row itself is not listed twice."""
    probe = make_seeds([0.9, 0.9], model="a", transfer="linear", transfer_recipe="")
    arm = make_seeds([0.9, 0.91, 0.92], model="c", ablation="position", arm="none")
    same = make_seeds([0.5, 0.51, 0.52], model="a", ablation="position", arm="reference")
    table = costs_of({"a": ([0.5, 0.51, 0.52], 1000.0), "b": ([0.6, 0.62, 0.64], 900.0)}, *probe, *arm, *same)
    by_parameters = table[table["cost"] == "parameters"]
    assert by_parameters[["model", "ablation", "arm", "place"]].to_numpy().tolist() == [
        ["a", "", "", BEHIND],
        ["b", "", "", BEHIND],
        ["c", "position", "none", FRONT],
    ]
    assert set(table["transfer"]) == {"fine-tune"}


def test_an_arm_of_another_budget_is_compared_by_its_training_alone(costs_of: Any, make_seeds: MakeSeeds) -> None:
    """Else the row that is trained longest would win by every other cost."""
    longer = make_seeds([0.9, 0.91, 0.92], model="a", ablation="budget a", arm="4")
    longer = [row | {"transfer_key": f"p-longer-{row['seed']}"} for row in longer]  # 100 FLOPs in place of 10
    table = costs_of({"a": ([0.5, 0.51, 0.52], 1000.0)}, *longer)
    places = table.pivot_table(index="arm", columns="cost", values="place", aggfunc="first")
    assert places.loc[""].tolist() == [FRONT] * 4
    assert places.loc["4"].to_dict() == dict.fromkeys(places, "") | {"training_flops": FRONT}


def test_without_speeds_the_costs_are_those_that_are_counted(costs_of: Any) -> None:
    cells = costs_of({"a": ([0.5, 0.6], None)})
    assert set(cells["cost"]) == {"parameters", "macs", "training_flops"}


def test_from_scratch_and_external_weights(costs_of: Any, make_seeds: MakeSeeds, scratch: dict[str, Any]) -> None:
    """The one has trained once; of the other nobody knows what its pretraining took."""
    outside = {"corpus": "external:0123456789ab", "subset_images": None, "subset_classes": None, "pretrain_recipe": ""}
    more = [row | {"pretrain_key": ""} for row in make_seeds([0.4, 0.41], model="b", **scratch)]
    more += [row | {"pretrain_key": ""} for row in make_seeds([0.4, 0.41], model="c", **outside)]
    table = costs_of({"a": ([0.5, 0.51], 1000.0)}, *more)
    flops = table[table["cost"] == "training_flops"].set_index("model")
    assert flops["value"].to_dict() == pytest.approx({"a": 110, "b": 10, "c": np.nan}, nan_ok=True)
    assert flops["place"].to_dict() == {"a": FRONT, "b": FRONT, "c": ""}


def test_fewer_seeds_from_scratch_are_compared_with_as_many(
    costs_of: Any, make_seeds: MakeSeeds, scratch: dict[str, Any]
) -> None:
    """The row from scratch trains two of four seeds, and is clearly worse by these."""
    more = [row | {"pretrain_key": ""} for row in make_seeds([0.4, 0.41], model="b", **scratch)]
    table = costs_of({"a": ([0.8, 0.82, 0.81, 0.83], 1000.0)}, *more)
    assert _places(table, "parameters") == {"a": FRONT, "b": BEHIND}
    assert table.set_index("model")["status"].unique().tolist() == ["complete"]


def test_which_speeds_count(make_cells: MakeCells, make_seeds: MakeSeeds) -> None:
    """Of our own implementation, in inference, that ran, at the image size; the reference's is not the model's best."""
    cells = make_cells([row | _keys(row) for row in make_seeds([0.5, 0.6], model="vit_pico/8")])
    ours = measured(3000.0, **BEST) | {"joules_per_thousand_images": 4.0}
    latency = {"kind": "latency", "batch_size": 1}
    rows = [
        reference(500.0, kind="best", implementation="ours"),
        measured(9000.0, **(BEST | {"implementation": "timm"})),
        ours,
        reference(400.0, **latency),
        measured(250.0, **latency),
        *(row | {"task": "training"} for row in (reference(100.0, kind="best"), measured(200.0, **BEST))),
        *(row | {"image_size": 64} for row in (reference(100.0, kind="best"), measured(150.0, **BEST))),
        reference(2000.0),
        measured(2500.0),
    ]
    table = _pareto(cells, _runs(cells), speeds(*rows)).set_index("cost")["value"]
    assert table["images_per_second"] == pytest.approx(3000, rel=0.02)
    assert table["p50_ms"] == pytest.approx(4, rel=0.05)
    assert table["joules_per_thousand_images"] == 4
    full = _pareto(cells, _runs(cells), speeds(*rows)).set_index("cost")
    calls = 1000 * np.sort(rows[4]["call_seconds"])
    for cost, share in (("p50_ms", 0.5), ("p95_ms", 0.95)):
        number, low, high = len(calls), *full.loc[cost, ["value_low", "value_high"]]
        assert full.loc[cost, "value"] == pytest.approx(np.quantile(calls, share))
        below = [int((calls < end).sum()) for end in (low, high)]
        assert stats.binom.cdf(below[0] - 1, number, share) <= 0.025
        assert stats.binom.sf(below[1], number, share) <= 0.025
    rates = np.sort(ours["batch_size"] / np.array(ours["round_seconds"]))
    assert full.loc["images_per_second", ["value_low", "value_high"]].tolist() == pytest.approx([rates[2], rates[9]])
    assert full.loc["peak_memory_mib", "value"] == pytest.approx(6e6 / 2**20)
    assert full.loc[["parameters", "peak_memory_mib"], ["value_low", "value_high"]].isna().all(axis=None)
    rows[2] = measured(3000.0, **BEST, **FAILED)
    assert "images_per_second" not in set(_pareto(cells, _runs(cells), speeds(*rows))["cost"])


@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(1, 6), st.lists(st.integers(0, 20), min_size=3, max_size=3)), min_size=1, max_size=6
    )
)
def test_the_front_is_what_nothing_dominates(rows: list[tuple[int, list[int]]]) -> None:
    """Against the definition, pair by pair; only rows off the front are behind or undecided."""
    cells = pd.DataFrame(
        [
            CELL
            | {"model": f"m{number}", "seed": seed, "accuracy": value / 20}
            | _keys({"model": number, "seed": seed})
            for number, (_, values) in enumerate(rows)
            for seed, value in enumerate(values)
        ]
    )
    runs = _runs(cells)
    for number, (macs, _) in enumerate(rows):
        runs.loc[runs["key"].str.contains(f"-{number}-"), "macs"] = macs
    compared = comparison(cells)
    found = _places(_pareto(cells, runs), "macs")
    means = compared.set_index("model")["accuracy"].reindex([f"m{number}" for number in range(len(rows))]).tolist()
    for number in range(len(rows)):
        dominated = any(
            rows[other][0] <= rows[number][0]
            and means[other] >= means[number]
            and (rows[other][0] < rows[number][0] or means[other] > means[number])
            for other in range(len(rows))
        )
        assert (found[f"m{number}"] == FRONT) == (not dominated)


def test_tables_that_are_wrong_are_refused(costs_of: Any, make_cells: MakeCells, make_seeds: MakeSeeds) -> None:
    cells = make_cells([row | _keys(row) for row in make_seeds([0.5, 0.6], model="vit_pico/8")])
    twice = pd.concat([_runs(cells)] * 2, ignore_index=True)
    with pytest.raises(DuplicateRowError, match="occurs twice"):
        _pareto(cells, twice)
    with pytest.raises(MissingColumnError, match="macs"):
        _pareto(cells, _runs(cells).drop(columns="macs"))


def test_answers_tell_what_seeds_do_not(make_cells: MakeCells, make_seeds: MakeSeeds) -> None:
    """Three seeds that agree by chance tell less than their means, as they err on other images."""
    right = {"good": (104, 105, 106), "poor": (94, 96, 95)}
    models = right.items()
    cells = make_cells(
        [row | _keys(row) for name, of in models for row in make_seeds([n / 200 for n in of], model=name)]
    )
    images = np.arange(200)
    packed = [
        pack(cell["transfer_key"], images if cell["model"] == "good" else images[::-1], 0 * images, images >= n)
        for n, (_, cell) in zip([n for _, of in models for n in of], cells.iterrows(), strict=True)
    ]

    def place(answers: pd.DataFrame | None = None) -> str:
        return _places(_pareto(cells, _runs(cells), answers=answers), "macs")["poor"]

    assert place() == BEHIND
    assert place(pd.DataFrame(packed, columns=list(COLUMNS))) == UNDECIDED


def test_behind_is_corrected_over_all_pairs(costs_of: Any) -> None:
    """A difference that decides between two rows does not decide among six; a clear one does."""
    two: dict[str, Any] = {"good": ([0.80, 0.815, 0.79], None), "poor": ([0.70, 0.71, 0.71], None)}
    others = {f"m{number}": ([0.80 - 0.01 * number, 0.79, 0.81], None) for number in range(4)}
    assert _places(costs_of(two), "macs")["poor"] == BEHIND
    assert _places(costs_of(two | others), "macs")["poor"] == UNDECIDED
    clear = {"clear": ([0.10, 0.11, 0.105], None)}
    assert _places(costs_of(two | others | clear), "macs")["clear"] == BEHIND
