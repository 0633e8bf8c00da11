"""The comparison in the terminal."""

import pandas as pd
from rich.table import Table
from rich.text import Text

from bench.analysis.intervals import LEVEL
from bench.analysis.seeds import COMPLETE
from bench.report.layout import lines, panels
from bench.report.wording import percent


def comparison_text(comparison: pd.DataFrame) -> Table:
    """Models by pretraining in rows, targets in columns; a cell that lacks a seed is yellow and says why."""
    titles = [panel.title for panel in panels(comparison)]
    shown = lines(comparison)
    table = Table(title=f"Test accuracy: mean and {LEVEL:.0%} interval over seeds", title_justify="left")
    table.add_column("model", no_wrap=True)
    table.add_column("pretrained on")
    for title in titles:
        table.add_column(Text(title), justify="right")
    for line, following in zip(shown, [*shown[1:], None], strict=True):
        is_last = following is not None and following.model != line.model
        cells = [_cell(line.cells.get(title)) for title in titles]
        table.add_row(Text(line.model), Text(line.pretrained_on), *cells, end_section=is_last)
    return table


def _cell(row: pd.Series | None) -> Text:
    if row is None:
        return Text("")
    accuracy = percent(row["accuracy"], row["low"], row["high"])
    if row["status"] == COMPLETE:
        return Text(accuracy)
    return Text(f"{accuracy}\n{row['status']}", style="yellow")
