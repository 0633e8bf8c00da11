"""The section on runs: failed runs first, what was not run in one sentence, and every run with its key."""

import math

from bench.report.page import Folded
from bench.report.sections.runs import runs
from tests.report.hand_made import make_cells, make_tables


def test_failed_runs_come_first_and_every_run_is_there() -> None:
    tables = make_tables(make_cells())
    of_store = tables["runs"]
    failed = of_store["key"].iloc[7]
    of_store.loc[of_store["key"] == failed, ["status", "reason"]] = ["failed", "no space left"]
    section = runs("tiny", tables["cells"], of_store, ["0123456789abcdef"])
    assert section.paragraphs[0] == f"{len(of_store)} runs: {len(of_store) - 1} ok, 1 failed."
    (every,) = (table for table in section.tables if table.caption.startswith("Failed runs first."))
    assert next(row.cells[-1].text for row in every.all_rows) == failed
    assert {row.cells[-1].text for row in every.all_rows} == set(of_store["key"])
    (listed,) = (table for table in section.tables if table.caption == "In the order of the plan.")
    assert [row[-1].text for row in listed.cells] == [failed]
    assert "0123456789abcdef" in " ".join(section.paragraphs)


def test_rows_that_were_not_run_are_one_sentence_and_a_folded_table() -> None:
    cells = make_cells(targets=("digits@100",), arms=False)
    waiting = cells["seed"] == 2
    cells.loc[waiting, ["status", "reason", "accuracy"]] = ["not_run", "not run yet", math.nan]
    tables = make_tables(cells)
    section = runs("tiny", tables["cells"], tables["runs"], ())
    number = int(waiting.sum())
    said = f"{number} of {len(cells)} rows not run, of 3 models, {number // 3} pretrainings, 1 target, 1 seed."
    assert section.paragraphs[1] == f"{said} `bench run tiny` goes on."
    assert not any(isinstance(block, Folded) and not block.blocks for block in section.blocks)
    assert "Rows not run" in [block.summary for block in section.blocks if isinstance(block, Folded)]
    whole = runs("tiny", *(make_tables(make_cells())[name] for name in ("cells", "runs")), ())
    assert "not run" not in " ".join(whole.paragraphs)
