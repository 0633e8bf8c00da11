"""Format the comparison for the terminal."""

import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

from bench.analysis.format import percent
from bench.analysis.seeds import GIVEN_SUCCESS
from bench.report.layout import CONFIDENCE, balanced, by_transfer, doubts, heading, interval_over, lines, panels


def comparison_text(comparison: pd.DataFrame) -> Group:
    """Return a table per transfer: models by pretraining in rows, targets in columns.

    A doubtful cell is yellow and gives the reason.
    """
    return Group(*(_table(heading("Test accuracy", transfer), rows) for transfer, rows in by_transfer(comparison)))


def _table(title: str, comparison: pd.DataFrame) -> Table:
    titles = [panel.title for panel in panels(comparison)]
    shown = lines(comparison)
    over = interval_over(comparison["method"])
    table = Table(title=f"{title}: mean and {CONFIDENCE} interval over {over}", title_justify="left")
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
    label = f" {GIVEN_SUCCESS}" if row["num_failed"] and row["num_seeds"] else ""
    lines = [f"{accuracy}{label}", *filter(None, [balanced(row)]), *doubts(row)]
    return Text("\n".join(lines), style="yellow" if doubts(row) else "")
