"""What the sources of a suite's images hold beside them, and their images of a single colour, as runs recorded it."""

from typing import Any

import pandas as pd

from bench.plan.run import Run
from bench.store.store import Record

COLUMNS = ("source", "reason", "num", "names")


def left_out_table(runs: tuple[Run, ...], records: dict[str, Record | None]) -> pd.DataFrame:
    """Return the table `left_out`, which `docs/schema.md` describes, without rows if nothing was passed over."""
    rows = [row for run in runs for row in _rows(run, (records[run.key] or {}).get("data", {}))]
    return pd.DataFrame(rows, columns=list(COLUMNS)).drop_duplicates(["source", "reason"], ignore_index=True)


def _rows(run: Run, facts: dict[str, Any]) -> list[tuple[str, str, int, str]]:
    """Return the rows of one run."""
    source = str(run.target) if run.target is not None else run.pretraining_name
    single = sum(number or 0 for number in facts.get("num_single_colour", {}).values())
    passed_over = [
        (source, part["reason"], part["num"], ", ".join(part["names"])) for part in facts.get("passed_over", ())
    ]
    return [*passed_over, *([(source, "images of a single colour, which runs use", single, "")] if single else [])]
