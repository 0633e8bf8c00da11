"""Draw the main figure: the accuracy of every model on one target against its pretraining size."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.comparison import SCRATCH
from bench.analysis.format import short_count
from bench.analysis.frames import split
from bench.analysis.seeds import COMPLETE
from bench.report.figures import drawing

_Lines = Mapping[tuple[str, str], drawing.Dashes]
"""(model, corpus) -> the dashes of its line."""


@drawing.style()
def accuracy_figure(rows: pd.DataFrame, constant: float | None, title: str) -> Figure:
    """Draw accuracy against pretraining size: a line per model, and what it reaches from scratch at the left.

    Args:
        rows: The rows of one target from the table of `bench.analysis.comparison`, with at least one known subset
            size. Rows of unknown size are left out, since they have no position on the axis.
        constant: The accuracy of the best constant answer, 0 to 1; None if it is not known.
        title: What the figure shows, in a sentence.
    """
    rows = rows[(rows["corpus"] == SCRATCH) | rows["subset_images"].notna()]
    pretrained = rows[rows["corpus"] != SCRATCH]
    several = pretrained["corpus"].nunique() > 1
    lines = {key[1:]: key[0] for key, _ in split(pretrained, ["family", "model", "corpus"])}
    dashes = drawing.family_dashes((family, line) for line, family in lines.items())
    handles = [
        drawing.model_handle(f"{model} on {corpus}" if several else model, family, linestyle=dashes[model, corpus])
        for (model, corpus), family in _from_the_top(lines, pretrained)
    ]
    handles += drawing.fill_handles(rows)
    limits = drawing.accuracy_limits(rows)
    handles += [] if constant is None else [drawing.constant_handle(constant, limits)]
    figure, ax = drawing.panel(title, handles, height=2.9, ylabel="Test accuracy (%)")
    ax.set_ylim(*limits)
    _draw(ax, rows, dashes)
    if constant is not None:
        drawing.draw_constant(ax, constant)
    return figure


def _from_the_top(lines: Mapping[tuple[str, str], str], rows: pd.DataFrame) -> list[tuple[tuple[str, str], str]]:
    """Return the lines in the order of their right ends, the highest first, as readers look for them."""
    known = rows[rows["accuracy"].notna()].sort_values("subset_images", kind="stable")
    ends = known.groupby(["model", "corpus"])["accuracy"].last().to_dict()
    return sorted(lines.items(), key=lambda line: -ends.get(line[0], -1.0))


def _draw(ax: Axes, rows: pd.DataFrame, dashes: _Lines) -> None:
    is_scratch = rows["corpus"] == SCRATCH
    sizes = sorted({int(size) for size in rows.loc[~is_scratch, "subset_images"]})
    ticks: dict[float, str] = {size: short_count(size) for size in sizes}
    scratch_at = sizes[0] / max(2.0, (sizes[-1] / sizes[0]) ** 0.2)
    if is_scratch.any():
        ticks[scratch_at] = "scratch"
        ax.axvline((scratch_at * sizes[0]) ** 0.5, color=drawing.COLOURS["line"], linewidth=1, zorder=0)
    drawing.set_sizes(ax, ticks)
    known = rows[rows["accuracy"].notna()].assign(x=rows["subset_images"].astype(float).where(~is_scratch, scratch_at))
    order = list(dict.fromkeys(rows["model"]))
    for (model, family, corpus), line in split(known, ["model", "family", "corpus"]):
        shade, cap = drawing.colour(family), drawing.cap_width(order.index(model), len(order))
        intervals = zip(line["x"], 100 * line["low"], 100 * line["high"], strict=True)
        drawing.draw_intervals(ax, intervals, shade, cap)
        drawing.draw_seeds(ax, line["x"], [drawing.seed_values(row) for _, row in line.iterrows()], shade)
        if corpus != SCRATCH:
            ax.plot(line["x"], 100 * line["accuracy"], color=shade, linewidth=1.4, linestyle=dashes[model, corpus])
        for (is_complete,), points in split(line.assign(whole=line["status"] == COMPLETE), ["whole"]):
            fill = drawing.row_fill(corpus == SCRATCH, bool(is_complete))
            look: dict[str, Any] = {"color": shade, "markersize": 6.5, "zorder": 3, **fill}
            ax.plot(points["x"], 100 * points["accuracy"], drawing.marker(family), **look)
