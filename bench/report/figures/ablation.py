"""Draw the arms of an ablation as bars with their intervals, and the costs of each arm below its bar."""

from collections.abc import Mapping
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.format import count, is_known, percent, points, short_count
from bench.analysis.seeds import COMPLETE, GIVEN_SUCCESS
from bench.report.figures.drawing import colour, draw_constant, draw_seeds, grid, seed_values, style, tint
from bench.report.layout import Panel, panels


@style()
def ablation_figure(ablation: pd.DataFrame, constant: Mapping[str, float]) -> Figure:
    """Draw the arms of one ablation: a panel per target, a bar per arm, with its costs under it.

    Args:
        ablation: The rows of one ablation, from the table of `bench.analysis.ablations`.
        constant: Target -> accuracy of the best constant answer, 0 to 1; a target without one gets no line.
    """
    drawn = panels(ablation)
    num_arms = max(len(panel.rows) for panel in drawn)
    figure, axes = grid(len(drawn), (), width=max(3.0, 1.15 * num_arms), height=3.0)
    for panel, ax in zip(drawn, axes, strict=True):
        _draw_arms(ax, panel, constant.get(panel.target))
    return figure


def _draw_arms(ax: Axes, panel: Panel, constant: float | None) -> None:
    rows = panel.rows.reset_index(drop=True)
    x = np.arange(len(rows))
    y, low, high = (100 * rows[column].to_numpy(dtype=float) for column in ("accuracy", "low", "high"))
    edges = [colour(family) for family in rows["family"]]
    faces = [edge if full else tint(edge) for edge, full in zip(edges, rows["is_reference"], strict=True)]
    hatches = ["" if status == COMPLETE else "///" for status in rows["status"]]
    ax.bar(x, y, width=0.62, color=faces, edgecolor=edges, linewidth=1, hatch=hatches)
    ax.errorbar(x, y, yerr=[y - low, high - y], fmt="none", ecolor="0.15", elinewidth=1.1, capsize=3)
    draw_constant(ax, constant)
    for place, (_, row) in enumerate(rows.iterrows()):
        draw_seeds(ax, place, row)
    seeds = [[100 * value for value in seed_values(row)] for _, row in rows.iterrows()]
    tops = [np.nanmax([0, mean, min(end, 100), *dots]) for mean, end, dots in zip(y, high, seeds, strict=True)]
    labels = [_above(row) for _, row in rows.iterrows()]
    for at, top, label in zip(x, tops, labels, strict=True):
        ax.annotate(label, (at, top), (0, 3), textcoords="offset points", ha="center", fontsize="small")
    ax.set_xticks(x, _below(rows))
    ax.tick_params(axis="x", length=0)
    ax.set_title(panel.title)
    num_lines = max(len(label.splitlines()) for label in labels)
    ax.set_ylim(0, (1 + 0.08 * num_lines) * max(*tops, 1))


def _above(row: pd.Series) -> str:
    """Return the accuracy and, under it, the difference to the reference arm."""
    if not is_known(row["accuracy"]):
        return "no result"
    label = f"\n{GIVEN_SUCCESS}" if row["num_failed"] else ""
    return f"{percent(row['accuracy'])}{label}\n{_difference(row)}"


def _difference(row: pd.Series) -> str:
    if row["is_reference"]:
        return "reference"
    if not is_known(row["difference"]) or f"undecided: {GIVEN_SUCCESS}" in row["difference_status"]:
        return "undecided"
    return points(row["difference"], row["difference_low"], row["difference_high"]).replace(" (", "\n(")


def _below(rows: pd.DataFrame) -> list[str]:
    """Return each arm's name with its costs; all names have the same number of lines, so that the costs align."""
    names = [wrap(arm, 15) for arm in rows["arm"]]
    height = max(len(name) for name in names)
    padded = ["\n".join(name + [""] * (height - len(name))) for name in names]
    return [f"{name}\n{_cost(row)}" for name, (_, row) in zip(padded, rows.iterrows(), strict=True)]


def _cost(row: pd.Series) -> str:
    tokens = f"{count(row['tokens'])} tokens" if is_known(row["tokens"]) else "no tokens"
    parameters = f"{short_count(row['parameters'])} param." if is_known(row["parameters"]) else "not counted"
    return f"{tokens}\n{parameters}"
