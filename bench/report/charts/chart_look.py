"""Provide what all interactive charts share: colours of the page, marks of families, and steady numbers.

Colours are CSS variables, so that a chart follows the page from light to dark. Texts from suites occur in the data of
a chart alone, where nothing reads them as an expression.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from bench.analysis.format import bounds, decimal, is_known, steady
from bench.report.figures.drawing import pair_number
from bench.report.layout import family_name

Datum = dict[str, Any]
"""A line of a chart's data."""
FAMILIES = ("vit", "cnn", "hybrid")
_SHAPES = {"vit": "circle", "cnn": "square", "hybrid": "diamond"}
_PAIR_SHAPES = ("circle", "square", "diamond")
_DIGITS = 6
_FONT_SIZE = 12
_FONT = "system-ui, sans-serif"
QUIET, RULE, PAPER, CONSTANT, BAND = (f"var(--{name})" for name in ("quiet", "line", "paper", "constant", "line"))
EDGE: dict[str, Any] = {"stroke": PAPER, "strokeWidth": 4, "strokeJoin": "round"}
"""The look of a text's edge, which the page paints behind the text, so that no line crosses it."""
_LABEL_WIDTH = 110
"""The pixels of a direct label; a longer one is cut, and the tooltip has all of it."""
GAP = 16
"""The least distance between the middles of two labels, in pixels."""
HEIGHT = 300
"""The height of a chart's plot, in pixels."""
AIR = 14
"""Pixels between the outermost points and the ends of an axis."""
SHOWN_FAMILIES = "indexof(families, datum.family) >= 0 && indexof(families, datum.other) >= 0"
"""Whether the families of a datum are shown: that of a model, or both of a pair."""


def family_colour(family: str) -> str:
    """Return a family's colour as a CSS variable."""
    return f"var(--{family if family in FAMILIES else 'other'})"


def pair_colour(first: str, second: str) -> str:
    """Return the colour of a pair of families as a CSS variable."""
    return f"var(--pair-{pair_number(first, second)})"


def pair_shape(first: str, second: str) -> str:
    """Return the shape of the marks of a pair of families."""
    return _PAIR_SHAPES[pair_number(first, second) - 1]


def family_shape(family: str) -> str:
    """Return the shape of a family's marks."""
    return _SHAPES.get(family, "triangle-down")


def number(value: Any) -> float | None:
    """Return a number to six digits, the same on every processor; None if it is unknown."""
    return steady(float(value), _DIGITS) if is_known(value) else None


def tenths(value: Any) -> str:
    """Return a number with one decimal place."""
    return decimal(value, 1)


def estimate(values: Iterable[Any], show: Callable[[Any], str], unit: str = "") -> list[Any]:
    """Return a number, the ends of its interval, and all three in words, as in `92.5 % (89.6 to 94.6)`.

    Args:
        values: The number and the two ends.
        show: Writes a number.
        unit: What follows the number.
    """
    mean, low, high = values
    ends = f" ({bounds(low, high, show)})" if is_known(low) and is_known(high) else ""
    return [number(mean), number(low), number(high), f"{show(mean)}{unit}{ends}"]


def short_names(models: Mapping[str, str]) -> dict[str, str]:
    """Return model -> the name at the end of its line: the family's if it has one model in the chart.

    Args:
        models: Model -> family.
    """
    families = list(models.values())
    return {model: family_name(family) if families.count(family) == 1 else model for model, family in models.items()}


