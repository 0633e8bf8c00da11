"""Draw the figures of a report, and say once for each kind how to read them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from bench.analysis.claims.claim import Judgement
from bench.analysis.claims.evidence import Evidence
from bench.analysis.comparison import FINE_TUNE, SCRATCH
from bench.analysis.format import percent
from bench.analysis.frames import split
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.tuning import tuning_curves
from bench.report.figures.ablation import ablation_figure
from bench.report.figures.accuracy import accuracy_figure
from bench.report.figures.crossing import crossing_figure
from bench.report.figures.drawing import save
from bench.report.figures.forest import forest_figure
from bench.report.figures.inline import inline_svg
from bench.report.figures.pareto import cost_in_sentence, pareto_figure
from bench.report.figures.tuning import tuning_figure
from bench.report.findings import Findings
from bench.report.first_screen.ladder_titles import difference_title
from bench.report.first_screen.other_titles import ablation_title, front_title
from bench.report.first_screen.screen_words import view_titles
from bench.report.forest_plots import ForestPlot, forests_of_claims, forests_of_ladders
from bench.report.layout import CONFIDENCE, by_transfer, heading, is_tuned, panels, target_key, target_name
from bench.report.machines import Machine
from bench.report.page import Chart, slug

FOLDER = "figures"
"""The folder of the figures, below that of the page."""
_SEEDS = f"Points are means with {CONFIDENCE} intervals, faint dots are single seeds."
READING = {
    "accuracy": f"{_SEEDS} Models from scratch stand at the left, since zero has no logarithm.",
    "crossings": (
        f"{_SEEDS} Above zero the first model is ahead. The strip shows where a pair crosses, with its interval, or "
        "else where it still can. Shaded: beyond the sizes measured."
    ),
    "cost": (
        "The line is the front: the best accuracy for each cost or less. Rows on it have an edge and their "
        f"{CONFIDENCE} intervals of accuracy. Pale: behind, since another row is better and costs no more. A larger "
        "marker means more pretraining images."
    ),
    "differences": f"Paired differences to the reference arm with {CONFIDENCE} intervals.",
    "improvement": (
        "How often a run of the first model beats a run of the second on a target drawn at random, with "
        f"{CONFIDENCE} intervals over seeds."
    ),
    "ranks": (
        "Mean ranks over seeds; 1 is best. Bars are as long as Nemenyi's critical difference at "
        f"{percent(1 - LEVEL, places=0)}: two models differ if theirs do not overlap."
    ),
    "consistency": (
        "1 means the same errors; 0 means no more errors in common than the accuracies explain. Hollow: one model, "
        f"compared from seed to seed. {CONFIDENCE} intervals over seeds and test images."
    ),
    "claims": (
        "Estimates that decide claims, at the level of the verdicts. Grey: the values with which a claim holds. "
        "Crosses: what was published. Hollow: undecided."
    ),
    "tuning": "A line per family; its last point is the best of all trials.",
}
"""Kind of figure -> how to read it, said once for all figures of the kind."""
_TOGETHER = {
    "accuracy": "Test accuracy",
    "crossings": "Differences of families",
    "differences": "Arms of ablations against their references",
}
"""Kind of figure -> the title over several that no choice of a target tells apart."""
MOST_TARGETS, MOST_FRONTS = 6, 4
"""The largest number of targets that have a figure of accuracy and of differences, and of costs.

