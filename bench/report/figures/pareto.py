"""Accuracy against cost for one target: a panel a cost, and in it the front of what nothing beats for less."""

from dataclasses import dataclass
from math import ceil, log10
from typing import Any

import numpy as np
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
from bench.report.figures.drawing import DASHES, Dashes, colour, columns, grid, marker, model_handle, style, tint
from bench.report.layout import pretraining_name

AXES = {
    "images_per_second": "Images/s in inference (more is better)",
    "p50_ms": "Median latency, ms",
    "parameters": "Parameters",
    "macs": "Multiply-accumulates",
    "training_flops": "Training FLOPs",
    "joules_per_thousand_images": "J per thousand images",
}
"""What stands under a panel, by cost."""
_EDGE = "0.1"
"""Of the markers of the front."""
_FRONT_LINE: dict[str, Any] = {"color": "0.25", "linewidth": 1.1, "label": "the front"}
_LOGARITHMIC_FROM = 4.0
"""Largest over smallest value of a cost that is drawn on a logarithmic axis."""
_AIR, _APART = 0.08, 0.021
"""Shares of an axis: beside what is drawn, and between rows of one model, which often cost the same."""
_SMALLEST, _LARGEST = 3.5, 6.5
"""Of the markers, from the first pretraining of the comparison to its last."""


def pareto_figure(costs: pd.DataFrame) -> Figure:
    """Accuracy with its interval against each cost.

    Args:
        costs: the rows of one target, as from `bench.analysis.pareto`; those without accuracy or value are left out.
    """
    rows = costs[costs["accuracy"].notna() & costs["value"].notna()]
    with style():
        looks, handles = _looks(rows), _legend(rows)
        drawn = [(str(cost), of_cost) for (cost,), of_cost in split(rows, ["cost"])]
        num_columns = columns(len(drawn))
        below = 0.18 * ceil(len(handles) / num_columns)
        figure, axes = grid(len(drawn), width=3.5, height=2.8, below=below)
        for (cost, of_cost), ax in zip(drawn, axes, strict=True):
            _draw_panel(ax, cost, of_cost, looks)
            ax.set_ylim(*_limits(rows))
        figure.legend(handles=handles, loc="outside lower center", ncols=num_columns, frameon=False)
    return figure


@dataclass(frozen=True)
class _Look:
    """How a row is told from the others: its model by dashes, its pretraining by size and place."""

    dashes: Dashes
    shift: float
    """To the side, as a share of the axis."""
    size: float


def _looks(rows: pd.DataFrame) -> dict[tuple[str, str], _Look]:
    """By model and name of the pretraining."""
    name = pretraining_name(rows)
    names = list(dict.fromkeys(name(row) for _, row in rows.iterrows()))
    middle = (len(names) - 1) / 2
    step = (_LARGEST - _SMALLEST) / max(1, len(names) - 1)
    return {
        (model, pretraining): _Look(
            DASHES[number % len(DASHES)], _APART * (place - middle), _SMALLEST + step * place if middle else 5.0
        )
        for _, of_family in split(rows, ["family"])
        for number, ((model,), _) in enumerate(split(of_family, ["model"]))
        for place, pretraining in enumerate(names)
    }


def _draw_panel(ax: Axes, cost: str, rows: pd.DataFrame, looks: dict[tuple[str, str], _Look]) -> None:
    axis = _axis(ax, rows["value"])
    _draw_front(ax, rows[rows["place"] == FRONT], axis, COSTS[cost] == "more")
    name = pretraining_name(rows)
    for (model,), of_model in split(rows, ["model"]):
        drawn = [looks[model, name(row)] for _, row in of_model.iterrows()]
        x = axis.moved(of_model["value"].to_numpy(dtype=float), np.array([look.shift for look in drawn]))
        shade = tint(colour(of_model["family"].iloc[0]))
        ax.plot(x, 100 * of_model["accuracy"], drawn[0].dashes, color=shade, linewidth=0.9, zorder=1.5)
        for at, look, (_, row) in zip(x, drawn, of_model.iterrows(), strict=True):
            _draw_point(ax, float(at), row, look.size)
    ax.set_xlabel(AXES[cost])


