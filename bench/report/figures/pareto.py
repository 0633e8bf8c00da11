"""Draw accuracy against cost for one target: a small panel per cost, each with its Pareto front."""

from collections.abc import Sequence
from math import log10
from textwrap import wrap
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from bench.analysis.comparison import SCRATCH
from bench.analysis.format import short_count
from bench.analysis.frames import split
from bench.analysis.pareto import BEHIND, COSTS, FRONT
from bench.analysis.seeds import COMPLETE
from bench.report.figures import drawing
from bench.report.layout import pretraining_name

COST_NAMES = {
    "images_per_second": "Images/s (large batches)",
    "p50_ms": "Median latency of one image, ms",
    "p95_ms": "Latency of one image, p95, ms",
    "peak_memory_mib": "Peak memory, MiB",
    "parameters": "Parameters",
    "macs": "Multiply-accumulates",
    "training_flops": "Training FLOPs",
    "joules_per_thousand_images": "J per thousand images",
}
"""Cost -> its name, with its unit."""


def cost_in_sentence(cost: str) -> str:
    """Return a cost's name inside a sentence, without its unit: `median latency of one image`."""
    name = COST_NAMES[cost].removesuffix(", ms").removesuffix(", MiB")
    return name if name[:2].isupper() or name.startswith("J ") else name[0].lower() + name[1:]


_FRONT_LINE: dict[str, Any] = {"color": drawing.COLOURS["quiet"], "linewidth": 1.2, "label": "the front"}
_LOGARITHMIC_FROM = 4.0
"""The ratio of the largest to the smallest value from which a cost's axis is logarithmic."""
_AIR = 0.08
"""The margin at either end of an axis, as a share of its length."""
_SMALLEST, _LARGEST = 4.5, 7.0
"""The sizes of markers in points, from the first pretraining of the comparison to its last."""
_OF_ARM = 2.8
"""The size of the marker of an ablation's arm."""
_PALE = 0.25
"""The opacity of the fill of a row that is behind."""


@drawing.style()
def pareto_figure(costs: pd.DataFrame, title: str) -> Figure:
    """Draw accuracy against each cost, with intervals on the front.

    Args:
        costs: The rows of one target from `bench.analysis.pareto`; rows without accuracy or value are left out.
        title: What the figure shows, in a sentence.
    """
    rows = costs[costs["accuracy"].notna() & costs["value"].notna()]
    name = pretraining_name(rows)
    rows = rows.assign(pretraining=[name(row) for _, row in rows.iterrows()])
    pretrainings = list(dict.fromkeys(rows["pretraining"]))
    drawn = list(split(rows, ["cost"]))
    figure, axes = drawing.frame(title, _legend(rows), height=2.1, num_columns=2, num_panels=len(drawn))
    limits = drawing.accuracy_limits(rows)
    for number, (((cost,), of_cost), ax) in enumerate(zip(drawn, axes, strict=True)):
        ax.set_ylim(*limits)
        ax.grid(axis="y", color=drawing.COLOURS["line"], linewidth=0.7)
        _draw_panel(ax, of_cost, pretrainings, COSTS[cost] == "more")
        ax.set_xlabel("\n".join(wrap(COST_NAMES[cost], 22)) + "\n(more is better)" * (COSTS[cost] == "more"))
        if number % 2 == 0:
            ax.set_ylabel("Accuracy (%)")
    return figure


