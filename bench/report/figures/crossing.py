"""The difference of two families against pretraining size, and where it is zero: a line a pair, a panel a ladder."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.analysis.ladder.crossings import Crossing
from bench.analysis.ladder.growth import Duel
from bench.report.figures.drawing import columns, grid, pair_colour, style
from bench.report.figures.scaling import reach, set_sizes
from bench.report.findings import OnTarget

_POINTS = 60
_ROW = 0.055
"""Of the strip under the differences in which the crossings stand: a row a pair, as a share of the panel."""

_MARKERS = "osD^vPX"

Pair = tuple[str, str]


@dataclass(frozen=True)
class _Look:
    """How a pair is told from the others."""

    colour: str
    marker: str


def crossing_figure(targets: Sequence[OnTarget]) -> Figure:
    """Differences in points with their intervals, and under them the sizes at which each pair may cross.

    Args:
        targets: at least one, each with a pair that has differences.
    """
    pairs = list(dict.fromkeys(_pair(duel) for target in targets for duel in target.duels if duel.rungs))
    looks = {pair: _Look(pair_colour(number), _MARKERS[number % len(_MARKERS)]) for number, pair in enumerate(pairs)}
    with style():
        handles = _legend(targets, looks)
        num_columns = columns(len(targets))
        rows = ceil(len(handles) / max(1, num_columns))
        label = "Difference in test accuracy (points)"
        figure, axes = grid(len(targets), width=3.5, height=3.2, below=0.18 * rows, ylabel=label)
        for target, ax in zip(targets, axes, strict=True):
            _draw_panel(ax, target, looks)
        figure.legend(handles=handles, loc="outside lower center", ncols=num_columns, frameon=False)
    return figure


def _pair(duel: Duel) -> Pair:
    return duel.first.model, duel.second.model


def _draw_panel(ax: Axes, target: OnTarget, looks: dict[Pair, _Look]) -> None:
    drawn = [duel for duel in target.duels if duel.rungs]
    sizes, far = target.ladder.sizes, reach(target)
    ax.axhline(0, color="0.35", linewidth=0.9, zorder=1)
    middle, step = (len(drawn) - 1) / 2, (sizes[-1] / sizes[0]) ** min(0.012, 0.06 / max(1, len(drawn)))
    for number, duel in enumerate(drawn):
        _draw_difference(ax, duel, looks[_pair(duel)], step ** (number - middle))
    low, high = _limits(drawn)
    strip = _ROW * (len(drawn) + 0.5)
    ax.set_yticks([tick for tick in MaxNLocator(7, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= tick <= high])
    ax.set_ylim(low - (high - low) * strip / (1 - strip), high)
    set_sizes(ax, sizes, far)
    if far:
        ax.axvspan(sizes[-1], far * 10, color="0.95", zorder=0)
    ax.axhspan(low - (high - low), low, color="0.97", zorder=0.5)
    for number, duel in enumerate(drawn):
        if found := duel.beyond or duel.crossing:
            _draw_crossing(ax, found, looks[_pair(duel)].colour, strip - _ROW * (number + 0.75))
    ax.set_title(target.title)


def _draw_difference(ax: Axes, duel: Duel, look: _Look, apart: float) -> None:
    x = np.array([rung.size for rung in duel.rungs])
    y = np.array([100 * rung.mean for rung in duel.rungs])
    for at, rung in zip(x * apart, duel.rungs, strict=True):
        if rung.interval:
            ax.plot([at, at], [100 * rung.interval.low, 100 * rung.interval.high], color=look.colour, linewidth=1.1)
    ax.plot(x, y, "-", color=look.colour, linewidth=1.2)
    ax.plot(x * apart, y, look.marker, color=look.colour, markersize=4.5, zorder=3)


def _draw_crossing(ax: Axes, found: Crossing, shade: str, height: float) -> None:
    """The interval as a bar that has an arrow where it is open, and the crossings in it."""
    left, right = ax.get_xlim()
    low, high = found.low or left, found.high or right
    across = ax.get_xaxis_transform()  # sizes along, shares of the panel upwards
    if found.outcome in ("ahead", "behind"):
        low, high = (low, right) if found.outcome == "behind" else (left, high)
    ax.plot([max(low, left), min(high, right)], [height, height], color=shade, linewidth=1.6, transform=across)
    if high >= right:
        ax.plot([right], [height], ">", color=shade, markersize=4, transform=across, clip_on=False)
    if low <= left:
        ax.plot([left], [height], "<", color=shade, markersize=4, transform=across, clip_on=False)
    face = "white" if found.is_extrapolated and found.size else shade
    for size in found.sizes:
        ax.plot([size], [height], "d", color=shade, markerfacecolor=face, markersize=5.5, transform=across, zorder=4)


def _limits(duels: Sequence[Duel]) -> tuple[float, float]:
    """Of the differences, in points: everything drawn, zero, and some air."""
    rungs = [rung for duel in duels for rung in duel.rungs]
    ends = [
        end
        for rung in rungs
        for end in (rung.mean, *((rung.interval.low, rung.interval.high) if rung.interval else ()))
    ]
    low, high = 100 * min(0.0, *ends), 100 * max(0.0, *ends)
    air = 0.06 * (high - low) or 1.0
    return low - air, high + air


def _legend(targets: Sequence[OnTarget], looks: dict[Pair, _Look]) -> list[Line2D]:
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, markersize=4.5, label=f"{first} less {second}")
        for (first, second), look in looks.items()
    ]
    handles.append(Line2D([], [], color="0.45", marker="d", linewidth=1.6, label="crossing, or where it can be"))
    if any(reach(target) for target in targets):
        hollow = Line2D([], [], color="0.45", marker="d", markerfacecolor="white", linewidth=1.6, label="extrapolated")
        handles.append(hollow)
    return handles
