"""Add interactive charts to the figures of a report, if the extra `report` is installed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from bench.analysis.claims.claim import Judgement
from bench.report.findings import Findings
from bench.report.first_screen.screen_words import view_titles
from bench.report.machines import Machine
from bench.report.page import Chart, Charts, slug

LADDER = ("ladder",)
"""The key of the first screen's chart."""
DIFFERENCES = ("differences",)
"""The key of the chart of all ablations."""
CLAIMS = ("claims",)
"""The key of the chart of all claims."""
_ALTERNATIVE = "Test accuracy of each model against the number of its pretraining images."
_WORDS: Mapping[tuple[str, ...], tuple[str, str]] = {
    DIFFERENCES: (
        "How much each ablation arm differs from its reference",
        "The difference of each ablation arm to its reference in points of accuracy, with its interval.",
    ),
    CLAIMS: (
        "The estimates behind the claims",
        "The estimates behind the claims, the values with which a claim holds, and what was published.",
    ),
}
"""Key -> title and alternative text of the charts without static figures."""


def with_ladder(charts: Charts, tables: Mapping[str, pd.DataFrame], of_ladders: Sequence[Findings]) -> Charts:
    """Return the charts, and one of all ladders that is made of the figures of accuracy.

    Args:
        charts: The charts with their static figures.
        tables: The tables of the store.
        of_ladders: The results of the ladders.
    """
    views = view_titles(tables, of_ladders)
    parts = [chart for (kind, *_), chart in charts.items() if kind == "accuracy"]
    if not parts:
        return charts
    targets = tuple(target for part in parts for target in part.titles)
    ladder = Chart(
        "ladder",
        {target: views["accuracy"].get(target, title) for part in parts for target, title in part.titles.items()},
        _ALTERNATIVE,
        parts[0].caption,
        tuple(figure for part in parts for figure in part.figures),
        tuple(file for part in parts for file in part.files),
        titles_of_views=views,
        targets=targets,
    )
    return {**charts, LADDER: ladder}


def with_specs(
    charts: Charts,
    tables: Mapping[str, pd.DataFrame],
    constant: Mapping[str, float],
    measured: Sequence[Machine],
    of_ladders: Sequence[Findings],
    judgements: Sequence[Judgement],
) -> Charts:
    """Return the charts with the specifications of those that react.

    Args:
        charts: The charts with their static figures.
        tables: The tables of the store.
        constant: Target -> accuracy of the best constant answer, 0 to 1.
        measured: The machines whose speeds the report shows.
        of_ladders: The results of the ladders.
        judgements: The judgements of claims.
    """
    specs = _specs(tables, constant, measured, of_ladders, judgements)
    react = {}
    for key, spec in specs:
        title, alternative = _WORDS.get(key, ("", ""))
        chart = charts.get(key) or Chart(slug("-".join(key)), {"": title}, alternative)
        choices = {} if isinstance(spec, list) else spec["usermeta"]["choices"]
        react[key] = replace(chart, spec=spec, choices=choices)
    return {**charts, **react}


def _specs(
    tables: Mapping[str, pd.DataFrame],
    constant: Mapping[str, float],
    measured: Sequence[Machine],
    of_ladders: Sequence[Findings],
    judgements: Sequence[Judgement],
) -> Iterator[tuple[tuple[str, ...], dict[str, Any] | list[dict[str, Any]]]]:
    """Yield the key and specification of each chart that has something to draw. Altair is imported only here."""
    from bench.report.charts.claims import claims_charts
    from bench.report.charts.differences import differences_chart
    from bench.report.charts.front import front_chart
    from bench.report.charts.ladder import ladder_chart

    if (ladder := ladder_chart(tables["comparison"], tables["ablations"], of_ladders, constant)) is not None:
        yield LADDER, ladder
    for machine in measured:
        if (front := front_chart(machine.costs)) is not None:
            yield ("cost", machine.name), front
    if (differences := differences_chart(tables["ablations"])) is not None:
        yield DIFFERENCES, differences
    if of_units := list(claims_charts(judgements).values()):
        yield CLAIMS, of_units
