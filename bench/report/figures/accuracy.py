"""Draw the main figure: accuracy against pretraining size with its intervals, for every family and target."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.comparison import SCRATCH
from bench.analysis.format import short_count
from bench.analysis.frames import split
from bench.report.figures import drawing
from bench.report.layout import Panel, panels

_Lines = Mapping[tuple[str, str], drawing.Dashes]
"""(model, corpus) -> the dashes of its line."""


@drawing.style()
def accuracy_figure(comparison: pd.DataFrame, constant: Mapping[str, float]) -> Figure:
    """Draw accuracy against pretraining size: a panel per target, a line per model, from scratch at the left.

    Args:
        comparison: The table from `bench.analysis.comparison`, with at least one known subset size. Rows of unknown
            size are left out, since they have no position on the axis.
        constant: Target -> accuracy of the best constant answer, 0 to 1; a target without one gets no line.
    """
    comparison = comparison[(comparison["corpus"] == SCRATCH) | comparison["subset_images"].notna()]
    pretrained = comparison[comparison["corpus"] != SCRATCH]
    lines = {key[1:]: key[0] for key, _ in split(pretrained, ["family", "model", "corpus"])}
    dashes = drawing.family_dashes((family, line) for line, family in lines.items())
    several = pretrained["corpus"].nunique() > 1
    drawn = [panel for panel in panels(comparison) if (panel.rows["corpus"] != SCRATCH).any()]
    handles = [
        drawing.model_handle(f"{model} on {corpus}" if several else model, family, dashes[model, corpus])
        for (model, corpus), family in lines.items()
    ]
    handles += drawing.fill_handles(comparison)
    if any(panel.target in constant for panel in drawn):
        handles.append(drawing.constant_handle())
    figure, axes = drawing.grid(len(drawn), handles, height=3.0)
    for panel, ax in zip(drawn, axes, strict=True):
        _draw_panel(ax, panel, dashes, constant.get(panel.target))
    return figure


def _draw_panel(ax: Axes, panel: Panel, dashes: _Lines, constant: float | None) -> None:
    is_scratch = panel.rows["corpus"] == SCRATCH
    sizes = sorted({int(size) for size in panel.rows.loc[~is_scratch, "subset_images"].dropna()})
    ticks: dict[float, str] = {size: short_count(size) for size in sizes}
    scratch_at = sizes[0] / max(2.0, (sizes[-1] / sizes[0]) ** 0.25)
    if is_scratch.any():
        ticks[scratch_at] = "scratch"
        ax.axvline((scratch_at * sizes[0]) ** 0.5, color="0.8", linewidth=0.8)
    drawing.set_sizes(ax, ticks)
    rows = panel.rows[panel.rows["accuracy"].notna()]
    models = list(dict.fromkeys(panel.rows["model"]))
    for (model, family, corpus), line in split(rows, ["model", "family", "corpus"]):
        places = [scratch_at] * len(line) if corpus == SCRATCH else line["subset_images"]
        x = drawing.apart(ax, places, models.index(model), len(models))
        if corpus != SCRATCH:
            look: dict[str, Any] = {"color": drawing.colour(family), "linewidth": 1.4, "label": f"{model} on {corpus}"}
            ax.plot(x, 100 * line["accuracy"], linestyle=dashes[model, corpus], **look)
        for at, (_, row) in zip(x, line.iterrows(), strict=True):
            drawing.draw_row(ax, at, row, drawing.colour(family))
    drawing.draw_constant(ax, constant)
    ax.set_title(panel.title)
    drawing.set_accuracies(ax, rows, constant)
