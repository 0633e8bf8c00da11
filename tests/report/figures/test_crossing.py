"""What the figure of differences draws is what the statistics of pairs say."""

from dataclasses import replace

import pytest

from bench.report.charts.chart_look import pair_colour
from bench.report.figures.crossing import crossing_figure
from bench.report.figures.drawing import COLOURS
from bench.report.findings import findings
from tests.report.hand_made import make_ladder_cells


def test_differences_and_crossings_are_drawn_where_they_are() -> None:
    """Means at the rungs themselves, a diamond at each crossing, a bar from end to end of its interval."""
    (found,) = findings({"cells": make_ladder_cells()})
    for one in found.targets:
        (ax,) = crossing_figure(one, "").axes
        diamonds = [float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "d"]
        expected = [duel.crossing.size for duel in one.pairs if duel.crossing and duel.crossing.size]
        assert sorted(diamonds) == pytest.approx(sorted(expected))
        bars = [
            tuple(line.get_xdata()) for line in ax.lines if line.get_linewidth() == 1.6 and len(line.get_xdata()) == 2
        ]
        drawn = [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines if len(line.get_ydata()) == 5]
        for duel in one.pairs:
            assert duel.crossing is not None
            if duel.crossing.low and duel.crossing.high:
                assert pytest.approx((duel.crossing.low, duel.crossing.high)) in bars
            sizes = [rung.size for rung in duel.rungs]
            assert (sizes, pytest.approx([100 * rung.mean for rung in duel.rungs])) in drawn


def test_a_pair_has_the_colour_of_its_families_in_every_chart() -> None:
    """That of the interactive chart, whatever the order of the models; pairs of one colour differ in their dashes."""
    (found,) = findings({"cells": make_ladder_cells(targets=("digits@100",))})
    (target,) = found.targets
    for pairs in (target.pairs, target.pairs[::-1]):
        (ax,) = crossing_figure(replace(target, pairs=pairs), "").axes
        lines = {line.get_label(): line for line in ax.figure.legends[0].get_lines()}
        for pair in pairs:
            line = lines[f"{pair.first.model} less {pair.second.model}"]
            variable = next(name for name, colour in COLOURS.items() if colour == line.get_color())
            assert pair_colour(pair.first.family, pair.second.family) == f"var(--{variable})"


def test_extrapolations_are_hollow() -> None:
    """With an entry in the legend; without one if no pair crosses beyond the rungs."""
    cells = make_ladder_cells(targets=("digits@100",))
    plain = crossing_figure(findings({"cells": cells})[0].targets[0], "")
    cells.loc[cells["family"] == "vit", "accuracy"] -= 0.075
    (target,) = findings({"cells": cells})[0].targets
    figure = crossing_figure(target, "")
    hollow = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "#ffffff"]
    assert len(hollow) == len([duel for duel in target.pairs if duel.beyond]) > 0
    legends = [[text.get_text() for text in each.legends[0].get_texts()] for each in (figure, plain)]
    assert ["extrapolated" in legend for legend in legends] == [True, False]
