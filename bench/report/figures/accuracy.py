"""The main figure: accuracy against pretraining size with its intervals, for every family and target."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.comparison import SCRATCH
from bench.analysis.format import short_count
from bench.analysis.frames import split
from bench.analysis.seeds import COMPLETE
from bench.report.figures.drawing import (
    Dashes,
    apart,
    chance_handle,
    colour,
    draw_chance,
    draw_row,
    family_dashes,
    grid,
    model_handle,
    row_fill,
    set_accuracies,
    set_sizes,
    sign_handle,
    style,
)
from bench.report.layout import Panel, panels

_Lines = Mapping[tuple[str, str], Dashes]
"""By model and corpus."""


@style()
def accuracy_figure(comparison: pd.DataFrame, chance: Mapping[str, float]) -> Figure:
    """Draw accuracy against pretraining size: a panel per target, a line per model, from scratch apart at the left.

    Args:
        comparison: as from `bench.analysis.comparison`; needs a row with a known subset size. Rows of unknown size are
            left out, since they have no place on the axis.
        chance: target -> accuracy of guessing, 0 to 1; a target without one gets no line.
    """
    comparison = comparison[(comparison["corpus"] == SCRATCH) | comparison["subset_images"].notna()]
    pretrained = comparison[comparison["corpus"] != SCRATCH]
    lines = {key[1:]: key[0] for key, _ in split(pretrained, ["family", "model", "corpus"])}
    dashes = family_dashes((family, line) for line, family in lines.items())
    several = pretrained["corpus"].nunique() > 1
    drawn = panels(comparison)
    handles = [
        model_handle(f"{model} on {corpus}" if several else model, family, dashes[model, corpus])
        for (model, corpus), family in lines.items()
    ]
    if (comparison["corpus"] == SCRATCH).any():
        handles.append(sign_handle("from scratch", **row_fill(True, True)))
    if (comparison["status"] != COMPLETE).any():
        handles.append(sign_handle("a seed is missing", **row_fill(False, False)))
    if any(panel.target in chance for panel in drawn):
        handles.append(chance_handle())
    figure, axes = grid(len(drawn), handles, height=3.0)
    for panel, ax in zip(drawn, axes, strict=True):
        _draw_panel(ax, panel, dashes, chance.get(panel.target))
    return figure


def _draw_panel(ax: Axes, panel: Panel, dashes: _Lines, chance: float | None) -> None:
    is_scratch = panel.rows["corpus"] == SCRATCH
    sizes = sorted({int(size) for size in panel.rows.loc[~is_scratch, "subset_images"].dropna()})
    ticks: dict[float, str] = {size: short_count(size) for size in sizes}
    scratch_at = sizes[0] / max(2.0, (sizes[-1] / sizes[0]) ** 0.25)
    if is_scratch.any():
        ticks[scratch_at] = "scratch"
        ax.axvline((scratch_at * sizes[0]) ** 0.5, color="0.8", linewidth=0.8)
    set_sizes(ax, ticks)
    rows = panel.rows[panel.rows["accuracy"].notna()]
    models = list(dict.fromkeys(panel.rows["model"]))
    for (model, family, corpus), line in split(rows, ["model", "family", "corpus"]):
        places = [scratch_at] * len(line) if corpus == SCRATCH else line["subset_images"]
        x = apart(ax, places, models.index(model), len(models))
        if corpus != SCRATCH:
            label = f"{model} on {corpus}"
            ax.plot(x, 100 * line["accuracy"], dashes[model, corpus], color=colour(family), linewidth=1.4, label=label)
        for at, (_, row) in zip(x, line.iterrows(), strict=True):
            draw_row(ax, at, row, colour(family))
    draw_chance(ax, chance)
    ax.set_title(panel.title)
    set_accuracies(ax, rows, chance)
