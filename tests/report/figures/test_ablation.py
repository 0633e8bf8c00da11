"""What the bars of an ablation show is what its table says."""

import json

import numpy as np
import pytest

from bench.report.figures.ablation import ablation_figure
from tests.report.hand_made import break_seed, make_cells, make_tables


def test_bars_labels_and_costs() -> None:
    """A panel a target, a bar an arm as high as its accuracy, with what it costs under it."""
    table = make_tables(make_cells())["ablations"]
    overlap = table[table["ablation"] == "overlap"]
    figure = ablation_figure(overlap, {})
    assert [ax.get_title() for ax in figure.axes] == ["digits@100", "fractals-heldout (in-domain)"]
    for ax, (_, rows) in zip(figure.axes, overlap.groupby("target", sort=False), strict=True):
        heights = [bar.get_height() for bar in ax.patches]
        assert heights == pytest.approx(100 * rows["accuracy"].to_numpy())
        spans = [segment[:, 1] for bars in ax.collections for segment in bars.get_segments()]
        assert np.array(spans) == pytest.approx(100 * rows[["low", "high"]].to_numpy())
        assert ax.get_ylim()[0] == 0
        assert [label.get_text() for label in ax.get_xticklabels()] == [
            "/16\n4 tokens\n243 k param.",
            "/16, stride 8\n16 tokens\n244 k param.",
            "/8\n16 tokens\n207 k param.",
        ]
        assert [text.get_text().split("\n")[1] for text in ax.texts][-1] == "reference"


def test_an_arm_without_a_seed_or_a_result_says_so() -> None:
    """A failed seed is hatched and labelled; an arm without a result keeps its place; each seed is a dot."""
    cells = break_seed(make_cells(targets=("digits@100",)), arm="none")
    cells.loc[cells["arm"] == "learned-1d", ["status", "accuracy"]] = ["out_of_memory", float("nan")]
    table = make_tables(cells)["ablations"]
    (ax,) = ablation_figure(table[table["ablation"] == "position"], {"digits@100": 0.1}).axes
    assert [bar.get_hatch() for bar in ax.patches] == ["///", "///", ""]
    shown = ax.texts[0].get_text().replace("\N{MINUS SIGN}", "-")
    assert shown.endswith("%\ngiven success\n-7.0\n(-8.4 to -5.5)")
    dots = [line.get_ydata().tolist() for line in ax.lines if line.get_marker() == "."]
    seeds = table.loc[table["ablation"] == "position", "seeds"]
    assert dots == [[100 * value for value in json.loads(of_row) if value is not None] for of_row in seeds]
    assert ax.texts[1].get_text() == "no result"
    assert len(ax.get_xticks()) == 3


def test_what_stands_above_a_bar_ends_below_the_title() -> None:
    """Also in three lines, over the highest bar."""
    cells = break_seed(make_cells(targets=("digits@100",)), arm="none")
    table = make_tables(cells)["ablations"]
    table.loc[table["arm"] == "none", ["accuracy", "low", "high"]] += 0.3
    figure = ablation_figure(table[table["ablation"] == "position"], {})
    figure.draw_without_rendering()
    (ax,) = figure.axes
    tops = [text.get_window_extent().y1 for text in ax.texts if "given success" in text.get_text()]
    assert tops
    assert max(tops) < ax.title.get_window_extent().y0
