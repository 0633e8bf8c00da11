"""Draw forest plots: numbers with their intervals in rows, and a line at the value of no effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.stats.intervals import Interval
from bench.report.figures import drawing


@dataclass(frozen=True)
class ForestLine:
    """A row of a panel."""

    name: str
    interval: Interval | None
    """The number with its interval; None if it is undecided, which leaves the row empty."""
    colour: str
    is_hollow: bool = False
    band: tuple[float, float] | None = None
    """The values with which a claim about the number holds, drawn behind it; either end may be infinite."""
    published: tuple[float, float] | None = None
    """The ends of the published range of the number; equal if it is one number."""


@dataclass(frozen=True)
class Forest:
    """A panel of a forest plot."""

    title: str
    lines: tuple[ForestLine, ...]


@drawing.style()
def forest_figure(forests: Sequence[Forest], title: str, label: str, neutral: float) -> Figure:
    """Draw a panel per forest, one below the other, with the same row height in all of them.

    Args:
        forests: The panels, at least one.
        title: What the figure shows, in a sentence.
        label: The label of the axis.
        neutral: The value of no effect, marked by a line.
    """
    most = max(sum(1 + len(drawing.name_lines(line.name)) for line in forest.lines) for forest in forests)
    figure, axes = drawing.frame(title, (), height=drawing.ROW * most + 0.9, num_panels=len(forests))
    for ax, forest in zip(axes, forests, strict=True):
        ax.set_xlim(*_limits(forests, neutral))
        _draw(ax, forest, neutral)
        ax.set_ylim(most - 0.5, -0.8)
        ax.set_xlabel(label)
    return figure


def _limits(forests: Sequence[Forest], neutral: float) -> tuple[float, float]:
    """Return limits that hold all intervals, the finite ends of all bands and the value of no effect, with air."""
    lines = [line for forest in forests for line in forest.lines]
    ends = [neutral, *(end for line in lines if line.interval for end in (line.interval.low, line.interval.high))]
    ends += [end for line in lines for end in (*(line.band or ()), *(line.published or ())) if isfinite(end)]
    air = 0.06 * (max(ends) - min(ends)) or 1.0
    return min(ends) - air, max(ends) + air


def _draw(ax: Axes, forest: Forest, neutral: float) -> None:
    """Draw each line's name and, in the row below it, its interval."""
    place = 0
    ax.axvline(neutral, color=drawing.COLOURS["quiet"], linewidth=1, zorder=1)
    for line in forest.lines:
        at = drawing.write_name(ax, place, line.name)
        place = at + 1
        if line.interval is None:
            drawing.write(ax, at, "undecided", at=0.3)
            continue
        if line.band:
            left, right = (min(max(end, ax.get_xlim()[0]), ax.get_xlim()[1]) for end in line.band)
            ax.fill_between([left, right], at - 0.42, at + 0.42, color=drawing.COLOURS["line"], linewidth=0, zorder=0.6)
        if line.published:
            ax.plot(line.published, [at, at], "x:", color=drawing.COLOURS["quiet"], markersize=7, zorder=2.5)
        low, mean, high = line.interval.low, line.interval.mean, line.interval.high
        ax.plot([low, high], [at, at], color=line.colour, linewidth=1.8, zorder=2)
        face = drawing.COLOURS["paper"] if line.is_hollow else line.colour
        ax.plot([mean], [at], "o", color=line.colour, markerfacecolor=face, markersize=6.5, zorder=3)
    drawing.set_rows(ax)
    ax.set_title(forest.title, loc="left")
