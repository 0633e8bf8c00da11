"""What a tuning's budget bought: the expected best of so many trials, a panel a stage and a line a family."""

from collections.abc import Hashable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.analysis.frames import split
from bench.report.figures.drawing import colour, grid, marker, style
from bench.report.layout import family_name

_MOST_MARKERS = 24
_TITLES: dict[Hashable, str] = {"pretrain": "Pretraining", "transfer": "Fine-tuning"}


def tuning_figure(curves: pd.DataFrame) -> Figure:
    """Expected best validation accuracy against the number of trials.

    Args:
        curves: as from `bench.analysis.tuning.tuning_curves`; needs a row.
    """
    with style():
        stages = list(split(curves, ["stage"]))
        families = list(dict.fromkeys(curves["family"]))
        label = "Expected best validation\naccuracy (%)"
        figure, axes = grid(len(stages), width=3.5, height=2.8, below=0.25, ylabel=label)
        for ((stage,), own), ax in zip(stages, axes, strict=True):
            _draw_stage(ax, own)
            ax.set_title(_TITLES.get(stage, str(stage)))
        handles = [_handle(family) for family in families]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    return figure


def _draw_stage(ax: Axes, curves: pd.DataFrame) -> None:
    for (family,), own in split(curves, ["family"]):
        every = max(1, -(-len(own) // _MOST_MARKERS))
        ax.plot(
            own["num_trials"],
            100 * own["expected_best"],
            color=colour(family),
            marker=marker(family),
            markersize=4,
            markevery=every,
            linewidth=1.4,
        )
    ax.set_xlabel("Trials")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _handle(family: str) -> Line2D:
    return Line2D([], [], color=colour(family), marker=marker(family), label=family_name(family))
