"""Draw critical-difference diagrams: models on a line of mean ranks, joined unless they differ significantly."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.format import decimal
from bench.analysis.stats.ranks import Ranking
from bench.report.figures.drawing import colour, style


@style()
def ranks_figure(rankings: Sequence[tuple[str, Ranking]], families: Mapping[str, str]) -> Figure:
    """Draw a diagram per ranking, one below the other, with the best rank at the left.

    Args:
        rankings: Titles and rankings, at least one.
        families: Model -> family.
    """
    heights = [0.9 + 0.16 * len(ranking.names) + 0.2 * len(ranking.groups) for _, ranking in rankings]
    figure = Figure(figsize=(6.4, sum(heights)), layout="constrained")
    grid = figure.subplots(len(rankings), 1, squeeze=False, height_ratios=heights)
    for (title, ranking), ax in zip(rankings, grid[:, 0], strict=True):
        _draw(ax, ranking, families)
        ax.set_title(f"{title}: critical difference {decimal(ranking.critical_difference, 2)}")
    return figure


def _draw(ax: Axes, ranking: Ranking, families: Mapping[str, str]) -> None:
    from scikit_posthocs import critical_difference_diagram  # slow to load, and needed here alone

    ranks = pd.Series(ranking.mean_ranks, ranking.names)
    apart = {name: (ranks - rank).abs() >= ranking.critical_difference for name, rank in ranks.items()}
    drawn = critical_difference_diagram(
        ranks,
        1.0 - pd.DataFrame(apart),  # stands for p-values: 0 if a pair differs significantly, otherwise 1
        ax=ax,
        label_fmt_left="{label}  {rank:.2f} ",
        label_fmt_right=" {rank:.2f}  {label}",
        color_palette={name: colour(families.get(name, "")) for name in ranking.names},
    )
    for (bar,) in drawn["crossbars"]:
        bar.set_xdata(sorted(bar.get_xdata()))  # the library orders them by a set, which differs between processes
    num_models = len(ranking.names)
    ax.set_xticks(range(1, num_models + 1))
    ax.spines["top"].set_bounds(1, num_models)
    ax.set_xlim(1.9 - 0.9 * num_models, 1.9 * num_models - 0.9)  # room for the names on either side
