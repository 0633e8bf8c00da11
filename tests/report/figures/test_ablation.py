"""What the dots of an ablation show is what its table says."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from bench.report.figures.ablation import ablation_figure
from tests.report.hand_made import break_seed, make_cells, make_tables


def _of(cells: pd.DataFrame, name: str) -> pd.DataFrame:
    table = make_tables(cells)["ablations"]
    return table[table["ablation"] == name]


def _dots(ax: Axes) -> list[float]:
    return [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "None"]


def test_dots_intervals_names_and_costs() -> None:
    """A dot an arm and target, at its difference; a name with its costs above; no dot for the reference."""
    rows = _of(make_cells(), "overlap")
    figure = ablation_figure(rows, "What is seen")
    (ax,) = figure.axes
    others = rows[~rows["is_reference"]]
    in_order = others.sort_values("arm", kind="stable")
    assert _dots(ax) == pytest.approx((100 * in_order["difference"]).tolist())
    ends = np.array([line.get_xdata() for line in ax.lines if line.get_linewidth() == 1.8])
    assert ends == pytest.approx(100 * in_order[["difference_low", "difference_high"]].to_numpy())
    assert [text.get_text() for text in ax.texts] == [
        "/16 (4 tokens, 243 k param.)",
        "/16, stride 8 (16 tokens, 244 k param.)",
        "Reference: /8 (16 tokens, 207 k param.)",
    ]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["digits@100", "fractals-heldout (in-domain)"]


def test_an_arm_without_a_seed_or_a_result_says_so() -> None:
    """A failed seed makes a hollow dot with words beside it; an arm without a result keeps its row."""
    cells = break_seed(make_cells(targets=("digits@100",)), arm="none")
    cells.loc[cells["arm"] == "learned-1d", ["status", "accuracy"]] = ["out_of_memory", float("nan")]
    (ax,) = ablation_figure(_of(cells, "position"), "").axes
    texts = [text.get_text() for text in ax.texts]
    assert "given success" in texts
    assert "no result" in texts
    (dot,) = [line for line in ax.lines if line.get_linestyle() == "None"]
    assert dot.get_markerfacecolor() == "#ffffff"
