"""Draw the differences of families on one target against pretraining size, and where they are zero."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.analysis.format import short_count
from bench.analysis.ladder.crossings import Crossing
from bench.analysis.ladder.growth import PairGrowth
from bench.report.figures import drawing
from bench.report.findings import OnTarget

_MOST_PAIRS = 6
"""The largest number of pairs that can be told apart in one figure."""
_STRIP_ROW = 0.06
"""The height of a pair's row in the strip of crossings below the differences, as a share of the panel."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class _PairLook:
    """How a pair is drawn."""

    colour: str
    marker: str
    dashes: drawing.Dashes
    cap: float

    @property
    def line(self) -> dict[str, Any]:
        """Return the look of the line through the means."""
        return {"color": self.colour, "marker": self.marker, "linestyle": self.dashes}


@drawing.style()
def crossing_figure(target: OnTarget, title: str) -> Figure:
    """Draw differences in points with their intervals and, below them, the sizes at which each pair may cross.

    Args:
        target: A target with at least one pair that has differences.
        title: What the figure shows, in a sentence.
    """
    pairs = shown_pairs(target)
    colours = [drawing.pair_colour(pair.first.family, pair.second.family) for pair in pairs]
    dashes = drawing.family_dashes(zip(colours, map(_names, pairs), strict=True))
    looks = {
        _names(pair): _PairLook(
            shade, drawing.pair_marker(number), dashes[_names(pair)], drawing.cap_width(number, len(pairs))
        )
        for number, (pair, shade) in enumerate(zip(pairs, colours, strict=True))
    }
    figure, ax = drawing.panel(title, _legend(target, looks), height=3.1, ylabel="Difference (points)")
    _draw(ax, target, pairs, looks)
    return figure


def shown_pairs(target: OnTarget) -> list[PairGrowth]:
    """Return the pairs to draw: all, or those of each family's most accurate model at the largest rung."""
    pairs = [pair for pair in target.pairs if pair.rungs]
    if len(pairs) <= _MOST_PAIRS:
        return pairs
    known = [model for model in target.growth if model.rungs]
    known.sort(key=lambda model: -model.rungs[-1].mean)
    best = [next(model.model for model in known if model.family == family) for family in {m.family for m in known}]
    return [pair for pair in pairs if {pair.first.model, pair.second.model} <= set(best)]


def _names(pair: PairGrowth) -> Pair:
    return pair.first.model, pair.second.model


def _draw(ax: Axes, target: OnTarget, pairs: Sequence[PairGrowth], looks: Mapping[Pair, _PairLook]) -> None:
    _set_rungs(ax, target)
    ax.axhline(0, color=drawing.COLOURS["quiet"], linewidth=1, zorder=1)
    for pair in pairs:
        look, sizes = looks[_names(pair)], [rung.size for rung in pair.rungs]
        known = [(rung.size, 100 * rung.interval.low, 100 * rung.interval.high) for rung in pair.rungs if rung.interval]
        drawing.draw_intervals(ax, known, look.colour, look.cap)
        drawing.draw_seeds(ax, sizes, [[100 * value for value in rung.of_seeds] for rung in pair.rungs], look.colour)
        means = [100 * rung.mean for rung in pair.rungs]
        ax.plot(sizes, means, **look.line, linewidth=1.4, markersize=7, zorder=3)
    strip = _set_differences(ax, pairs)
    for number, pair in enumerate(pairs):
        if crossing := pair.beyond or pair.crossing:
            _draw_crossing(ax, crossing, looks[_names(pair)].colour, strip - _STRIP_ROW * (number + 0.75))


def _set_rungs(ax: Axes, target: OnTarget) -> None:
    """Set up the axis of a ladder's rungs; the range beyond the largest rung is shaded."""
    sizes, far = target.ladder.sizes, _reach(target)
    drawing.set_sizes(ax, {size: short_count(size) for size in sizes}, far or 0.0)
    if far:
        ax.axvspan(sizes[-1], far * 10, color=drawing.COLOURS["shade"], zorder=0)


def _reach(target: OnTarget) -> float | None:
    """Return a size past the last extrapolated crossing; None without one."""
    beyond = [size for pair in target.pairs if pair.beyond for size in pair.beyond.sizes]
    return 1.5 * max(beyond) if beyond else None


def _set_differences(ax: Axes, pairs: Sequence[PairGrowth]) -> float:
    """Set up the axis of differences with a strip below them, and return the strip's share of the axis."""
    ends = [0.0, *(100 * end for end in drawing.rung_ends(rung for pair in pairs for rung in pair.rungs))]
    air = 0.06 * (max(ends) - min(ends)) or 1.0
    low, high = min(ends) - air, max(ends) + air
    strip = _STRIP_ROW * (len(pairs) + 0.5)
    ax.set_yticks([tick for tick in MaxNLocator(7, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= tick <= high])
    ax.set_ylim(low - (high - low) * strip / (1 - strip), high)
    ax.axhline(low, color=drawing.COLOURS["ink"], linewidth=0.8, zorder=0.5)
    return strip


def _draw_crossing(ax: Axes, crossing: Crossing, shade: str, height: float) -> None:
    """Draw each interval as a bar, with an arrow at an open end, and the crossings as diamonds."""
    left, right = ax.get_xlim()
    across = ax.get_xaxis_transform()  # x is a size, y a share of the panel's height
    for part in crossing.passages or (crossing,):
        low, high = part.low or left, part.high or right
        ax.plot([max(low, left), min(high, right)], [height, height], color=shade, linewidth=1.6, transform=across)
        for is_open, end, arrow in ((high >= right, right, ">"), (low <= left, left, "<")):
            if is_open:
                ax.plot([end], [height], arrow, color=shade, markersize=5, transform=across, clip_on=False)
    face = drawing.COLOURS["paper"] if crossing.is_extrapolated and crossing.size else shade
    for size in crossing.sizes:
        ax.plot([size], [height], "d", color=shade, markerfacecolor=face, markersize=6.5, transform=across, zorder=4)


def _legend(target: OnTarget, looks: Mapping[Pair, _PairLook]) -> list[Line2D]:
    handles = [
        Line2D([], [], **look.line, label=drawing.wrapped(f"{first} less {second}"))
        for (first, second), look in looks.items()
    ]
    mark: dict[str, Any] = {"color": drawing.COLOURS["quiet"], "marker": "d", "linewidth": 1.6}
    handles.append(Line2D([], [], label="in the strip: where they cross, or still can", **mark))
    if _reach(target):
        handles.append(Line2D([], [], label="extrapolated", markerfacecolor=drawing.COLOURS["paper"], **mark))
    return handles
