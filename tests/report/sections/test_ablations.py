"""The section on ablations tells of each which arms differ, and folds its rows, with what is behind each."""

import math

import pandas as pd

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.own_rows import ahead_warnings, own_rows
from bench.analysis.format import points
from bench.report.first_screen.other_titles import ablation_title
from bench.report.interactive import DIFFERENCES
from bench.report.layout import arm_row
from bench.report.page import Chart, Charts, Folded, Section
from bench.report.sections.ablations import ablations
from bench.report.sections.row_details import BehindRows
from tests.report.hand_made import Tables, add_probes, make_answers, make_cells, make_suite, make_tables

CHARTS: Charts = {DIFFERENCES: Chart("differences", {"": "Arms"}, "Arms.")}


def build(tables: Tables, charts: Charts = CHARTS) -> Section:
    """Return the section on some tables."""
    return ablations(tables, BehindRows(make_suite(), tables), charts)


def ahead_tables() -> Tables:
    """Return tables in which patches that overlap are ahead of the ladder's ViT."""
    cells = make_cells()
    cells.loc[cells["arm"] == "/16, stride 8", "accuracy"] += 0.3
    tables = make_tables(cells)
    return tables | {"own_rows": own_rows(tables)}


def test_each_ablation_is_told_in_a_sentence_and_folded() -> None:
    """By the rule of the titles, unless the title of the chart says it; one chart of all is open."""
    tables = make_tables(make_cells(), make_answers(make_cells()))
    arms = tables["ablations"]
    section = build(tables)
    chart, *told = section.blocks[:3]
    assert chart == CHARTS[DIFFERENCES]
    titles = {
        name: ablation_title(arms[arms["ablation"] == name], Evidence(tables)) for name in ("position", "overlap")
    }
    assert len(set(titles.values())) == 2
    assert told == [f"{name}: {title}." for name, title in titles.items()]
    assert "corrected over an ablation's arms and targets (Holm)" in section.paragraphs[2]
    position, overlap = (block for block in section.blocks if isinstance(block, Folded))
    assert (position.summary, overlap.summary) == ("Ablation: position", "Ablation: overlap")
    named: Charts = {DIFFERENCES: Chart("differences", {"": f"position: {titles['position']}"}, "")}
    assert [block for block in build(tables, named).blocks if isinstance(block, str)] == [
        told[1],
        section.paragraphs[2],
    ]


def test_a_row_has_its_costs_difference_and_details() -> None:
    """For each arm on each target, real ones first; the page's choice of a target hides none."""
    tables = make_tables(make_cells())
    arms = tables["ablations"]
    table = build(tables).tables[0]
    assert [row[2].text for row in table.cells] == ["digits@100"] * 3 + ["fractals-heldout (in-domain)"] * 3
    reference = table.all_rows[2]
    assert [cell.text for cell in reference.cells][0:5:2] == ["sincos-2d", "digits@100", "207,146"]
    assert reference.cells[-1].text == "reference"
    row = arms[(arms["arm"] == "none") & (arms["target"] == "digits@100")].iloc[0]
    shown = table.all_rows[0]
    assert shown.cells[-1].text == points(row["difference"], row["difference_low"], row["difference_high"])
    assert shown.cells[-1].value is not None
    assert shown.id == arm_row(row)
    assert shown.facts == {"family": "vit", "model": "vit_pico/8:pos=none"}
    assert shown.details is not None
    assert [seed for seed, _, _ in shown.details.seeds] == ["0", "1", "2"]


def test_ablations_of_which_the_same_is_true_share_a_sentence() -> None:
    one_seed = build(make_tables(make_cells(seeds=(0,))), {})
    assert one_seed.blocks[0] == "position and overlap: No arm is shown to differ from its reference."
    assert len([block for block in one_seed.blocks if isinstance(block, str)]) == 1  # no interval is shown


def test_an_arm_that_is_ahead_of_its_family_is_said_openly() -> None:
    """The table that shows it is folded."""
    tables = ahead_tables()
    section = build(tables)
    assert section.warnings == ahead_warnings(tables["own_rows"]) != ()
    assert section.blocks[0].text == section.warnings[0]  # type: ignore[union-attr]
    last = section.blocks[-1]
    assert isinstance(last, Folded)
    assert last.summary == "Arms beside the ladder's own rows"
    (table,) = last.blocks
    assert {row[5].text for row in table.cells if row[1].text == "/16, stride 8"} == {"yes"}  # type: ignore[union-attr]
    assert "at the same rung, paired by seed" in table.caption  # type: ignore[union-attr]
    tables = make_tables(make_cells(targets=("digits@100", "cifar10")))
    (table,) = build(tables | {"own_rows": own_rows(tables)}).blocks[-1].blocks  # type: ignore[union-attr]
    assert "at the same rung, averaged over real targets and paired by seed" in table.caption


def test_ways_of_transfer_have_tables_of_their_own() -> None:
    summaries = [block.summary for block in build(make_tables(add_probes(make_cells()))).all_blocks(Folded)]
    assert summaries[:3] == [
        "Ablation: position",
        "Ablation: position, linear probes",
        "Ablation: position, k-shot probes",
    ]


def test_without_results_there_is_one_line_and_no_empty_table() -> None:
    """Of no ablation at all, of ablations that were not run, and of one that was."""
    cells = make_cells()
    assert build(make_tables(make_cells(arms=False))).blocks == ("The suite has none.",)
    nothing = {"status": "not_run", "reason": "no data", "accuracy": math.nan}
    arms = cells["ablation"] != ""
    assert build(make_tables(_changed(cells, arms, nothing))).blocks == ("No arm has a result.",)
    half = build(make_tables(_changed(cells, cells["ablation"] == "overlap", nothing)))
    assert len(half.tables) == 1
    assert "overlap: No arm is finished with its reference." in half.blocks


def _changed(cells: pd.DataFrame, where: pd.Series, values: dict[str, object]) -> pd.DataFrame:
    return cells.assign(**{name: cells[name].mask(where, value) for name, value in values.items()})
