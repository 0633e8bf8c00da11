"""What the bars of an ablation show is what its table says."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.report.figures.ablation import ablation_figure

MakeCells = Callable[..., pd.DataFrame]
MakeTables = Callable[[pd.DataFrame], dict[str, pd.DataFrame]]


def test_bars_labels_and_costs(make_cells: MakeCells, make_tables: MakeTables) -> None:
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


def test_a_missing_seed_is_hatched_and_undecided(
    make_cells: MakeCells, make_tables: MakeTables, break_seed: Any
) -> None:
    """Its difference is not taken from the seeds that are left."""
    cells = break_seed(make_cells(targets=("digits@100",)), arm="none")
    table = make_tables(cells)["ablations"]
    (ax,) = ablation_figure(table[table["ablation"] == "position"], {"digits@100": 0.1}).axes
    assert [bar.get_hatch() for bar in ax.patches] == ["///", "", ""]
    assert ax.texts[0].get_text().endswith("\nundecided")


def test_an_arm_without_a_result_says_so(make_cells: MakeCells, make_tables: MakeTables) -> None:
    """It keeps its place."""
    cells = make_cells(targets=("digits@100",))
    cells.loc[cells["arm"] == "none", ["status", "accuracy"]] = ["out_of_memory", float("nan")]
    table = make_tables(cells)["ablations"]
    (ax,) = ablation_figure(table[table["ablation"] == "position"], {}).axes
    assert ax.texts[0].get_text() == "no result"
    assert len(ax.get_xticks()) == 3
