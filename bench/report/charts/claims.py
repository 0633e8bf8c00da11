"""Draw the quantities of claims with their intervals, the claims' limits and what was published; an axis a unit."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from bench.analysis.claims.claim import Judgement
from bench.analysis.claims.quantities import JudgedQuantity
from bench.analysis.format import in_unit, quantity_interval
from bench.report.charts.chart_look import PAPER, Datum, number
from bench.report.charts.forest_rows import forest_rows, line

_AXES: Mapping[str, str] = {
    "points": "Difference (points of accuracy)",
    "points per decade": "Slope (points per tenfold images)",
    "points of shape bias": "Difference (points of shape bias)",
    "log odds per decade": "Slope (log odds per tenfold images)",
    "images": "Pretraining images",
    "times": "Ratio",
}
"""Unit -> the name of its axis; quantities without an axis have no interval."""
_LOGARITHMIC = {"images", "times"}
_TOLD = {"claim": "claim", "shown": "estimate", "word": "verdict", "figure": "published"}


def claims_charts(judgements: Sequence[Judgement]) -> dict[str, dict[str, Any]]:
    """Return a chart for each unit: the judged quantities with an interval, the limits of each, and what was published.

    Args:
        judgements: The judgements of claims.
    """
    charts = {}
    for unit, title in _AXES.items():
        lines = [each for judgement in judgements for each in _lines(judgement, unit)]
        if lines:
            charts[unit] = forest_rows(lines, title, _TOLD, is_log=unit in _LOGARITHMIC)
    return charts


def _lines(judgement: Judgement, unit: str) -> Iterator[Datum]:
    parts = [part for part in judgement.parts if part.unit == unit and isfinite(part.interval.mean)]
    for part in parts:
        yield line("name", f"{judgement.claim.id} {part.word}: {part.name}")
        yield _dot(judgement, part)


def _dot(judgement: Judgement, part: JudgedQuantity) -> Datum:
    published = judgement.claim.published
    is_decided = part.word != "undecided"
    span = published.span if published.unit == part.unit else None
    return line(
        "dot",
        "",
        claim=f"{judgement.claim.id}: {judgement.claim.sentence}",
        mean=number(in_unit(part.interval.mean, part.unit)),
        interval=_ends(part, part.interval.low, part.interval.high),
        band=_ends(part, part.limits.low, part.limits.high),
        published=span and [*map(number, span)],
        shown=quantity_interval(part.interval, part.unit),
        word=part.word,
        figure="; ".join(filter(None, (published.figure, published.metric))),
        colour="currentColor",
        fill="currentColor" if is_decided else PAPER,
        shape="circle",
        row=f"claim-{judgement.claim.id}",
    )


def _ends(part: JudgedQuantity, low: float, high: float) -> list[float | None] | None:
    """Return two ends in the part's unit, None for an open one; None if both are open or unknown."""
    ends = [number(in_unit(end, part.unit)) if isfinite(end) else None for end in (low, high)]
    ends = [None if end is not None and end <= 0 and part.unit in _LOGARITHMIC else end for end in ends]
    return None if ends == [None, None] else ends
