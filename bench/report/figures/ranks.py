"""Critical-difference diagrams: models on a line of mean ranks, joined where the seeds do not tell them apart."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.stats.ranks import Ranking
from bench.report.figures.drawing import colour, style

_STEP = 0.22
"""Inches from one line of the diagram to the next."""


def ranks_figure(rankings: Sequence[tuple[str, Ranking]], families: Mapping[str, str]) -> Figure:
    """A diagram a ranking, one under the other; best rank at the left.

    Args:
        rankings: titles and rankings; at least one.
        families: model -> family.
    """
    heights = [_STEP * (_num_lines(ranking) + 3.5) for _, ranking in rankings]
    with style():
        figure = Figure(figsize=(6.4, sum(heights)), layout="constrained")
        grid = figure.subplots(len(rankings), 1, squeeze=False, height_ratios=heights)
        for (title, ranking), ax in zip(rankings, grid[:, 0], strict=True):
            _draw(ax, ranking, families)
            ax.set_title(title)
    return figure


def _num_lines(ranking: Ranking) -> int:
    """Lines under the axis: bars, then names, of which two stand in one line, left and right."""
    return len(ranking.groups) + (len(ranking.names) + 1) // 2


def _draw(ax: Axes, ranking: Ranking, families: Mapping[str, str]) -> None:
    num_models, bars = len(ranking.names), len(ranking.groups)
    width = num_models - 1
    _draw_axis(ax, num_models)
    place = dict(zip(ranking.names, ranking.mean_ranks, strict=True))
    for number, group in enumerate(ranking.groups):
        ends = [place[group[0]] - 0.012 * width, place[group[-1]] + 0.012 * width]
        ax.plot(ends, [-0.6 - 0.6 * number] * 2, color="0.15", linewidth=3, solid_capstyle="butt")
    for number, (name, at) in enumerate(place.items()):
        is_left = number < (num_models + 1) // 2
        line = number if is_left else num_models - 1 - number
        y, x = -1.0 - 0.6 * bars - line, 1 - 0.04 * width if is_left else num_models + 0.04 * width
        ax.plot([at, at, x], [0, y, y], color=colour(families.get(name, "")), linewidth=1.2)
        ax.annotate(
            f"{name}  {at:.2f}" if is_left else f"{at:.2f}  {name}",
            (x, y),
            (-3 if is_left else 3, 0),
            textcoords="offset points",
            ha="right" if is_left else "left",
            va="center",
        )
    _draw_difference(ax, ranking.critical_difference, num_models)
    ax.set_xlim(1 - 0.9 * width, num_models + 0.9 * width)
    ax.set_ylim(-0.7 * bars - (num_models + 1) // 2 - 0.7, 2.2)


def _draw_axis(ax: Axes, num_models: int) -> None:
    ax.plot([1, num_models], [0, 0], color="0.15", linewidth=1)
    for tick in range(1, num_models + 1):
        ax.plot([tick, tick], [0, 0.25], color="0.15", linewidth=1)
        ax.annotate(str(tick), (tick, 0.25), (0, 2), textcoords="offset points", ha="center", fontsize="small")
    ax.set_axis_off()


def _draw_difference(ax: Axes, difference: float, num_models: int) -> None:
    """How long the critical difference is, above the axis; no longer than that."""
    drawn = min(difference, num_models - 1)
    ax.plot([1, 1 + drawn], [1.45, 1.45], "|-", color="0.4", linewidth=1, markersize=5)
    longer = ", longer than the axis" if difference > drawn else ""
    ax.annotate(
        f"critical difference {difference:.2f}{longer}",
        (1 + drawn / 2, 1.45),
        (0, 3),
        textcoords="offset points",
        ha="center",
        fontsize="small",
        color="0.3",
    )
