"""Draw the difference of two families against pretraining size, and where it is zero."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.analysis.ladder.crossings import Crossing
from bench.analysis.ladder.growth import PairGrowth
from bench.report.figures.drawing import apart, draw_rungs, grid, pair_colour, rung_ends, style
from bench.report.figures.scaling import reach, set_rungs
from bench.report.findings import OnTarget

_STRIP_ROW = 0.055
"""The height of a pair's row in the strip of crossings below the differences, as a share of the panel."""
_MARKERS = "osD^vPX"

Pair = tuple[str, str]


@dataclass(frozen=True)
class _PairLook:
    """The colour and marker of a pair."""

    colour: str
    marker: str


@style()
def crossing_figure(targets: Sequence[OnTarget]) -> Figure:
    """Draw differences in points with their intervals and, below them, the sizes at which each pair may cross.

    Args:
        targets: At least one target, each with a pair that has differences.
    """
    pairs = dict.fromkeys(_names(pair) for target in targets for pair in target.pairs if pair.rungs)
    looks = {
        names: _PairLook(pair_colour(number), _MARKERS[number % len(_MARKERS)]) for number, names in enumerate(pairs)
    }
    label = "Difference in test accuracy (points)"
    figure, axes = grid(len(targets), _legend(targets, looks), height=3.2, ylabel=label)
    for target, ax in zip(targets, axes, strict=True):
        _draw_panel(ax, target, looks)
    return figure


def _names(pair: PairGrowth) -> Pair:
    return pair.first.model, pair.second.model


def _draw_panel(ax: Axes, target: OnTarget, looks: Mapping[Pair, _PairLook]) -> None:
    set_rungs(ax, target)
    ax.axhline(0, color="0.35", linewidth=0.9, zorder=1)
    drawn = [pair for pair in target.pairs if pair.rungs]
    for number, pair in enumerate(drawn):
        look, sizes = looks[_names(pair)], [rung.size for rung in pair.rungs]
        ax.plot(sizes, [_points(rung.mean) for rung in pair.rungs], "-", color=look.colour, linewidth=1.2)
        draw_rungs(ax, apart(ax, sizes, number, len(drawn)).tolist(), pair.rungs, _points, look.colour, look.marker)
    ends = [0.0, *(_points(end) for end in rung_ends(rung for pair in drawn for rung in pair.rungs))]
    air = 0.06 * (max(ends) - min(ends)) or 1.0
    low, high = min(ends) - air, max(ends) + air
    strip = _STRIP_ROW * (len(drawn) + 0.5)
    ax.set_yticks([tick for tick in MaxNLocator(7, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= tick <= high])
    ax.set_ylim(low - (high - low) * strip / (1 - strip), high)
    ax.axhspan(low - (high - low), low, color="0.97", zorder=0.5)
    for number, pair in enumerate(drawn):
        if crossing := pair.beyond or pair.crossing:
            _draw_crossing(ax, crossing, looks[_names(pair)].colour, strip - _STRIP_ROW * (number + 0.75))


def _points(difference: float) -> float:
    return 100 * difference


def _draw_crossing(ax: Axes, crossing: Crossing, shade: str, height: float) -> None:
    """Draw each interval as a bar, with an arrow at an open end, and the crossings as diamonds."""
    left, right = ax.get_xlim()
    across = ax.get_xaxis_transform()  # x is a size, y a share of the panel's height
    for part in crossing.passages or (crossing,):
        low, high = part.low or left, part.high or right
        ax.plot([max(low, left), min(high, right)], [height, height], color=shade, linewidth=1.6, transform=across)
        for is_open, end, arrow in ((high >= right, right, ">"), (low <= left, left, "<")):
            if is_open:
                ax.plot([end], [height], arrow, color=shade, markersize=4, transform=across, clip_on=False)
    face = "white" if crossing.is_extrapolated and crossing.size else shade
    for size in crossing.sizes:
        ax.plot([size], [height], "d", color=shade, markerfacecolor=face, markersize=5.5, transform=across, zorder=4)


def _legend(targets: Sequence[OnTarget], looks: Mapping[Pair, _PairLook]) -> list[Line2D]:
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, markersize=4.5, label=f"{first} less {second}")
        for (first, second), look in looks.items()
    ]
    handles.append(Line2D([], [], color="0.45", marker="d", linewidth=1.6, label="crossing, or its possible sizes"))
    if any(reach(target) for target in targets):
        hollow = Line2D([], [], color="0.45", marker="d", markerfacecolor="white", linewidth=1.6, label="extrapolated")
        handles.append(hollow)
    return handles
