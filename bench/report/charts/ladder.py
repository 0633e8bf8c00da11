"""Draw the ladder on one target: accuracy, error, gain over scratch and differences of pairs, one view at a time."""

from collections.abc import Iterator, Mapping, Sequence
from math import log10
from typing import Any

import altair as alt
import pandas as pd

from bench.analysis.format import short_count
from bench.report.charts.chart_look import (
    AIR,
    CONSTANT,
    EDGE,
    HEIGHT,
    RULE,
    SHOWN_FAMILIES,
    apart,
    as_it_is,
    axis_title,
    label_text,
    layered,
    number,
    raw,
    tooltip,
)
from bench.report.charts.ladder_points import ladder_points
from bench.report.findings import Findings

_WORDS = {
    "accuracy": "accuracy",
    "error": "error",
    "gain": "gain over scratch",
    "difference": "differences of pairs",
}
"""View -> its button."""
_TITLES = {
    "accuracy": "Test accuracy (%)",
    "error": "Test error (%), logarithmic",
    "gain": "Gain over training from scratch (points)",
    "difference": "Difference in test accuracy (points)",
}
"""View -> the name of its vertical axis."""
_LEAST_ERROR = 0.1
"""The smallest error drawn, in percent, since zero has no logarithm."""
_ERROR_TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)
_BELOW_AXIS = 44
"""Pixels from the plot to the first line below the axis and its name."""
_SHOWN = (
    "datum.target == target && isValid(datum.views[view]) && (datum.kind != 'arm' || arms) && "
    f"(!isValid(datum.family) || ({SHOWN_FAMILIES}))"
)


def ladder_chart(
    comparison: pd.DataFrame,
    ablations: pd.DataFrame,
    findings: Sequence[Findings],
    constant: Mapping[str, float],
) -> dict[str, Any] | None:
    """Return the chart of the ladders; None if no pretrained row of known size has a result.

    Its params are `target` (a key from `bench.report.layout.target_key`), `families`, `arms`, `view`, and `scratch`:
    whether the target has points from scratch in the view, which have a place of their own on the axis.

    Args:
        comparison: The table from `bench.analysis.comparison`.
        ablations: The table from `bench.analysis.ablations`.
        findings: The results of the ladders, one per transfer.
        constant: Target -> accuracy of the best constant answer, 0 to 1.
    """
    data, sizes, scratch_at = ladder_points(comparison, ablations, findings, constant)
    if not sizes:
        return None
    views = [view for view in _WORDS if any(view in row["views"] for row in data if row["kind"] in ("row", "pair"))]
    return layered(
        *_layers(sizes, scratch_at),
        data=data,
        params={
            "target": data[0]["target"],
            "families": list(dict.fromkeys(row["family"] for row in data if row["family"])),
            "arms": False,
            "view": "accuracy",
            "scratch": any(row.get("images") == 0 for row in data if row["target"] == data[0]["target"]),
        },
        transforms=_transforms(),
        choices={"view": {view: _WORDS[view] for view in views}} if len(views) > 1 else {},
    )


def _transforms() -> list[Any]:
    """Return the transforms that choose what is shown, and give its place on the vertical axis."""
    ends = [("at", 0), ("low", 1), ("high", 2)]
    of_view = "view == 'error' ? log(max({0}, {1})) / LN10 : {0}"
    return [
        alt.FilterTransform(_SHOWN),
        alt.CalculateTransform(calculate="datum.views[view][3]", **{"as": "shown"}),
        *(
            alt.CalculateTransform(
                calculate=f"isValid(datum.views[view][{place}]) ? "
                f"({of_view.format(f'datum.views[view][{place}]', _LEAST_ERROR)}) : null",
                **{"as": name},
            )
            for name, place in ends
        ),
    ]


