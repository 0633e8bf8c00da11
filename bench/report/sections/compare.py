"""Write the section that compares all rows: models by pretraining and target, ablation arms included."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from bench.analysis.format import count, percent
from bench.report.layout import (
    CONFIDENCE,
    Panel,
    comparison_row,
    family_name,
    interval_over,
    panels,
    pretraining_name,
    target_key,
)
from bench.report.page import Section, Table, TableCell, TableRow, section


def compare(tables: Mapping[str, pd.DataFrame]) -> Section:
    """Return a table with one row for each model, pretraining and target."""
    comparison = tables["comparison"]
    rows = [_row(row, panel, name) for panel, name in _panels(comparison) for _, row in panel.rows.iterrows()]
    caption = f"Test accuracy: means with {CONFIDENCE} intervals over {interval_over(comparison['method'])}."
    header = ("Model", "Family", "Pretrained on", "Target", "Accuracy", "Seeds")
    return section("Compare", Table(caption, header, tuple(rows), 4))


def _panels(comparison: pd.DataFrame) -> Iterator[tuple[Panel, Any]]:
    for _, rows in comparison.groupby("transfer", sort=False):
        name = pretraining_name(rows)
        for panel in panels(rows):
            yield panel, name


def _row(row: pd.Series, panel: Panel, name: Any) -> TableRow:
    key = target_key(row)
    cells = (
        row["model"],
        family_name(row["family"]),
        name(row),
        key,
        TableCell(percent(row["accuracy"], row["low"], row["high"]), value=_value(row["accuracy"])),
        count(row["num_seeds"]),
    )
    facts = {"family": row["family"], "model": row["model"], "target": key, "arm": ""}
    return TableRow(cells, comparison_row(row), facts)


def _value(number: Any) -> float | None:
    return None if pd.isna(number) else float(number)
