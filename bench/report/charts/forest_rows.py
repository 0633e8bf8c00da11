"""Draw numbers with their intervals in rows: a heading for each group, a name for each number, and its dot below it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt

from bench.report.charts.chart_look import (
    BAND,
    CONSTANT,
    EDGE,
    QUIET,
    SHOWN_FAMILIES,
    Datum,
    as_it_is,
    layered,
    number,
    raw,
    tooltip,
)

_ROW_HEIGHT = 17
_SHOWN = f"!isValid(datum.family) || ({SHOWN_FAMILIES})"
_SPANS = ("interval", "band", "published")
_EDGE = 0.06
"""How far an axis goes beyond what is drawn, as a share of its length."""
_TEXTS: dict[str, dict[str, Any]] = {"heading": {"fontWeight": "bold"}, "name": {}}


def line(kind: str, text: str, family: str | None = None, **other: Any) -> Datum:
    """Return a line of the chart: a `heading`, a `name`, or a `dot` with the fields that `forest_rows` reads."""
    return {"kind": kind, "text": text, "family": family, "other": family, **other}


def forest_rows(lines: Sequence[Datum], title: str, told: Mapping[str, str], *, is_log: bool = False) -> dict[str, Any]:
    """Return the chart of lines from top to bottom; its param is `families` if lines have one.

    Args:
        lines: From `line`. A dot has `mean`, `interval`, `colour`, `fill`, `shape` and `row`, and may have `band`,
            which is drawn behind it, and `published`. These three are pairs of ends; None is an open end.
        title: The name of the axis.
        told: Field -> title of what the tooltip of a dot says.
        is_log: Whether the axis is logarithmic; otherwise it has a line at zero.
    """
    families = list(dict.fromkeys(each["family"] for each in lines if each["family"]))
    domain = _domain(lines, is_log)
    data: list[Datum] = [{"line": place, **each, **_drawn(each, domain)} for place, each in enumerate(lines)]
    scale = alt.Scale(type="log" if is_log else "linear", domain=list(domain), nice=False)
    return layered(
        *_layers(title, tooltip(**told), data, scale),
        data=data,
        params={"families": families} if families else {},
        transforms=[alt.FilterTransform(_SHOWN)] if families else [],
        height=_ROW_HEIGHT * len(data),
    )


def _drawn(each: Datum, domain: tuple[float, float]) -> Datum:
    """Return the ends of a line's spans as they are drawn: an open end is that of the axis."""
    spans = {name: each[name] for name in _SPANS if each.get(name)}
    return {
        f"{name}_{side}": domain[place] if span[place] is None else span[place]
        for name, span in spans.items()
        for place, side in enumerate(("from", "to"))
    }


def _domain(lines: Sequence[Datum], is_log: bool) -> tuple[float, float]:
    """Return the ends of the axis: a little beyond everything that is drawn, and zero."""
    spans = [each["mean"] for each in lines if each.get("mean") is not None]
    spans += [end for each in lines for name in _SPANS for end in each.get(name) or () if end is not None]
    values = [value for value in spans if value > 0 or not is_log] + ([] if is_log else [0.0])
    low, high = min(values, default=1.0), max(values, default=1.0)
    if is_log:
        edge = max(high / low, 2.0) ** _EDGE
        return number(low / edge) or low, number(high * edge) or high
    edge = _EDGE * (high - low or 1.0)
    return number(low - edge) or 0.0, number(high + edge) or 0.0


def _layers(title: str, seen: list[alt.Tooltip], data: Sequence[Datum], scale: alt.Scale) -> Iterator[alt.Chart]:
    is_log = scale.to_dict()["type"] == "log"
    signs = alt.Undefined if is_log else "(datum.value > 0 ? '+' : '') + datum.label"
    axis = alt.Axis(grid=False, labelOverlap="greedy", tickCount=5, format="~s" if is_log else "~r", labelExpr=signs)
    x, y = alt.X("mean:Q", scale=scale, axis=axis, title=title), alt.Y("line:O", axis=None)
    looks: dict[str, dict[str, Any]] = {
        "band": {"type": "rule", "color": BAND, "strokeWidth": _ROW_HEIGHT},
        "published": {"type": "rule", "color": CONSTANT, "strokeWidth": 8, "strokeCap": "round", "opacity": 0.7},
        "interval": {"type": "rule", "strokeWidth": 2, "cursor": "pointer"},
    }
    for name, look in looks.items():
        spans = alt.Chart(mark=alt.MarkDef(**look)).transform_filter(f"isValid(datum.{name}_from)")
        at = spans.encode(x=alt.X(f"{name}_from:Q"), x2=f"{name}_to:Q", y=y, tooltip=seen)
        if any(f"{name}_from" in each for each in data):
            yield at.encode(color=raw("colour")) if name == "interval" else at
        if name == "band" and not is_log:
            yield alt.Chart(alt.Data(values=[{}])).mark_rule(color=QUIET).encode(x=alt.X(datum=0, type="quantitative"))
    yield (
        alt.Chart()
        .transform_filter("isValid(datum.mean)")
        .mark_point(opacity=1, size=60, strokeWidth=1.6, cursor="pointer")
        .encode(
            x=x,
            y=y,
            stroke=as_it_is(alt.Stroke, "colour"),
            fill=as_it_is(alt.Fill, "fill"),
            shape=as_it_is(alt.Shape, "shape"),
            tooltip=seen,
        )
    )
    for kind, look in _TEXTS.items():
        texts = alt.Chart().transform_filter(f"datum.kind == '{kind}'")
        mark = {"align": "left", "baseline": "middle", "limit": alt.ExprRef("width"), **look, **EDGE}
        yield texts.mark_text(**mark).encode(x=alt.value(0), y=y, text="text:N")
