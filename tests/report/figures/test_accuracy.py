"""What the main figure draws is what the comparison says."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.report.figures.accuracy import accuracy_figure
from bench.report.figures.drawing import COLOURS
from tests.report.hand_made import break_seed, make_cells, make_tables


def rows_of(cells: pd.DataFrame, target: str = "digits@100") -> pd.DataFrame:
    """Return the comparison's rows of one target."""
    comparison = make_tables(cells)["comparison"]
    return comparison[comparison["target"] == target]


def _points(ax: Axes) -> dict[float, tuple[float, Line2D]]:
    """Height in percent -> the place on the axis and the marker of each mean."""
    found = {}
    for line in ax.lines:
        if line.get_linestyle() == "None" and line.get_marker() in "osD":
            for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True):
                found[round(float(y), 6)] = (float(x), line)
    return found


def _legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize("target", ["digits@100", "fractals-heldout"])
def test_points_lines_intervals_and_seeds_are_the_tables(target: str) -> None:
    """Each at its own size: no point is moved along the axis, so that a reader can measure there."""
    rows = rows_of(make_cells(), target)
    (ax,) = accuracy_figure(rows, None, "What is seen").axes
    points = _points(ax)
    assert len(points) == len(rows)
    for _, row in rows[rows["corpus"] != "none"].iterrows():
        assert points[round(100 * row["accuracy"], 6)][0] == row["subset_images"]
    lines = [list(line.get_ydata()) for line in ax.lines if line.get_linewidth() == 1.4 and len(line.get_xdata()) == 3]
    for _, of_model in rows[rows["corpus"] != "none"].groupby("model"):
        assert pytest.approx(100 * of_model["accuracy"].to_numpy()) in lines
    segments = [segment for part in ax.collections for segment in part.get_segments()]
    assert np.sort([segment[:, 1] for segment in segments], axis=0) == pytest.approx(
        np.sort(100 * rows[["low", "high"]].to_numpy(), axis=0)
    )
    assert all(segment[0, 0] == segment[1, 0] for segment in segments)
    dots = sorted(y for line in ax.lines if line.get_marker() == "." for y in line.get_ydata())
    assert dots == pytest.approx(sorted(100 * seed for row in rows["seeds"] for seed in json.loads(row)))


def test_from_scratch_stands_apart() -> None:
    """Left of every size, under a tick of its own, half filled and on no line."""
    rows = rows_of(make_cells())
    (ax,) = accuracy_figure(rows, None, "").axes
    assert ax.get_xscale() == "log"
    assert sorted(label.get_text() for label in ax.get_xticklabels()) == ["1,024", "256", "4,096", "scratch"]
    points = _points(ax)
    for _, row in rows[rows["corpus"] == "none"].iterrows():
        x, marker = points[round(100 * row["accuracy"], 6)]
        assert x < 200
        assert marker.get_fillstyle() == "left"


def test_a_missing_seed_is_hollow() -> None:
    """And only it; the legend says so."""
    cells = break_seed(make_cells(), model="vit_pico/8", subset_images=1024, target="digits@100")
    rows = rows_of(cells)
    figure = accuracy_figure(rows, None, "")
    hollow = [y for y, (_, marker) in _points(figure.axes[0]).items() if marker.get_markerfacecolor() == "#ffffff"]
    assert hollow == pytest.approx(100 * rows.loc[rows["status"] != "complete", "accuracy"].to_numpy())
    assert "a seed is missing or failed" in _legend(figure)


def test_a_single_seed_has_points_and_no_intervals() -> None:
    """Nothing is drawn for an interval that is not known."""
    rows = rows_of(make_cells(seeds=(0,), arms=False))
    (ax,) = accuracy_figure(rows, None, "").axes
    assert not ax.collections
    assert len(_points(ax)) == len(rows)


def test_a_model_that_is_nowhere_and_a_size_that_is_unknown() -> None:
    """Neither stops the figure; external weights have no place on its axis."""
    cells = make_cells(arms=False)
    outside = cells[cells["subset_images"] == 4096].assign(corpus="external:0123456789ab", subset_images=pd.NA)
    nowhere = cells["model"] == "bit_resnet_pico"
    cells.loc[nowhere, ["status", "accuracy"]] = ["failed", float("nan")]
    figure = accuracy_figure(rows_of(pd.concat([cells, outside.astype(cells.dtypes)], ignore_index=True)), None, "")
    assert len(_points(figure.axes[0])) == 2 * 4
    assert not [name for name in _legend(figure) if "external" in name]


def test_the_axis_ends_where_the_results_do() -> None:
    """The constant answer is a line if the results come near it, and else words: it would press them flat."""
    rows = rows_of(make_cells())
    near = accuracy_figure(rows, 0.25, "")
    (ax,) = near.axes
    assert [line.get_ydata()[0] for line in ax.lines if line.get_color() == COLOURS["constant"]] == [25]
    assert "constant answer: 25.0 %" in _legend(near)
    far = accuracy_figure(rows, 0.02, "")
    (ax,) = far.axes
    assert not [line for line in ax.lines if line.get_color() == COLOURS["constant"]]
    assert ax.get_ylim()[0] > 10
    assert "constant answer: 2.0 %, beyond this axis" in _legend(far)


def test_the_legend_has_the_order_of_the_lines_ends() -> None:
    """So that a reader finds a line's name at the line's height."""
    rows = rows_of(make_cells())
    largest = rows[rows["subset_images"] == 4096].sort_values("accuracy", ascending=False)
    names = [name.partition(": ")[2] for name in _legend(accuracy_figure(rows, None, ""))[:3]]
    assert names == list(largest["model"])
