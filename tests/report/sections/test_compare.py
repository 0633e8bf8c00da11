"""The table of all rows: what is best, what is behind a row, and commands that select exactly that row."""

import shlex
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.cli.only import select
from bench.config.resolved import ResolvedSuite
from bench.plan.expand import Cell, expand
from bench.report.machines import machines
from bench.report.page import Table, TableRow
from bench.report.sections.compare import compare
from bench.report.sections.row_details import BehindRows, StoreFacts
from bench.store.store import open_store
from bench.tables.build import build_tables
from tests.report.hand_made import add_probes, make_answers, make_cells, make_suite, make_tables
from tests.speed_rows import measurement

SUITE: dict[str, Any] = {
    "subsets": None,
    "corpus": [
        {"corpus": {"name": "fractals", "classes": 8}, "subsets": [18, 32, "small"], "largest": 4096},
        {"corpus": {"name": "strokes", "classes": 4}, "subsets": [18]},
    ],
    "transfers": ["fine-tune", "linear", "k-shot"],
    "shots": [1, 2],
    "draws": 2,
    "seeds": [0, 1],
    "budgets": {"subset": 32, "factors": [1, 2]},
    "ablations": [
        {
            "name": "overlap",
            "reference": "/8",
            "arms": {"/8": "vit_pico/8", 'it\'s "/16", stride 8 $(x)': "vit_pico/16:stride=8,padding=4"},
        }
    ],
}
"""Rows that share what `--only` selects by: corpora and classes of equal sizes, budgets, arms, transfers, draws."""


def table_of(tables: dict[str, pd.DataFrame], store: StoreFacts = StoreFacts(), **other: Any) -> Table:  # noqa: B008
    """The section's table."""
    return compare(tables, BehindRows(make_suite(), tables, store), **other).tables[0]


def column(table: Table, title: str, row: TableRow) -> Any:
    return row.cells[table.header.index(title)]


def test_what_is_the_same_in_all_rows_is_said_once() -> None:
    """Seeds and images in the caption; a row whose number of seeds differs has a note."""
    cells = make_cells(targets=("digits@100",), arms=False)
    scratch = (cells["corpus"] == "none") & (cells["seed"] == 2)
    table = table_of(make_tables(cells[~scratch].reset_index(drop=True)))
    assert "means of 3 seeds unless noted, with 95 % intervals over seeds." in table.caption
    notes = {(row.cells[0].text, row.cells[1].text): row.cells[2].note for row in table.all_rows}
    assert {note for (_, on), note in notes.items() if on == "from scratch"} == {"2 seeds"}
    assert {note for (_, on), note in notes.items() if on != "from scratch"} == {""}
    assert table.header == ("Model", "Pretrained on", "Accuracy", "Behind the best", "Parameters")


def test_the_best_is_marked_with_rows_that_are_shown_to_be_as_good() -> None:
    """And with no others, however near their means are; the column is sorted by its numbers."""
    cells = make_cells(targets=("digits@100",), seeds=tuple(range(6)), arms=False)
    is_cnn = (cells["model"] == "bit_resnet_pico") & (cells["subset_images"] > 0)
    cells["accuracy"] = np.where(is_cnn, 0.9 - 0.0004 * (cells["seed"] % 2) * (cells["subset_images"] < 4096), 0.5)
    cells.loc[cells["family"] == "vit", "accuracy"] = 0.88 + 0.02 * (cells.loc[cells["family"] == "vit", "seed"] % 2)
    table = table_of(make_tables(cells))
    marked = {(row.cells[0].text, row.cells[1].text) for row in table.all_rows if row.cells[2].best}
    assert marked == {("bit_resnet_pico", f"{size} images") for size in ("256", "1,024", "4,096")}
    best = next(row for row in table.all_rows if column(table, "Behind the best", row).text == "best")
    assert best.cells[1].text == "4,096 images"
    vit = next(row for row in table.all_rows if row.facts["family"] == "vit")
    assert column(table, "Behind the best", vit).text.startswith("1.0 (")
    assert column(table, "Behind the best", vit).value == pytest.approx(0.01)
    assert column(table, "Parameters", vit).value == 207_146


def test_arms_are_rows_unless_the_ladder_has_their_runs() -> None:
    """Each with its fact, by which the page hides it; the ladder's own model is no second row."""
    table = table_of(make_tables(make_cells(targets=("digits@100",))))
    arms = {row.facts["arm"]: row.cells[0].text for row in table.all_rows if row.facts["arm"]}
    assert arms == {
        "position: none": "vit_pico/8:pos=none",
        "position: learned-1d": "vit_pico/8:pos=learned-1d",
        "overlap: /16": "vit_pico/16",
        "overlap: /16, stride 8": "vit_pico/16:padding=4,stride=8",
    }
    assert len({row.id for row in table.all_rows}) == len(table.all_rows) == 16