def _layers(sizes: Sequence[int], scratch_at: float) -> Iterator[alt.Chart]:
    x, y = _horizontal(sizes, scratch_at), _vertical()
    at = {"x": x, "y": y}
    seen = {"tooltip": tooltip(line="model", **{"from": "pretrained on"}, shown="result")}
    border = alt.Chart(alt.Data(values=[{}])).mark_rule(color=RULE, opacity=alt.ExprRef("scratch ? 1 : 0"))
    yield border.encode(x=alt.X(datum=number((scratch_at * sizes[0]) ** 0.5), type="quantitative"))
    levels = alt.Chart().transform_filter("datum.kind == 'level'")
    dash = as_it_is(alt.StrokeDash, "dash")
    yield levels.mark_rule().encode(y=y, color=raw("colour"), strokeDash=dash)
    yield levels.mark_text(align="left", baseline="bottom", dy=-3, color=CONSTANT, **EDGE).encode(
        x=alt.value(4), y=y, text="shown:N"
    )
    yield (
        alt.Chart()
        .transform_filter("datum.kind == 'note'")
        .mark_text(align="left", baseline="top", color=CONSTANT)
        .encode(x=alt.value(0), y=alt.value(HEIGHT + _BELOW_AXIS), text="shown:N")
    )
    of_rows = alt.Chart().transform_filter("datum.kind != 'level' && datum.kind != 'note'")
    yield (
        of_rows.transform_filter("isValid(datum.low)")
        .mark_rule(cursor="pointer")
        .encode(**at, y2="high:Q", color=raw("colour"), strokeWidth=as_it_is(alt.StrokeWidth, "width", "Q"), **seen)
        .encode(y=alt.Y("low:Q"), opacity=as_it_is(alt.Opacity, "opacity", "Q"))
        .encode(order=alt.Order("width:Q", sort="descending"))  # narrow intervals in front of wide ones
    )
    yield (
        of_rows.transform_filter("datum.images > 0 && datum.kind != 'arm'")
        .mark_line(strokeWidth=1.8)
        .encode(**at, color=raw("colour"), strokeDash=dash, detail="line:N")
    )
    yield of_rows.mark_point(opacity=1, strokeWidth=1.6, cursor="pointer").encode(
        **at,
        stroke=as_it_is(alt.Stroke, "colour"),
        fill=as_it_is(alt.Fill, "fill"),
        shape=as_it_is(alt.Shape, "shape"),
        size=alt.condition("datum.kind == 'arm'", alt.value(28), alt.value(64)),
        **seen,
    )
    yield _labels()
    titles = " : ".join(f"view == '{view}' ? '{title}'" for view, title in _TITLES.items())
    yield axis_title(f"{titles} : ''")


def _labels() -> alt.Chart:
    """Return the names of the lines at their ends."""
    last = (
        label_text("label")
        .transform_filter("datum.kind != 'note'")
        .transform_calculate(low_end="isValid(datum.low) ? datum.low : datum.at")
        .transform_calculate(high_end="isValid(datum.high) ? datum.high : datum.at")
        .transform_joinaggregate(least="min(low_end)", most="max(high_end)")
        .transform_filter("datum.kind == 'row' || datum.kind == 'pair'")
        .transform_joinaggregate(end="max(x)", groupby=["line"])
        .transform_filter("datum.x == datum.end")
    )
    return apart(last)


def _horizontal(sizes: Sequence[int], scratch_at: float) -> alt.X:
    """Return the logarithmic axis of pretraining images, with a tick at each size, and at from scratch if shown."""
    ticks = {scratch_at: "scratch", **{float(size): short_count(size) for size in sizes}}
    names = " : ".join(f"abs(datum.value / {place:.6g} - 1) < 1e-4 ? '{name}'" for place, name in ticks.items())
    edge = max(sizes[-1] / scratch_at, 2.0) ** 0.05
    left, of_sizes = (number(place / edge) for place in (scratch_at, sizes[0]))
    domain = [alt.ExprRef(f"scratch ? {left} : {of_sizes}"), number(sizes[-1] * edge)]
    values = alt.ExprRef(f"scratch ? {list(ticks)} : {sizes}")
    axis = alt.Axis(values=values, labelExpr=f"{names} : ''", grid=False, labelOverlap="greedy", labelSeparation=6)
    return alt.X("x:Q", scale=alt.Scale(type="log", domain=domain, nice=False), axis=axis, title="Pretraining images")


def _vertical() -> alt.Y:
    """Return the axis of results; errors are drawn by their logarithm, and labelled as they are."""
    ticks = ", ".join(f"{log10(tick):.6f}" for tick in _ERROR_TICKS)
    words = (
        "view == 'error' ? format(pow(10, datum.value), '.2~r') : "
        "(view != 'accuracy' && datum.value > 0 ? '+' : '') + datum.label"
    )
    values = alt.ExprRef(f"view == 'error' ? [{ticks}] : null")
    axis = alt.Axis(values=values, labelExpr=words, title=None, labelOverlap="greedy", domain=False, ticks=False)
    return alt.Y("at:Q", scale=alt.Scale(zero=False, nice=False, padding=AIR), axis=axis)
