"""Draw the differences of an ablation's arms to its reference, on all targets, as dots with intervals."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.analysis.format import count, is_known, short_count
from bench.analysis.frames import split
from bench.analysis.seeds import COMPLETE, GIVEN_SUCCESS
from bench.report.figures import drawing
from bench.report.layout import panels

_TARGET_MARKERS = "os^Dv<>PX"


@drawing.style()
def ablation_figure(ablation: pd.DataFrame, title: str) -> Figure:
    """Draw the arms of one ablation below each other: the name and costs of each, then its difference on each target.

    Args:
        ablation: The rows of one ablation and transfer, from the table of `bench.analysis.ablations`.
        title: What the figure shows, in a sentence.
    """
    drawn = panels(ablation)
    markers = {panel.title: _TARGET_MARKERS[number % len(_TARGET_MARKERS)] for number, panel in enumerate(drawn)}
    rows = pd.concat([panel.rows.assign(panel=panel.title) for panel in drawn])
    arms = [(_name(of_arm.iloc[0]), of_arm) for _, of_arm in split(rows, ["arm"])]
    compared = [(name, of_arm[~of_arm["is_reference"].astype(bool)]) for name, of_arm in arms]
    num_rows = sum(len(drawing.name_lines(name)) + len(of_arm) for name, of_arm in compared)
    figure, (ax,) = drawing.frame(title, _legend(rows, markers), height=drawing.ROW * num_rows + 0.6)
    drawing.set_rows(ax)
    ax.axvline(0, color=drawing.COLOURS["quiet"], linewidth=1, zorder=1)
    ax.set_ylim(num_rows - 0.4, -0.6)
    ax.set_xlabel("Difference to the reference (points)")
    ax.margins(x=0.08)
    place = 0
    for name, of_arm in compared:
        place = drawing.write_name(ax, place, name)
        for _, row in of_arm.iterrows():
            _draw_difference(ax, place, row, markers[row["panel"]])
            place += 1
    return figure


def _draw_difference(ax: Axes, place: float, row: pd.Series, marker: str) -> None:
    """Draw a difference, or write why there is none: whether its arm has no result, or is undecided."""
    if not is_known(row["difference"]):
        drawing.write(ax, place, "undecided" if is_known(row["accuracy"]) else "no result", at=0.3)
        return
    mean, low, high = (100 * float(row[name]) for name in ("difference", "difference_low", "difference_high"))
    shade = drawing.colour(row["family"])
    if is_known(low) and is_known(high):
        ax.plot([low, high], [place, place], color=shade, linewidth=1.8, zorder=2)
    fill = drawing.row_fill(from_scratch=False, is_complete=row["status"] == COMPLETE)
    ax.plot([mean], [place], marker, color=shade, markersize=7, zorder=3, **fill)
    if row["num_failed"]:
        beside: dict[str, Any] = {"textcoords": "offset points", "va": "center", "color": drawing.COLOURS["quiet"]}
        ax.annotate(GIVEN_SUCCESS, (high if is_known(high) else mean, place), (6, 0), **beside)


def _legend(rows: pd.DataFrame, markers: Mapping[str, str]) -> list[Line2D]:
    look: dict[str, Any] = {"color": drawing.COLOURS["quiet"], "linestyle": ""}
    handles = [Line2D([], [], marker=marker, label=drawing.wrapped(name), **look) for name, marker in markers.items()]
    return handles + drawing.fill_handles(rows)


def _name(row: pd.Series) -> str:
    """Return an arm's name with its costs."""
    tokens = [f"{count(row['tokens'])} tokens"] if is_known(row["tokens"]) else []
    parameters = [f"{short_count(row['parameters'])} param."] if is_known(row["parameters"]) else []
    costs = ", ".join(tokens + parameters)
    name = f"{row['arm']} ({costs})" if costs else str(row["arm"])
    return f"Reference: {name}" if row["is_reference"] else name
