"""What the main figure draws is what the comparison says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from PIL import Image

from bench.report.figures.accuracy import accuracy_figure
from bench.report.figures.drawing import grid, save
from tests.report.hand_made import break_seed, make_cells, make_tables

CONSTANT = {"digits@100": 0.1}


def _lines(ax: Axes, label: str) -> list[Line2D]:
    return [line for line in ax.lines if line.get_label() == label]


def _points(ax: Axes) -> dict[float, Line2D]:
    """Height in percent -> the markers drawn there."""
    markers = [line for line in ax.lines if line.get_linestyle() == "None" and line.get_marker() not in ("_", ".")]
    return {round(float(y), 6): line for line in markers for y in np.asarray(line.get_ydata())}


def test_lines_points_and_intervals_are_the_tables() -> None:
    """A panel a target; each line rises through the means, each bar spans its interval; the constant answer."""
    comparison = make_tables(make_cells())["comparison"]
    figure = accuracy_figure(comparison, CONSTANT)
    assert [ax.get_title() for ax in figure.axes] == ["digits@100", "fractals-heldout (in-domain)"]
    for ax, (target, of_target) in zip(figure.axes, comparison.groupby("target", sort=False), strict=True):
        for model, rows in of_target[of_target["corpus"] != "none"].groupby("model"):
            (line,) = _lines(ax, f"{model} on fractals")
            assert line.get_ydata() == pytest.approx(100 * rows["accuracy"].to_numpy())
            assert line.get_xdata() == pytest.approx(rows["subset_images"].to_numpy(float), rel=0.15)
        bars = [collection for collection in ax.collections if isinstance(collection, LineCollection)]
        drawn = sorted(tuple(segment[:, 1]) for bar in bars for segment in bar.get_segments())
        expected = sorted(zip(100 * of_target["low"], 100 * of_target["high"], strict=True))
        assert np.array(drawn) == pytest.approx(np.array(expected))
        assert len(_points(ax)) == len(of_target)
        assert [line.get_ydata()[0] for line in _lines(ax, "constant answer")] == [10] * (target in CONSTANT)


def test_from_scratch_stands_apart() -> None:
    """Left of every size, under a tick of its own, half filled and on no line."""
    comparison = make_tables(make_cells(targets=("digits@100",)))["comparison"]
    (ax,) = accuracy_figure(comparison, {}).axes
    assert ax.get_xscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["scratch", "256", "1,024", "4,096"]
    points = _points(ax)
    for _, row in comparison[comparison["corpus"] == "none"].iterrows():
        point = points[round(100 * row["accuracy"], 6)]
        assert float(np.asarray(point.get_xdata())[0]) < 200
        assert point.get_fillstyle() == "left"


def test_a_missing_seed_is_hollow() -> None:
    """And only it; the legend says so."""
    cells = make_cells(targets=("digits@100",))
    comparison = make_tables(break_seed(cells, model="vit_pico/8", subset_images=1024))["comparison"]
    figure = accuracy_figure(comparison, CONSTANT)
    hollow = [height for height, point in _points(figure.axes[0]).items() if point.get_markerfacecolor() == "white"]
    broken = comparison[comparison["status"] != "complete"]
    assert hollow == pytest.approx(100 * broken["accuracy"].to_numpy())
    assert "a seed is missing or failed" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_single_seed_has_points_and_no_bars() -> None:
    """Nothing is drawn for an interval that is not known."""
    comparison = make_tables(make_cells(seeds=(0,), targets=("digits@100",), arms=False))["comparison"]
    (ax,) = accuracy_figure(comparison, {}).axes
    segments = [segment for bar in ax.collections for segment in bar.get_segments()]
    assert not [segment for segment in segments if len(segment) and np.isfinite(segment).all()]
    assert len(_points(ax)) == len(comparison)


def test_a_model_that_is_nowhere_and_a_size_that_is_unknown() -> None:
    """Neither stops the figure; external weights have no place on its axis."""
    cells = make_cells(targets=("digits@100",), arms=False)
    outside = cells[cells["subset_images"] == 4096].assign(corpus="external:0123456789ab", subset_images=pd.NA)
    nowhere = cells["model"] == "bit_resnet_pico"
    cells.loc[nowhere, ["status", "accuracy"]] = ["failed", float("nan")]
    comparison = make_tables(pd.concat([cells, outside.astype(cells.dtypes)], ignore_index=True))["comparison"]
    figure = accuracy_figure(comparison, {})
    (ax,) = figure.axes
    assert len(_points(ax)) == 2 * 4
    assert not [text for text in figure.legends[0].get_texts() if "external" in text.get_text()]


def test_files_are_pictures_and_repeat_to_the_byte(tmp_path: Path) -> None:
    """Of the size of the figure, and not blank; drawn twice, the same."""
    comparison = make_tables(make_cells(arms=False))["comparison"]
    for name in ("one", "two"):
        save(accuracy_figure(comparison, CONSTANT), tmp_path / name)
    for ending in ("svg", "png", "pdf"):
        assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"two.{ending}").read_bytes()
    picture = Image.open(tmp_path / "one.png").convert("RGB")
    assert picture.size == (1400, 708)
    colours = {colour for _, colour in picture.getcolors(maxcolors=1 << 20) or []}
    assert {(1, 115, 178), (222, 143, 5), (2, 158, 115)} <= colours


def test_a_picture_holds_a_legend_wider_than_its_figure(tmp_path: Path) -> None:
    """So that a long model name is not cut off."""
    figure, _ = grid(1, [Line2D([], [], label=40 * "wide ")], height=2.0)
    save(figure, tmp_path / "wide")
    (legend,) = figure.legends
    shown = legend.get_window_extent().width
    assert shown > 200 * figure.get_figwidth()
    with Image.open(tmp_path / "wide.png") as picture:
        assert picture.width >= shown