def test_costs_are_shown_where_they_were_measured() -> None:
    """The 95th percentile with its bounds; memory, which a CPU does not have, has no column."""
    tables = make_tables(make_cells(targets=("digits@100",), arms=False))
    speeds = measurement()
    calls = np.linspace(0.001, 0.0015, 400)
    is_latency = (speeds["kind"] == "latency") & (speeds["task"] == "inference")
    speeds["call_seconds"] = [
        calls if asked else old for asked, old in zip(is_latency, speeds["call_seconds"], strict=True)
    ]
    speeds["peak_memory_bytes"] = speeds["peak_memory_bytes"].mask(is_latency)
    measured = machines(make_suite(), tables, {"cpu-amd": speeds})
    table = table_of(tables, measured=measured)
    assert table.header[4:] == ("p95 latency", "Parameters")
    row = next(row for row in table.all_rows if row.cells[0].text == "vit_pico/8")
    assert column(table, "p95 latency", row).text.startswith("1.48 ms (1.")
    assert column(table, "p95 latency", row).value == pytest.approx(1.475, abs=1e-3)
    assert "Latency: 95th percentile of single images in fp32 on cpu-amd." in table.caption


def test_details_name_what_is_behind_a_row() -> None:
    """Each seed with its key, the hashes, the machine, and commands for runs that ended ok."""
    cells = make_cells(targets=("digits@100",), arms=False)
    answers = make_answers(cells)
    tables = make_tables(cells, answers) | {"correctness": answers}
    key = "t-vit_pico/8-256-digits@100-"
    table = table_of(tables, StoreFacts("hand-made.yaml", "reference-hand-made", {f"{key}1"}))
    row = next(row for row in table.all_rows if row.cells[:2][1].text == "256 images")
    details = row.details
    assert details is not None
    accuracy = cells.set_index("transfer_key")["accuracy"]
    assert details.seeds == tuple((str(seed), 100 * accuracy[f"{key}{seed}"], f"{key}{seed}") for seed in (0, 1, 2))
    assert dict(details.facts) == {
        "pretraining images": "ab12",
        "test images": answers["images"].iloc[0],
        "commit": "0123abc",
        "machine": "AMD EPYC 9654",
    }
    run, of_seed, verify, load = details.commands
    assert run.text == "bench run hand-made.yaml --device cpu --only model=vit_pico/8,target=digits@100,subset=256"
    assert of_seed.text == f"{run.text},seed=0"
    assert verify.text == f"bench verify {key}0"
    assert load.text == f'models.load("results/reference-hand-made/runs/{key}1")'
    other = table_of(tables).all_rows[1].details
    assert other is not None
    assert other.commands[-1].label.endswith("once the row has been run again")
    assert other.commands[-1].text == f'models.load("results/hand-made/runs/{key}0")'


def test_a_probe_is_loaded_from_the_run_that_it_starts_from() -> None:
    """Since it trains no network; a row that was not run has no command but that which runs it."""
    tables = make_tables(add_probes(make_cells(targets=("digits@100",), arms=False)))
    is_probe = tables["runs"]["key"].str.contains("-None-None-|-[15]-[01]-")
    tables["runs"].loc[is_probe, "kind"] = "probe"
    table = table_of(tables)
    of_probe = next(row for row in table.all_rows if row.facts["target"] == "digits, k-shot, 1 shot")
    assert of_probe.details is not None
    assert of_probe.details.commands[3].text == 'models.load("results/hand-made/runs/p-vit_pico/8-256-0")'
    assert len(of_probe.details.seeds[0][2].split()) == 2
    missing = make_cells(targets=("digits@100",), arms=False).assign(status="not_run", accuracy=float("nan"))
    (first, *_) = table_of(make_tables(missing)).all_rows
    assert first.details is not None
    assert [command.label for command in first.details.commands] == ["Run all seeds again", "Run one seed again"]


def selected_by(suite: ResolvedSuite, command: str) -> set[Cell]:
    """The cells that a command of the page selects, read as a shell reads it."""
    words = shlex.split(command)
    assert words[:2] == ["bench", "run"]
    return set(select(expand(suite), words[words.index("--only") + 1]).cells)


def test_each_row_is_run_by_a_command_that_selects_it_alone(
    resolve_suite: Callable[..., ResolvedSuite], tmp_path: Any
) -> None:
    """On a plan with probes, two corpora of equal sizes, and arms of the ladder's own model."""
    suite = resolve_suite(**SUITE)
    tables = build_tables(open_store(tmp_path, suite))
    cells = expand(suite).cells
    by_place = dict(enumerate(cells))
    rows = BehindRows(suite.model_dump(mode="json"), tables)
    seen = []
    for name, of_row in (("comparison", rows.of_row), ("ablations", rows.of_arm)):
        for _, row in tables[name].iterrows():
            details = of_row(row)
            assert details is not None
            keys = {key for _, _, of_seed in details.seeds for key in of_seed.split()}
            found = selected_by(suite, details.commands[0].text)
            of_seed = selected_by(suite, details.commands[1].text)
            assert of_seed == {cell for cell in found if cell.transfer.seed == min(suite.seeds)}
            arm = row["arm"] if name == "ablations" else ""
            assert {cell.transfer.key for cell in found} == keys
            assert {cell.arm for cell in found} == {arm}
            seen += list(found)
    assert sorted(map(repr, seen)) == sorted(map(repr, by_place.values()))
