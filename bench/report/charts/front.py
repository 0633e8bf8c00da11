"""Draw accuracy against one cost at a time, with intervals on both axes and the best accuracy for each cost or less."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, log10
from typing import Any

import altair as alt
import pandas as pd
from matplotlib.ticker import MaxNLocator

from bench.analysis.format import bounds, is_known, short_count, three_digits
from bench.analysis.frames import split
from bench.analysis.pareto import COSTS
from bench.analysis.seeds import COMPLETE
from bench.report.charts.chart_look import (
    AIR,
    HEIGHT,
    PAPER,
    QUIET,
    SHOWN_FAMILIES,
    Datum,
    apart,
    as_it_is,
    axis_title,
    estimate,
    family_colour,
    family_shape,
    known,
    label_text,
    layered,
    number,
    raw,
    short_names,
    tenths,
    tooltip,
)
from bench.report.figures.pareto import COST_NAMES
from bench.report.layout import arm_row, comparison_row, pretraining_name, target_key

_SMALLEST, _LARGEST, _OF_ARM = 30.0, 110.0, 24.0
"""The areas of points in square pixels, from the first pretraining of the comparison to its last, and of an arm."""
_BELOW_AXIS = 34
"""Pixels from the plot to the name of its horizontal axis."""
_FEW = 3
"""The least number of ticks by which an axis is read."""
_SHOWN = "datum.target == target && isValid(datum.costs[cost]) && (datum.kind != 'arm' || arms) && " + SHOWN_FAMILIES


def front_chart(costs: pd.DataFrame) -> dict[str, Any] | None:
    """Return the chart of accuracy against cost on one machine; None if no row has both.

    Its params are `target` (a key from `bench.report.layout.target_key`), `families`, `arms` and `cost`.

    Args:
        costs: The table from `bench.analysis.pareto`.
    """
    drawn = known(costs, "accuracy", "value")
    drawn = drawn[drawn["value"] > 0]
    if drawn.empty:
        return None
    data = list(_points(drawn))
    choices = [cost for cost in COSTS if any(cost in datum["costs"] for datum in data)]
    return layered(
        *_layers({cost: _ticks(data, cost) for cost in choices}),
        data=data,
        params={
            "target": data[0]["target"],
            "families": list(dict.fromkeys(datum["family"] for datum in data)),
            "arms": False,
            "cost": choices[0],
        },
        transforms=_transforms(),
        choices={"cost": {cost: COST_NAMES[cost] for cost in choices}} if len(choices) > 1 else {},
    )


def _points(drawn: pd.DataFrame) -> Iterator[Datum]:
    """Yield a point for each row of the comparison, and for each arm if the table has them, with all of its costs."""
    drawn = drawn if "arm" in drawn else drawn.assign(ablation="", arm="")
    drawn = drawn.assign(key=drawn.apply(target_key, axis=1), pretraining=drawn.apply(pretraining_name(drawn), axis=1))
    on_ladder = drawn[drawn["arm"] == ""]
    names = short_names(dict(zip(on_ladder["model"], on_ladder["family"], strict=True)))
    order = {name: place for place, name in enumerate(dict.fromkeys(on_ladder["pretraining"]))}
    step = (_LARGEST - _SMALLEST) / max(1, len(order) - 1)
    for _, rows in split(drawn, ["ablation", "arm", "model", "pretraining", "key"]):
        row = rows.iloc[0]
        is_arm, family = row["arm"] != "", str(row["family"])
        accuracy = (100 * float(row[name]) for name in ("accuracy", "low", "high"))
        yield {
            "kind": "arm" if is_arm else "row",
            "target": row["key"],
            "family": family,
            "other": family,
            "line": f"{row['model']} (arm {row['arm']} of {row['ablation']})" if is_arm else row["model"],
            "label": "" if is_arm else names[row["model"]],
            "from": row["pretraining"],
            "accuracy": estimate(accuracy, tenths, " %"),
            "costs": {str(each["cost"]): _cost(each) for _, each in rows.iterrows()},
            "colour": family_colour(family),
            "fill": family_colour(family) if row["status"] == COMPLETE else PAPER,
            "shape": family_shape(family),
            "size": _OF_ARM if is_arm else number(_SMALLEST + step * order[row["pretraining"]]),
            "row": arm_row(row) if is_arm else comparison_row(row),
        }


def _cost(row: pd.Series) -> list[Any]:
    """Return a cost, the ends of its interval if it was measured, all in words, and the row's place by it."""
    show = short_count if row["value"] >= 1e4 else three_digits
    low, high = row.get("value_low"), row.get("value_high")
    ends = f" ({bounds(low, high, show)})" if is_known(low) and is_known(high) else ""
    words = f"{COST_NAMES[row['cost']]}: {show(row['value'])}{ends}"
    return [number(row["value"]), number(low), number(high), words, row["place"]]


