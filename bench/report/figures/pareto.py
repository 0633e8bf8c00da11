"""Draw accuracy against cost for one target: a panel per cost, each with its Pareto front."""

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from bench.analysis.format import short_count
from bench.analysis.frames import split
from bench.analysis.pareto import BEHIND, COSTS, FRONT
from bench.report.figures import drawing
from bench.report.layout import pretraining_name

_Lines = Mapping[str, drawing.Dashes]
COST_NAMES = {
    "images_per_second": "Images/s",
    "p50_ms": "Latency, ms",
    "parameters": "Parameters",
    "macs": "Multiply-accumulates",
    "training_flops": "Training FLOPs",
    "joules_per_thousand_images": "J per thousand images",
}
"""Cost -> its name, with its unit."""
_EDGE = "0.1"
"""The colour of the edge of markers on the front."""
_FRONT_LINE: dict[str, Any] = {"color": "0.25", "linewidth": 1.1, "label": "the front"}
_LOGARITHMIC_FROM = 4.0
"""The ratio of the largest to the smallest value from which a cost's axis is logarithmic."""
_AIR = 0.08
"""The margin at either end of an axis, as a share of its length."""
_SMALLEST, _LARGEST = 3.5, 6.5
"""The sizes of markers in points, from the first pretraining of the comparison to its last."""


@drawing.style()
def pareto_figure(costs: pd.DataFrame) -> Figure:
    """Draw accuracy with its interval against each cost.

    Args:
        costs: The rows of one target from `bench.analysis.pareto`; rows without accuracy or value are left out.
    """
    rows = costs[costs["accuracy"].notna() & costs["value"].notna()]
    name = pretraining_name(rows)
    rows = rows.assign(pretraining=[name(row) for _, row in rows.iterrows()])
    pretrainings = list(dict.fromkeys(rows["pretraining"]))
    dashes = drawing.family_dashes(key for key, _ in split(rows, ["family", "model"]))
    drawn = list(split(rows, ["cost"]))
    figure, axes = drawing.grid(len(drawn), _legend(rows, dashes), height=2.8)
    for ((cost,), of_cost), ax in zip(drawn, axes, strict=True):
        _draw_panel(ax, of_cost, pretrainings, dashes, COSTS[cost] == "more")
        ax.set_xlabel(COST_NAMES[cost] + " (more is better)" * (COSTS[cost] == "more"))
        drawing.set_accuracies(ax, rows)
    return figure


def _draw_panel(
    ax: Axes, rows: pd.DataFrame, pretrainings: Sequence[str], dashes: _Lines, more_is_better: bool
) -> None:
    _set_costs(ax, rows["value"])
    _draw_front(ax, rows[rows["place"] == FRONT], more_is_better)
    num_sizes = len(pretrainings)
    for (model, family), of_model in split(rows, ["model", "family"]):
        numbers = [pretrainings.index(name) for name in of_model["pretraining"]]
        x = [
            float(drawing.apart(ax, [value], number, num_sizes)[0])
            for value, number in zip(of_model["value"], numbers, strict=True)
        ]
        pale = drawing.tint(drawing.colour(family))
        ax.plot(x, 100 * of_model["accuracy"], linestyle=dashes[model], color=pale, linewidth=0.9, zorder=1.5)
        for at, number, (_, row) in zip(x, numbers, of_model.iterrows(), strict=True):
            size = _SMALLEST + (_LARGEST - _SMALLEST) * number / max(1, num_sizes - 1)
            shade, zorder = (pale, 2.0) if row["place"] == BEHIND else (drawing.colour(family), 3.0)
            edge = {"markeredgecolor": _EDGE} if row["place"] == FRONT else {}
            drawing.draw_row(ax, at, row, shade, size, zorder, **edge)


def _set_costs(ax: Axes, values: pd.Series) -> None:
    """Set up the axis of a cost, with a margin at either end; logarithmic if its values differ manyfold."""
    smallest, largest = float(values.min()), float(values.max())
    if smallest > 0 and largest / smallest >= _LOGARITHMIC_FROM:
        edge = (largest / smallest) ** _AIR
        ax.set_xscale("log")
        ax.set_xlim(smallest / edge, largest * edge)
        decades = log10(largest / smallest)
        ax.xaxis.set_major_locator(LogLocator(subs=(1,) if decades > 2.5 else (1, 3) if decades > 1.2 else (1, 2, 5)))
    else:
        edge = _AIR * (largest - smallest) or 0.1 * abs(largest) or 1.0
        ax.set_xlim(smallest - edge, largest + edge)
        ax.xaxis.set_major_locator(MaxNLocator(4))
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


def _legend(rows: pd.DataFrame, dashes: _Lines) -> list[Line2D]:
    models = (key for key, _ in split(rows, ["family", "model"]))
    handles = [drawing.model_handle(model, family, dashes[model]) for family, model in models]
    handles.append(Line2D([], [], marker="o", markeredgecolor=_EDGE, markerfacecolor="0.6", **_FRONT_LINE))
    if (rows["place"] == BEHIND).any():
        handles.append(Line2D([], [], color="0.75", marker="o", linestyle="", label="behind"))
    return handles + drawing.fill_handles(rows)