@dataclass(frozen=True)
class _Axis:
    """The axis of a cost, from end to end."""

    low: float
    high: float
    is_logarithmic: bool

    def moved(self, values: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Values moved by shares of the axis."""
        if self.is_logarithmic:
            return values * (self.high / self.low) ** shares
        return values + (self.high - self.low) * shares


def _axis(ax: Axes, values: pd.Series) -> _Axis:
    """Set the axis to hold all values with air beside them; logarithmic where they differ manyfold."""
    smallest, largest = float(values.min()), float(values.max())
    if smallest > 0 and largest / smallest >= _LOGARITHMIC_FROM:
        edge = (largest / smallest) ** _AIR
        axis = _Axis(smallest / edge, largest * edge, is_logarithmic=True)
        ax.set_xscale("log")
        decades = log10(largest / smallest)
        ax.xaxis.set_major_locator(LogLocator(subs=(1,) if decades > 2.5 else (1, 3) if decades > 1.2 else (1, 2, 5)))
    else:
        edge = _AIR * (largest - smallest) or 0.1 * abs(largest) or 1.0
        axis = _Axis(smallest - edge, largest + edge, is_logarithmic=False)
        ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.xaxis.set_major_formatter(FuncFormatter(_tick))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(axis.low, axis.high)
    return axis


def _tick(value: float, _: int | None = None) -> str:
    return short_count(value) if value >= 1e4 else f"{value:,.4g}"


def _draw_front(ax: Axes, front: pd.DataFrame, axis: _Axis, more_is_better: bool) -> None:
    """A staircase: the accuracy to be had for each cost or a better one, up to the axis' dear end."""
    front = front.sort_values("value", kind="stable")
    x, y = front["value"].tolist(), (100 * front["accuracy"]).tolist()
    if more_is_better:
        ax.step([axis.low, *x], [y[0], *y], where="pre", zorder=1, **_FRONT_LINE)
    else:
        ax.step([*x, axis.high], [*y, y[-1]], where="post", zorder=1, **_FRONT_LINE)


def _draw_point(ax: Axes, x: float, row: pd.Series, size: float) -> None:
    """A mean with its interval: edged on the front, pale behind; half filled from scratch, hollow if a seed is out."""
    full = colour(row["family"])
    shade, order = (tint(full), 2.0) if row["place"] == BEHIND else (full, 3.0)
    mean, low, high = (100 * float(row[name]) for name in ("accuracy", "low", "high"))
    ax.errorbar([x], [mean], [[mean - low], [high - mean]], fmt="none", ecolor=shade, elinewidth=1, zorder=order)
    fill = _fill(row["corpus"] == SCRATCH, row["status"] == COMPLETE)
    edge: dict[str, Any] = {"markeredgecolor": _EDGE} if row["place"] == FRONT else {}
    look: dict[str, Any] = {"color": shade, "markersize": size, "zorder": order + 0.5} | fill | edge
    ax.plot([x], [mean], marker(row["family"]), **look)


def _fill(from_scratch: bool, is_complete: bool) -> dict[str, Any]:
    if not is_complete:
        return {"markerfacecolor": "white"}
    return {"fillstyle": "left" if from_scratch else "full", "markerfacecoloralt": "white"}


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Of the accuracy axis, in percent: everything drawn and some air, within 0 to 100."""
    drawn = [100 * value for column in ("accuracy", "low", "high") for value in rows[column].dropna()]
    return max(0.0, min(drawn) - 4), min(101.0, max(drawn) + 4)


def _legend(rows: pd.DataFrame) -> list[Line2D]:
    looks = _looks(rows)
    dashes = {model: look.dashes for (model, _), look in looks.items()}
    handles = [model_handle(model, family, dashes[model]) for (family, model), _ in split(rows, ["family", "model"])]
    signs = [
        (True, Line2D([], [], marker="o", markeredgecolor=_EDGE, markerfacecolor="0.6", **_FRONT_LINE)),
        ((rows["corpus"] == SCRATCH).any(), _sign("from scratch", "0.45", _fill(True, True))),
        ((rows["place"] == BEHIND).any(), _sign("behind", "0.75", _fill(False, True))),
        ((rows["status"] != COMPLETE).any(), _sign("a seed is missing", "0.45", _fill(False, False))),
    ]
    return handles + [sign for is_drawn, sign in signs if is_drawn]


def _sign(label: str, shade: str, fill: dict[str, Any]) -> Line2D:
    return Line2D([], [], color=shade, marker="o", linestyle="", label=label, **fill)