A figure takes about 0.3 s, one of costs up to 1 s. Tables and interactive charts have every target."""


@dataclass(frozen=True)
class _Drawing:
    """A figure before it is saved."""

    key: tuple[str, ...]
    """The key of its chart; figures of one chart follow each other."""
    target: str
    """The target by which the page chooses among the figures of a chart; empty if there is no choice."""
    title: str
    figure: Figure


def draw(
    suite: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    constant: Mapping[str, float],
    out: Path,
    machines: Sequence[Machine] = (),
    findings: Sequence[Findings] = (),
    judgements: Sequence[Judgement] = (),
) -> dict[tuple[str, ...], Chart]:
    """Draw all figures into `out/figures`, and delete those of an earlier report.

    Args:
        suite: The resolved suite.
        tables: The tables, as for `bench.report.write.write_report`.
        constant: Target -> accuracy of the best constant answer, 0 to 1.
        out: The report's folder.
        machines: The machines whose speeds the report shows.
        findings: The results of the ladders, one per transfer.
        judgements: The judgements of claims.

    Returns:
        The charts by their key, with their static figures; a chart with nothing to draw is absent.
    """
    for old in (out / FOLDER).glob("*"):
        old.unlink()
    evidence = Evidence(tables)
    titles = view_titles(tables, findings)
    drawings = (
        *_accuracies(tables["comparison"], constant, titles["accuracy"]),
        *_ablations(tables["ablations"], evidence),
        *_costs(machines),
        *(drawing for of_transfer in findings for drawing in _ladders(of_transfer, evidence)),
        *map(_forest, forests_of_claims(judgements)),
        *_tuning(suite, tables.get("trials")),
    )
    charts: dict[tuple[str, ...], Chart] = {}
    for key, group in groupby(drawings, key=lambda drawing: drawing.key):
        name = slug("-".join(part for part in key if part != FINE_TUNE))[:60]
        while any(name == chart.name for chart in charts.values()):
            name += "-2"
        charts[key] = _chart(name, key[0], list(group), out)
    return charts


def _chart(name: str, kind: str, drawings: Sequence[_Drawing], out: Path) -> Chart:
    """Save the figures of a chart, and return it with them."""
    files = [f"{FOLDER}/{name}" + (f"-{place}" if place > 1 else "") for place in range(1, len(drawings) + 1)]
    for file, drawing in zip(files, drawings, strict=True):
        save(drawing.figure, out / file, drawing.title)
    inline = [inline_svg(out / f"{file}.svg", with_title=len(files) > 1) for file in files]
    titles = {drawing.target: drawing.title for drawing in drawings}
    if len(titles) < len(drawings):
        titles = {"": _TOGETHER[kind]}  # each figure has its title
    alternative = " ".join(f"{drawing.title}." for drawing in drawings)
    return Chart(name, titles, alternative, READING[kind], tuple(inline), tuple(files))


def _accuracies(
    comparison: pd.DataFrame, constant: Mapping[str, float], titles: Mapping[str, str]
) -> Iterator[_Drawing]:
    for transfer, rows in by_transfer(comparison):
        on_ladder = (rows["corpus"] != SCRATCH) & rows["subset_images"].notna()
        drawn = rows[rows["target"].isin(set(rows.loc[on_ladder & rows["accuracy"].notna(), "target"]))]
        for panel in panels(drawn)[:MOST_TARGETS]:
            target = target_key(panel.rows.iloc[0])
            title = f"{heading(panel.title, transfer)}: {titles.get(target, 'not finished yet')}"
            figure = accuracy_figure(panel.rows, constant.get(panel.target), title)
            yield _Drawing(("accuracy", transfer), target, title, figure)


def _ablations(ablations: pd.DataFrame, evidence: Evidence) -> Iterator[_Drawing]:
    for (name,), arms in split(ablations, ["ablation"]):
        for transfer, rows in by_transfer(arms):
            if rows["accuracy"].notna().any():
                title = f"{heading(name, transfer)}: {ablation_title(rows, evidence)}"
                yield _Drawing(("differences",), "", title, ablation_figure(rows, title))


def _costs(machines: Sequence[Machine]) -> Iterator[_Drawing]:
    for machine in machines:
        for panel in panels(machine.costs)[:MOST_FRONTS]:
            known = set(panel.rows.loc[panel.rows["accuracy"].notna() & panel.rows["value"].notna(), "cost"])
            if known:
                cost = next(cost for cost in panel.rows["cost"] if cost in known)
                of_cost = panel.rows[panel.rows["cost"] == cost]
                title = f"{machine.title(panel.title)}: {front_title(of_cost, cost_in_sentence(cost))}"
                target = target_key(panel.rows.iloc[0])
                yield _Drawing(("cost", machine.name), target, title, pareto_figure(panel.rows, title))


def _ladders(findings: Findings, evidence: Evidence) -> Iterator[_Drawing]:
    crossed = [target for target in findings.targets if any(pair.rungs for pair in target.pairs)]
    for target in crossed[:MOST_TARGETS]:
        ladder = target.ladder
        title = f"{heading(target.title, findings.transfer)}: {difference_title(target, evidence)}"
        name = target_name(ladder.targets[0], ladder.transfer, ladder.shots) if len(ladder.targets) == 1 else ""
        yield _Drawing(("crossings", findings.transfer), name, title, crossing_figure(target, title))
    yield from map(_forest, forests_of_ladders(findings))


def _forest(plot: ForestPlot) -> _Drawing:
    return _Drawing(plot.key, "", plot.title, forest_figure(plot.forests, plot.title, plot.label, plot.neutral))


def _tuning(suite: Mapping[str, Any], trials: pd.DataFrame | None) -> Iterator[_Drawing]:
    curves = tuning_curves(trials) if trials is not None and is_tuned(suite) else pd.DataFrame()
    if not curves.empty:
        title = "Expected best validation accuracy against the number of trials"
        yield _Drawing(("tuning",), "", title, tuning_figure(curves, title))
