"""Draw the expected best of a number of tuning trials: a panel per stage and a line per family."""

from collections.abc import Hashable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.analysis.frames import split
from bench.report.figures.drawing import COLOURS, colour, frame, marker, style
from bench.report.layout import family_name

_MOST_MARKERS = 24
_TITLES: dict[Hashable, str] = {"pretrain": "Pretraining", "transfer": "Fine-tuning"}


@style()
def tuning_figure(curves: pd.DataFrame, title: str) -> Figure:
    """Draw the expected best validation accuracy against the number of trials.

    Args:
        curves: The table from `bench.analysis.tuning.tuning_curves`, with at least one row.
        title: What the figure shows, in a sentence.
    """
    stages = list(split(curves, ["stage"]))
    handles = [
        Line2D([], [], color=colour(family), marker=marker(family), label=family_name(family))
        for family in dict.fromkeys(curves["family"])
    ]
    figure, axes = frame(title, handles, height=2.5, num_columns=len(stages), num_panels=len(stages))
    axes[0].set_ylabel("Validation accuracy (%)")
    for ((stage,), of_stage), ax in zip(stages, axes, strict=True):
        ax.grid(axis="y", color=COLOURS["line"], linewidth=0.7)
        _draw_stage(ax, of_stage)
        ax.set_title(_TITLES.get(stage, str(stage)))
    return figure


def _draw_stage(ax: Axes, curves: pd.DataFrame) -> None:
    for (family,), curve in split(curves, ["family"]):
        x, y = curve["num_trials"], 100 * curve["expected_best"]
        every = max(1, -(-len(curve) // _MOST_MARKERS))
        ax.plot(x, y, color=colour(family), marker=marker(family), markersize=4, markevery=every, linewidth=1.4)
    ax.set_xlabel("Trials")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
