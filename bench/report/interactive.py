"""Add interactive charts to the figures of a report, if the extra `report` is installed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from bench.analysis.claims.claim import Judgement
from bench.analysis.frames import split
from bench.report.figures.pareto import cost_in_sentence
from bench.report.findings import Findings
from bench.report.first_screen.other_titles import front_title
from bench.report.first_screen.screen_words import view_titles
from bench.report.layout import panels, target_key
from bench.report.machines import Machine
from bench.report.page import Chart, Charts

LADDER = ("ladder",)
"""The key of the first screen's chart."""
DIFFERENCES = ("differences",)
"""The key of the chart of all ablations."""
_ALTERNATIVE = "Test accuracy of each model against the number of its pretraining images."


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
        if key in charts:
            react[key] = replace(charts[key], spec=spec, choices=spec["usermeta"]["choices"])
    for machine in measured:
        if (key := ("cost", machine.name)) in react:
            react[key] = replace(react[key], titles_of_views=_front_titles(machine))
    return {**charts, **react}


def _front_titles(machine: Machine) -> dict[str, dict[str, str]]:
    """Return the titles of a machine's fronts: cost -> key of a target -> what is seen."""
    titles: dict[str, dict[str, str]] = {}
    for panel in panels(machine.costs):
        for (cost,), rows in split(panel.rows, ["cost"]):
            seen = f"{machine.title(panel.title)}: {front_title(rows, cost_in_sentence(cost))}"
            titles.setdefault(cost, {})[target_key(rows.iloc[0])] = seen
    return titles


def _specs(
    tables: Mapping[str, pd.DataFrame],
    constant: Mapping[str, float],
    measured: Sequence[Machine],
    of_ladders: Sequence[Findings],
    judgements: Sequence[Judgement],
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
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
    for unit, spec in claims_charts(judgements).items():
        yield ("claims", unit), spec
