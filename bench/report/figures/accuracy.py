"""The main figure: accuracy against pretraining size with its intervals, for every family and target."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log10
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from bench.analysis.comparison import SCRATCH
from bench.analysis.format import short_count
from bench.analysis.frames import split
from bench.analysis.seeds import COMPLETE
from bench.report.figures.drawing import (
    DASHES,
    Dashes,
    chance_handle,
    colour,
    columns,
    draw_chance,
    grid,
    marker,
    model_handle,
    style,
)
from bench.report.layout import Panel, panels

_SCRATCH_FILL, _MISSING_FILL = "left", "white"
"""Half filled, and hollow."""


def accuracy_figure(comparison: pd.DataFrame, chance: Mapping[str, float]) -> Figure:
    """Accuracy against pretraining size: a panel a target, a line a model, from scratch apart at the left.

    Args:
        comparison: as from `bench.analysis.comparison`; needs a row with a known subset size, and those without,
            which have no place on the axis, are left out.
        chance: target -> accuracy of guessing, 0 to 1; a target without one gets no line.
    """
    comparison = comparison[(comparison["corpus"] == SCRATCH) | comparison["subset_images"].notna()]
    with style():
        drawn, series = panels(comparison), _series(comparison)
        handles = _legend(comparison, series)
        if any(panel.target in chance for panel in drawn):
            handles.append(chance_handle())
        num_columns = columns(len(drawn))
        figure, axes = grid(len(drawn), width=3.5, height=3.0, below=0.18 * ceil(len(handles) / num_columns))
        for panel, ax in zip(drawn, axes, strict=True):
            _draw_panel(ax, panel, series, chance.get(panel.target))
        figure.legend(handles=handles, loc="outside lower center", ncols=num_columns, frameon=False)
    return figure


@dataclass(frozen=True)
class _Series:
    """What one line of the figure is and looks like; lines of one family differ in their dashes."""

    family: str
    model: str
    corpus: str
    dashes: Dashes


def _series(comparison: pd.DataFrame) -> list[_Series]:
    pretrained = comparison[comparison["corpus"] != SCRATCH]
    return [
        _Series(family, model, corpus, DASHES[number % len(DASHES)])
        for (family,), rows in split(pretrained, ["family"])
        for number, ((model, corpus), _) in enumerate(split(rows, ["model", "corpus"]))
    ]


def _draw_panel(ax: Axes, panel: Panel, series: list[_Series], chance: float | None) -> None:
    rows = panel.rows[panel.rows["accuracy"].notna()]
    is_scratch = panel.rows["corpus"] == SCRATCH
    sizes = sorted({int(size) for size in panel.rows.loc[~is_scratch, "subset_images"].dropna()})
    span = log10(sizes[-1] / sizes[0])
    scratch_at = sizes[0] / 10 ** max(0.3, 0.25 * span)
    models = list(dict.fromkeys(panel.rows["model"]))
    apart = _apart(models, min(0.025, 0.12 / len(models)) * (span + 0.3))
    for line in series:
        _draw_line(ax, rows, line, apart.get(line.model, 1.0))
    for (model,), row in split(rows[rows["corpus"] == SCRATCH], ["model"]):
        _draw_points(ax, np.full(len(row), scratch_at * apart[model]), row, _SCRATCH_FILL)
    draw_chance(ax, chance)
    ax.set_title(panel.title)
    ax.set_xlabel("Images pretrained on")
    ax.set_ylim(*_limits(rows, chance))
    _set_sizes(ax, sizes, scratch_at if is_scratch.any() else None)


def _apart(models: list[str], step: float) -> dict[str, float]:
    """What to multiply a model's sizes by, so that intervals at one size stand side by side."""
    middle = (len(models) - 1) / 2
    return {model: 10 ** ((number - middle) * step) for number, model in enumerate(models)}


def _draw_line(ax: Axes, rows: pd.DataFrame, line: _Series, apart: float) -> None:
    found = rows[(rows["model"] == line.model) & (rows["corpus"] == line.corpus)]
    if found.empty:
        return
    found = found.sort_values("subset_images")
    x = found["subset_images"].to_numpy(dtype=float) * apart
    y = 100 * found["accuracy"].to_numpy()
    ax.plot(x, y, line.dashes, color=colour(line.family), linewidth=1.4, label=f"{line.model} on {line.corpus}")
    _draw_points(ax, x, found, "full")


def _draw_points(ax: Axes, x: np.ndarray, rows: pd.DataFrame, fill: str) -> None:
    """Means with their intervals; hollow where a seed is missing behind the mean."""
    y, low, high = (100 * rows[column].to_numpy(dtype=float) for column in ("accuracy", "low", "high"))
    family = rows["family"].iloc[0]
    ax.errorbar(x, y, yerr=[y - low, high - y], fmt="none", ecolor=colour(family), elinewidth=1.1, capsize=2.5)
    complete = (rows["status"] == COMPLETE).to_numpy()
    for which, filled in ((complete, fill), (~complete, _MISSING_FILL)):
        ax.plot(x[which], y[which], marker(family), color=colour(family), markersize=5.5, zorder=3, **_fill(filled))


def _fill(fill: str) -> dict[str, Any]:
    if fill == _MISSING_FILL:
        return {"markerfacecolor": "white"}
    return {"fillstyle": fill, "markerfacecoloralt": "white"}


def _limits(rows: pd.DataFrame, chance: float | None) -> tuple[float, float]:
    """Of the accuracy axis, in percent: everything drawn and some air, within 0 to 100."""
    drawn = [100 * value for column in ("accuracy", "low", "high") for value in rows[column].dropna()]
    drawn += [] if chance is None else [100 * chance]
    return max(0.0, min(drawn, default=0) - 4), min(101.0, max(drawn, default=100) + 4)


def _set_sizes(ax: Axes, sizes: list[int], scratch_at: float | None) -> None:
    """The logarithmic axis, a tick a size; from scratch stands before its beginning, behind a line."""
    ticks: list[tuple[float, str]] = [(size, short_count(size)) for size in sizes]
    edge = (sizes[-1] / sizes[0]) ** 0.08 * 1.1
    if scratch_at is not None:
        ticks.insert(0, (scratch_at, "scratch"))
        ax.axvline((scratch_at * sizes[0]) ** 0.5, color="0.8", linewidth=0.8)
    ax.set_xscale("log")
    ax.set_xlim(ticks[0][0] / edge, sizes[-1] * edge)
    ax.xaxis.set_major_locator(FixedLocator([at for at, _ in ticks]))
    ax.xaxis.set_major_formatter(FixedFormatter([name for _, name in ticks]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.tick_params(axis="x", rotation=45 if len(ticks) > 6 else 0)


def _legend(comparison: pd.DataFrame, series: list[_Series]) -> list[Line2D]:
    several = len({line.corpus for line in series}) > 1
    handles = [
        model_handle(f"{line.model} on {line.corpus}" if several else line.model, line.family, line.dashes)
        for line in series
    ]
    if (comparison["corpus"] == SCRATCH).any():
        handles.append(_sign("from scratch", _SCRATCH_FILL))
    if (comparison["status"] != COMPLETE).any():
        handles.append(_sign("a seed is missing", _MISSING_FILL))
    return handles


def _sign(label: str, fill: str) -> Line2D:
    return Line2D([], [], color="0.45", marker="o", linestyle="", label=label, **_fill(fill))
