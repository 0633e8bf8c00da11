"""What the sources of a suite's images hold beside them, and their blank and duplicate images, as runs recorded it."""

from typing import Any

import pandas as pd

from bench.analysis.duplicates import SEVERAL_CLASSES, SHARED
from bench.plan.run import Run
from bench.store.store import Record

COLUMNS = ("source", "reason", "num", "names")


def left_out_table(runs: tuple[Run, ...], records: dict[str, Record | None]) -> pd.DataFrame:
    """Return the table `left_out`, which `docs/schema.md` describes, without rows if nothing was passed over.

    If runs differ in a number, because they drew other training images, the largest is given.
    """
    rows = [row for run in runs for row in _rows(run, (records[run.key] or {}).get("data", {}))]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    largest = table.sort_values("num", ascending=False, kind="stable").drop_duplicates(["source", "reason"])
    return largest.sort_index(ignore_index=True)


def _rows(run: Run, facts: dict[str, Any]) -> list[tuple[str, str, int, str]]:
    """Return the rows of one run."""
    source = str(run.target) if run.target is not None else run.pretraining_name
    single = sum(number or 0 for number in facts.get("num_single_colour", {}).values())
    passed_over = [
        (source, part["reason"], part["num"], ", ".join(part["names"])) for part in facts.get("passed_over", ())
    ]
    shared = facts.get("num_shared_between_splits") or {}
    used = [
        (single, "images of a single colour, which runs use"),
        *((shared.get(name), reason) for name, reason in SHARED.items()),
        (facts.get("num_under_several_classes"), SEVERAL_CLASSES),
    ]
    return [*passed_over, *((source, reason, num, "") for num, reason in used if num)]
