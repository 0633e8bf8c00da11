"""What the figure of accuracy against cost draws is what its table says."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.report.figures.drawing import COLOURS
from bench.report.figures.pareto import COST_NAMES, pareto_figure
from bench.report.machines import machines
from tests.report.hand_made import break_seed, make_cells, make_suite, make_tables
from tests.speed_rows import measurement


def costs(cells: pd.DataFrame, speeds: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the costs of one target, from cells."""
    (machine,) = machines(make_suite(), make_tables(cells), {"cpu": measurement() if speeds is None else speeds})
    return machine.costs


def _by_cost(figure: Figure) -> dict[str, Axes]:
    return {_cost(ax): ax for ax in figure.axes}


def _cost(ax: Axes) -> str:
    """Return the name of an axis's cost, whose lines are wrapped."""
    return ax.get_xlabel().removesuffix("\n(more is better)").replace("\n", " ")


def _markers(ax: Axes) -> list[Line2D]:
    return [line for line in ax.lines if line.get_linestyle() == "None" and line.get_marker() in "osD"]


def _front(ax: Axes) -> Line2D:
    (line,) = [line for line in ax.lines if line.get_label() == "the front"]
    return line


def test_points_intervals_and_front_are_the_tables() -> None:
    """A panel a cost; a point a row at its accuracy and cost, a staircase and intervals for those of the front."""
    table = costs(make_cells(targets=("digits@100",), arms=False))
    figure = pareto_figure(table, "")
    names = list(dict.fromkeys(table["cost"]))
    assert [_cost(ax) for ax in figure.axes] == [COST_NAMES[name] for name in names]
    for ax, name in zip(figure.axes, names, strict=True):
        rows = table[table["cost"] == name]
        heights = sorted(float(line.get_ydata()[0]) for line in _markers(ax))
        assert heights == pytest.approx(sorted(100 * rows["accuracy"]))
        places = {round(float(line.get_ydata()[0]), 6): float(line.get_xdata()[0]) for line in _markers(ax)}
        for _, row in rows.iterrows():
            assert places[round(100 * row["accuracy"], 6)] == row["value"]
        front = rows[rows["place"] == "front"]
        spans = [segment[:, 1] for bars in ax.collections for segment in bars.get_segments()]
        assert np.sort(spans, axis=0) == pytest.approx(np.sort(100 * front[["low", "high"]].to_numpy(), axis=0))
        assert set(np.round(_front(ax).get_ydata(), 6)) == set(np.round(100 * front["accuracy"], 6))
        assert set(front["value"]) <= set(_front(ax).get_xdata())


def test_the_staircase_falls_with_speed_and_rises_with_size() -> None:
    """What is to be had at a rate or more, and for so many parameters or less; each up to the axis' dear end."""
    figure = pareto_figure(costs(make_cells(targets=("digits@100",), arms=False)), "")
    by_cost = _by_cost(figure)
    rates, sizes = by_cost[COST_NAMES["images_per_second"]], by_cost[COST_NAMES["parameters"]]
    assert (np.diff(_front(rates).get_ydata()) <= 0).all()
    assert (np.diff(_front(sizes).get_ydata()) >= 0).all()
    assert _front(rates).get_xdata()[0] == rates.get_xlim()[0]
    assert _front(sizes).get_xdata()[-1] == sizes.get_xlim()[1]
    assert (_front(rates).get_drawstyle(), _front(sizes).get_drawstyle()) == ("steps-pre", "steps-post")


def test_pale_edged_and_hollow() -> None:
    """Behind is pale, the front has an edge, from scratch is half filled, and a missing seed is hollow."""
    cells = break_seed(make_cells(targets=("digits@100",), arms=False), model="vit_pico/8", subset_images=1024)
    table = costs(cells)
    figure = pareto_figure(table, "")
    rows = table[table["cost"] == "parameters"]
    ax = _by_cost(figure)[COST_NAMES["parameters"]]
    points = {round(float(line.get_ydata()[0]), 6): line for line in _markers(ax)}
    for _, row in rows.iterrows():
        point = points[round(100 * row["accuracy"], 6)]
        assert (point.get_markeredgecolor() == COLOURS["ink"]) == (row["place"] == "front")
        if row["status"] != "complete":
            assert point.get_markerfacecolor() == "#ffffff"
        else:
            assert point.get_fillstyle() == ("left" if row["corpus"] == "none" else "full")
            is_pale = point.get_markerfacecolor() == (point.get_color(), 0.25)
            assert is_pale == (row["place"] == "behind")
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[3:] == ["the front", "behind", "from scratch", "a seed is missing or failed"]


def test_costs_that_differ_manyfold_are_on_a_logarithmic_axis() -> None:
    """With ticks that can be read; costs that are all the same have an axis, too."""
    table = costs(make_cells(targets=("digits@100",), arms=False))
    table.loc[table["cost"] == "macs", "value"] = [1e6, 3e6, 1e8] * 4
    table.loc[table["cost"] == "parameters", "value"] = 5.0
    figure = pareto_figure(table, "")
    by_cost = _by_cost(figure)
    macs, parameters = by_cost[COST_NAMES["macs"]], by_cost[COST_NAMES["parameters"]]
    assert (macs.get_xscale(), parameters.get_xscale()) == ("log", "linear")
    figure.draw_without_rendering()
    low, high = macs.get_xlim()
    shown = [label.get_text() for label in macs.get_xticklabels() if low <= label.get_position()[0] <= high]
    assert 2 <= len(shown) <= 6
    assert "10 M" in shown
    assert parameters.get_xlim()[0] < 5 < parameters.get_xlim()[1]


def test_rows_without_a_number_are_left_out() -> None:
    """An accuracy that is missing, and a speed that is: neither is drawn anywhere."""
    cells = make_cells(targets=("digits@100",), arms=False)
    cells.loc[cells["model"] == "bit_resnet_pico", ["status", "accuracy"]] = ["failed", float("nan")]
    frame = measurement()
    figure = pareto_figure(costs(cells, frame[frame["model"] != "r_pico+vit_pico/8"]), "")
    by_cost = {name: len(_markers(ax)) for name, ax in _by_cost(figure).items()}
    assert by_cost[COST_NAMES["images_per_second"]] == 4
    assert by_cost[COST_NAMES["parameters"]] == 8