def layered(
    *layers: alt.Chart | alt.LayerChart,
    data: Sequence[Datum],
    params: Mapping[str, Any],
    transforms: Sequence[Any] = (),
    choices: Mapping[str, Mapping[str, str]] | None = None,
    height: Any = HEIGHT,
) -> dict[str, Any]:
    """Return the Vega-Lite specification of layers that share their data, as wide as the element that holds it.

    Args:
        layers: The layers, back to front.
        data: The data of all layers that have none of their own.
        params: Name -> initial value of what a page may set.
        transforms: What is done to the data first.
        choices: Param -> value -> word, for the buttons above the chart.
        height: The height of the plot.
    """
    chart = alt.layer(
        *layers,
        data=alt.Data(values=list(data)),
        transform=list(transforms) or alt.Undefined,
        width="container",
        height=height,
        params=[alt.param(name=name, value=value).param for name, value in params.items()],
        padding=4,
        autosize={"type": "fit-x", "contains": "padding", "resize": True},  # labels differ from view to view
        background="transparent",
        usermeta={"choices": {name: dict(words) for name, words in (choices or {}).items()}},
        config=_config(),
    )
    return dict(chart.to_dict())


def label_text(field: str, **place: Any) -> alt.Chart:
    """Return a layer of direct labels, each with the text of a field, right of a place: that of the plot by default."""
    mark = alt.Chart().mark_text(align="left", baseline="middle", dx=8, limit=_LABEL_WIDTH, **EDGE)
    return mark.encode(**({"x": alt.value("width")} | place), text=f"{field}:N", color=raw("colour"))


def apart(labels: alt.Chart) -> alt.Chart:
    """Return labels for points at `at`, in their order, and so far apart that all can be read.

    A label is at the height of its point if there is room. Pushing labels down from the highest and pushing them up
    from the lowest each keeps all of them apart; the mean of both does, too, and stays close to the points.

    Args:
        labels: A layer whose data hold `least` and `most`, the ends of what the vertical axis shows.
    """
    step = f"max(datum.most - datum.least, 0.001) * {GAP / (HEIGHT - 2 * AIR):.4f}"
    return (
        labels.transform_window(rank="row_number()", sort=[alt.SortField("at", order="descending")], frame=[None, None])
        .transform_calculate(step=step)
        .transform_calculate(raised="datum.at + datum.rank * datum.step")
        .transform_window(down="min(raised)", sort=[alt.SortField("rank")], frame=[None, 0])
        .transform_window(up="max(raised)", sort=[alt.SortField("rank")], frame=[0, None])
        .transform_calculate(label_at="(datum.down + datum.up) / 2 - datum.rank * datum.step")
        .encode(y=alt.Y("label_at:Q"))
    )


def axis_title(words: str, y: int = -8) -> alt.Chart:
    """Return a layer with the name of an axis at the left.

    Args:
        words: An expression of Vega, without text from a suite.
        y: The height of the text's lower edge in pixels, from the upper edge of the plot downwards.
    """
    mark = alt.Chart(alt.Data(values=[{}])).mark_text(align="left", baseline="bottom", color=QUIET)
    return mark.encode(x=alt.value(0), y=alt.value(y), text=alt.value(alt.ExprRef(words)))


def raw(field: str) -> alt.Color:
    """Return the encoding of a colour that the data hold as it is."""
    return alt.Color(f"{field}:N", scale=None)


def as_it_is(channel: type[Any], field: str, kind: str = "N") -> Any:
    """Return another encoding that the data hold as it is."""
    return channel(f"{field}:{kind}", scale=None, legend=None)


def tooltip(**titles: str) -> list[alt.Tooltip]:
    """Return a tooltip of texts: field=title."""
    return [alt.Tooltip(f"{field}:N", title=title) for field, title in titles.items()]


def known(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return the rows in which all of these columns are known."""
    return frame[frame[list(columns)].notna().all(axis=1)]


def _config() -> dict[str, Any]:
    text = {"font": _FONT, "fontSize": _FONT_SIZE}
    return {
        "aria": False,  # the page describes a chart as a whole, and reads out its points one by one
        "font": _FONT,
        "view": {"stroke": None},
        "text": {**text, "color": "currentColor"},
        "axis": {
            "labelFontSize": _FONT_SIZE,
            "titleFontSize": _FONT_SIZE,
            "titleFontWeight": "normal",
            "labelColor": QUIET,
            "titleColor": QUIET,
            "domainColor": QUIET,
            "tickColor": QUIET,
            "gridColor": RULE,
        },
        "rule": {"color": QUIET},
    }
