"""Forest plots show every line, and what is undecided."""

import numpy as np
import pytest

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.judge import judge_claims
from bench.analysis.claims.literature import CLAIMS
from bench.analysis.format import steady
from bench.analysis.stats.intervals import Interval
from bench.report.figures.forest import Forest, ForestLine, forest_figure
from bench.report.forest_plots import forests_of_claims
from tests.report.hand_made import make_cells, make_tables


def test_forests_show_what_is_undecided() -> None:
    """A row without an interval says so; the others have a point on their bar."""
    lines = (ForestLine("a over b", Interval(60, 40, 80, 3), "k"), ForestLine("a over c", None, "k"))
    (ax,) = forest_figure([Forest("digits", lines)], "", "Probability (%)", 50).axes
    assert [text.get_text() for text in ax.texts] == ["a over b", "a over c", "undecided"]
    assert [float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "o"] == [60]
    assert [list(line.get_xdata()) for line in ax.lines if line.get_linewidth() == 1.8] == [[40, 80]]


def test_claims_are_drawn_against_their_limits() -> None:
    """In points, each estimate on the values with which it holds; what is undecided is hollow."""
    evidence = Evidence(make_tables(make_cells()), {"position": "sincos-2d", "overlap": "/8"})
    judgements = judge_claims(CLAIMS, evidence)
    plot = next(forests_of_claims(judgements))
    assert plot.key == ("claims", "points")
    (ax,) = forest_figure(plot.forests, "", plot.label, plot.neutral).axes
    parts = [part for each in judgements for part in each.parts if part.unit == "points" and part.interval.is_known]
    assert len(parts) > 1
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [steady(100 * part.interval.mean, 6) for part in parts]
    hollow = [dot.get_markerfacecolor() == "#ffffff" for dot in dots]
    assert hollow == [part.word == "undecided" for part in parts]
    left, right = ax.get_xlim()
    published = [each.claim.published.span for each in judgements for part in each.parts if part in parts]
    crosses = [tuple(line.get_xdata()) for line in ax.lines if line.get_marker() == "x"]
    assert crosses == [span for span in published if span]
    assert crosses
    bands = [band.get_paths()[0].get_extents() for band in ax.collections]
    limits = [(max(100 * part.limits.low, left), min(100 * part.limits.high, right)) for part in parts]
    assert np.array([(band.x0, band.x1) for band in bands]) == pytest.approx(np.array(limits))


def test_long_names_leave_the_axis_its_room() -> None:
    """Names stand over their bars, so that both have the whole width."""
    widths = []
    for name in ("short", "vit_pico/12:padding=2,stride=8 over r_pico+vit_pico/8"):
        lines = (ForestLine(name, Interval(3, 1, 7, 6), "C0"),)
        figure = forest_figure([Forest("digits", lines)], "", "x", 0)
        figure.draw_without_rendering()
        widths.append(figure.axes[0].get_window_extent().width / figure.dpi)
    assert widths[0] == widths[1] > 4
