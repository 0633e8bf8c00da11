"""Forest plots show every line, and what is undecided."""

from bench.analysis.stats.intervals import Interval
from bench.report.figures.forest import Forest, ForestLine, forest_figure


def test_forests_show_what_is_undecided() -> None:
    """A row without an interval says so; the others have a point on their bar."""
    lines = (ForestLine("a over b", Interval(60, 40, 80, 3), "k"), ForestLine("a over c", None, "k"))
    (ax,) = forest_figure([Forest("digits", lines)], "", "Probability (%)", 50, (0, 100)).axes
    assert [text.get_text() for text in ax.texts] == ["a over b", "a over c", "undecided"]
    assert [float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "o"] == [60]
    assert [list(line.get_xdata()) for line in ax.lines if line.get_linewidth() == 1.8] == [[40, 80]]


def test_long_names_leave_the_axis_its_room() -> None:
    """Names stand over their bars, so that both have the whole width."""
    widths = []
    for name in ("short", "vit_pico/12:padding=2,stride=8 over r_pico+vit_pico/8"):
        lines = (ForestLine(name, Interval(3, 1, 7, 6), "C0"),)
        figure = forest_figure([Forest("digits", lines)], "", "x", 0, (0, 10))
        figure.draw_without_rendering()
        widths.append(figure.axes[0].get_window_extent().width / figure.dpi)
    assert widths[0] == widths[1] > 4