def _ticks(data: Sequence[Datum], cost: str) -> list[float]:
    """Return the ticks of a cost's axis: 1, 2 and 5 in each power of ten, or even steps if these are too few."""
    values = [end for datum in data for end in datum["costs"].get(cost, [])[:3] if end is not None]
    low, high = min(values), max(values)
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    ticks = [factor * 10.0**power for power in powers for factor in (1, 2, 5) if low <= factor * 10.0**power <= high]
    if len(ticks) < _FEW:
        even = MaxNLocator(4).tick_values(low, high) if high > low else [low]
        ticks = [float(tick) for tick in even if tick > 0]
    return [tick for tick in map(number, map(log10, ticks)) if tick is not None]


def _transforms() -> list[Any]:
    """Return the transforms that choose what is shown, and give its place on both axes; costs by their logarithm."""
    more = " || ".join(f"cost == '{cost}'" for cost in COSTS if COSTS[cost] == "more")
    of_cost = [f"isValid(datum.costs[cost][{end}]) ? log(datum.costs[cost][{end}]) / LN10 : null" for end in range(3)]
    calculated = {
        **dict(zip(("x", "x_low", "x_high"), of_cost, strict=True)),
        **{name: f"datum.accuracy[{place}]" for place, name in enumerate(("at", "low", "high", "shown"))},
        "cost_shown": "datum.costs[cost][3]",
        "place": "datum.costs[cost][4]",
        "price": f"({more or 'false'}) ? -datum.x : datum.x",
    }
    made = [alt.CalculateTransform(calculate=how, **{"as": name}) for name, how in calculated.items()]
    return [alt.FilterTransform(_SHOWN), *made]


def _layers(ticks: Mapping[str, Sequence[float]]) -> Iterator[alt.Chart]:
    at: dict[str, Any] = {"x": _horizontal(ticks), "y": _vertical()}
    seen = {
        "tooltip": tooltip(line="model", **{"from": "pretrained"}, shown="accuracy", cost_shown="cost", place="place")
    }
    interval: dict[str, Any] = {"opacity": 0.4, "strokeWidth": 1.6, "cursor": "pointer"}
    colour = raw("colour")
    yield _best(at)
    yield (
        alt.Chart()
        .transform_filter("isValid(datum.low)")
        .mark_rule(**interval)
        .encode(x=at["x"], y=alt.Y("low:Q"), y2="high:Q", color=colour, **seen)
    )
    yield (
        alt.Chart()
        .transform_filter("isValid(datum.x_low)")
        .mark_rule(**interval)
        .encode(x=alt.X("x_low:Q"), x2="x_high:Q", y=at["y"], color=colour, **seen)
    )
    yield (
        alt.Chart()
        .mark_point(opacity=1, strokeWidth=1.6, cursor="pointer")
        .encode(
            **at,
            stroke=as_it_is(alt.Stroke, "colour"),
            fill=as_it_is(alt.Fill, "fill"),
            shape=as_it_is(alt.Shape, "shape"),
            size=as_it_is(alt.Size, "size", "Q"),
            **seen,
        )
    )
    yield _labels(at["x"])
    yield axis_title("'Test accuracy (%)'")
    names = " : ".join(
        f"cost == '{cost}' ? '{COST_NAMES[cost]}{', more is better' * (COSTS[cost] == 'more')}'" for cost in ticks
    )
    yield axis_title(f"{names} : ''", y=HEIGHT + _BELOW_AXIS)


def _best(at: Mapping[str, Any]) -> alt.Chart:
    """Return the staircase of the best accuracy among the points shown that cost as much or less."""
    return (
        alt.Chart()
        .transform_window(best="max(at)", sort=[alt.SortField("price")], frame=[None, 0])
        .mark_line(interpolate="step-after", color=QUIET, strokeWidth=1.2)
        .encode(x=at["x"], y=alt.Y("best:Q"), order="price:Q")
    )


def _labels(x: alt.X) -> alt.Chart:
    """Return the name of each model beside its best point; names are apart in height."""
    best = (
        label_text("label", x=x)
        .transform_filter("datum.kind == 'row'")
        .transform_calculate(low_end="isValid(datum.low) ? datum.low : datum.at")
        .transform_calculate(high_end="isValid(datum.high) ? datum.high : datum.at")
        .transform_joinaggregate(least="min(low_end)", most="max(high_end)")
        .transform_window(of_model="row_number()", sort=[alt.SortField("at", order="descending")], groupby=["line"])
        .transform_filter("datum.of_model == 1")
    )
    return apart(best)


def _horizontal(ticks: Mapping[str, Sequence[float]]) -> alt.X:
    values = " : ".join(f"cost == '{cost}' ? {list(places)}" for cost, places in ticks.items())
    value = "pow(10, datum.value)"
    words = f"{value} >= 9999 ? format({value}, '.4~s') : format({value}, ',.4~r')"
    axis = alt.Axis(
        values=alt.ExprRef(f"{values} : []"),
        labelExpr=words,
        title=None,
        grid=False,
        labelOverlap="greedy",
        labelSeparation=6,
    )
    return alt.X("x:Q", scale=alt.Scale(zero=False, nice=False, padding=AIR), axis=axis)


def _vertical() -> alt.Y:
    axis = alt.Axis(title=None, domain=False, ticks=False)
    return alt.Y("at:Q", scale=alt.Scale(zero=False, nice=False, padding=AIR), axis=axis)