def _draw_panel(ax: Axes, rows: pd.DataFrame, pretrainings: Sequence[str], more_is_better: bool) -> None:
    _set_costs(ax, rows["value"])
    _draw_front(ax, rows[rows["place"] == FRONT], more_is_better)
    order = list(dict.fromkeys(rows["model"]))
    for (model, family, place), of_model in split(rows, ["model", "family", "place"]):
        shade = drawing.colour(family)
        if place == FRONT:
            intervals = zip(of_model["value"], 100 * of_model["low"], 100 * of_model["high"], strict=True)
            drawing.draw_intervals(ax, intervals, shade, drawing.cap_width(order.index(model), len(order)))
        for _, row in of_model.iterrows():
            number = pretrainings.index(row["pretraining"])
            size = _SMALLEST + (_LARGEST - _SMALLEST) * number / max(1, len(pretrainings) - 1)
            size = _OF_ARM if row["arm"] else size
            fill = drawing.row_fill(row["corpus"] == SCRATCH, row["status"] == COMPLETE)
            look: dict[str, Any] = {"color": shade, "markersize": size, "zorder": 3.5 if place == FRONT else 3.0} | fill
            look |= {"markerfacecolor": (shade, _PALE)} if place == BEHIND and "fillstyle" in fill else {}
            look["markeredgecolor"] = drawing.COLOURS["ink"] if place == FRONT else shade
            ax.plot([row["value"]], [100 * row["accuracy"]], drawing.marker(family), **look)


def _set_costs(ax: Axes, values: pd.Series) -> None:
    """Set up the axis of a cost, with a margin at either end; logarithmic if its values differ manyfold."""
    smallest, largest = float(values.min()), float(values.max())
    if smallest > 0 and largest / smallest >= _LOGARITHMIC_FROM:
        edge = (largest / smallest) ** _AIR
        ax.set_xscale("log")
        ax.set_xlim(smallest / edge, largest * edge)
        decades = log10(largest / smallest)
        ax.xaxis.set_major_locator(LogLocator(subs=(1,) if decades > 1.5 else (1, 3) if decades > 0.9 else (1, 2, 5)))
    else:
        edge = _AIR * (largest - smallest) or 0.1 * abs(largest) or 1.0
        ax.set_xlim(smallest - edge, largest + edge)
        ax.xaxis.set_major_locator(MaxNLocator(3))
    ax.xaxis.set_major_formatter(FuncFormatter(_tick))
    ax.xaxis.set_minor_locator(NullLocator())


def _tick(value: float, _: int | None = None) -> str:
    return short_count(value) if value >= 1e4 else f"{value:,.4g}"


def _draw_front(ax: Axes, front: pd.DataFrame, more_is_better: bool) -> None:
    """Draw a staircase of the best accuracy at each cost or a better one, up to the expensive end of the axis."""
    front = front.sort_values("value", kind="stable")
    x, y = front["value"].tolist(), (100 * front["accuracy"]).tolist()
    low, high = ax.get_xlim()
    if more_is_better:
        ax.step([low, *x], [y[0], *y], where="pre", zorder=1, **_FRONT_LINE)
    else:
        ax.step([*x, high], [*y, y[-1]], where="post", zorder=1, **_FRONT_LINE)


def _legend(rows: pd.DataFrame) -> list[Line2D]:
    on_ladder = rows[rows["arm"] == ""]
    handles = [
        drawing.model_handle(model, family, linestyle="")
        for (family, model), _ in split(on_ladder, ["family", "model"])
    ]
    if len(on_ladder) < len(rows):
        small: dict[str, Any] = {"color": drawing.COLOURS["quiet"], "linestyle": "", "markersize": _OF_ARM}
        handles.append(Line2D([], [], marker="o", label="small: an ablation's arm", **small))
    edge: dict[str, Any] = {"markeredgecolor": drawing.COLOURS["ink"], "markerfacecolor": drawing.COLOURS["quiet"]}
    handles.append(Line2D([], [], marker="o", **edge, **_FRONT_LINE))
    if (rows["place"] == BEHIND).any():
        quiet = drawing.COLOURS["quiet"]
        look: dict[str, Any] = {
            "color": quiet,
            "markerfacecolor": (quiet, _PALE),
            "markeredgecolor": quiet,
            "linestyle": "",
        }
        handles.append(Line2D([], [], marker="o", label="behind", **look))
    return handles + drawing.fill_handles(rows)
