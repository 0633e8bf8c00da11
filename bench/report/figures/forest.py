"""Draw forest plots: numbers with their intervals in rows, and a line at the value of no effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.stats.intervals import Interval
from bench.report.figures.drawing import style


@dataclass(frozen=True)
class ForestLine:
    """A row of a panel."""

    name: str
    interval: Interval | None
    """The number with its interval; None if it is undecided, which leaves the row empty."""
    colour: str
    is_hollow: bool = False


@dataclass(frozen=True)
class Forest:
    """A panel of a forest plot."""

    title: str
    lines: tuple[ForestLine, ...]


def forest_figure(forests: Sequence[Forest], label: str, neutral: float, limits: tuple[float, float]) -> Figure:
    """Draw a panel per forest, with the same row height in all of them.

    Args:
        forests: The panels, at least one.
        label: The label of the axis.
        neutral: The value of no effect, marked by a line.
        limits: The limits of the axis, in the units of the intervals.
    """
    num_columns = min(2, len(forests))
    num_rows = ceil(len(forests) / num_columns)
    longest = max(len(line.name) for forest in forests for line in forest.lines)
    width = max(4.6, 2.2 + 0.065 * longest)  # in inches; a character has about 0.065
    height = 0.24 * max(len(forest.lines) for forest in forests) + 0.75
    with style():
        figure = Figure(figsize=(width * num_columns, height * num_rows), layout="constrained")
        axes = list(figure.subplots(num_rows, num_columns, squeeze=False).flat)
        for ax in axes[len(forests) :]:
            ax.remove()
        for ax, forest in zip(axes, forests, strict=False):
            _draw(ax, forest, neutral)
            ax.set_xlim(*limits)
            ax.set_xlabel(label)
    return figure


def _draw(ax: Axes, forest: Forest, neutral: float) -> None:
    ax.axvline(neutral, color="0.6", linewidth=0.9, zorder=1)
    for place, line in enumerate(forest.lines):
        if line.interval is None:
            ax.annotate("undecided", (neutral, place), (4, 0), textcoords="offset points", va="center", color="0.45")
            continue
        ax.plot([line.interval.low, line.interval.high], [place, place], color=line.colour, linewidth=1.6, zorder=2)
        face = "white" if line.is_hollow else line.colour
        ax.plot([line.interval.mean], [place], "o", color=line.colour, markerfacecolor=face, markersize=5, zorder=3)
    ax.set_yticks(range(len(forest.lines)), [line.name for line in forest.lines])
    ax.set_ylim(len(forest.lines) - 0.5, -0.5)
    ax.grid(axis="x", color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.set_title(forest.title, loc="right")  # a long title may extend to the left, over the names
