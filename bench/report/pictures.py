"""Draw the figures of a report, and write their captions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from bench.analysis.comparison import FINE_TUNE, SCRATCH
from bench.analysis.format import percent
from bench.analysis.frames import split
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.tuning import tuning_curves
from bench.report.figures.ablation import ablation_figure
from bench.report.figures.accuracy import accuracy_figure
from bench.report.figures.crossing import crossing_figure
from bench.report.figures.drawing import colour, pair_colour, save
from bench.report.figures.forest import Forest, ForestLine, forest_figure
from bench.report.figures.pareto import pareto_figure
from bench.report.figures.ranks import ranks_figure
from bench.report.figures.scaling import scaling_figure
from bench.report.figures.tuning import tuning_figure
from bench.report.findings import Errors, Findings, Together, at_largest
from bench.report.layout import AS_MUCH, CONFIDENCE, by_transfer, heading, is_tuned, panels
from bench.report.machines import Machine
from bench.report.page import Chart

FOLDER = "figures"
"""The folder of the figures, below that of the page."""
_MEANS = f"means over seeds with {CONFIDENCE} intervals; dots beside them are single seeds"
_LADDER_CAPTIONS = {
    "scaling": (
        "Test error against the number of pretraining images",
        f"means with {CONFIDENCE} intervals, and single seeds (dots), on logarithmic axes. "
        "From five rungs on, a curve is a power law with a "
        "floor; otherwise lines join the rungs. A power law without a floor is straight on these axes; one that comes "
        "near its floor bends. Shaded: beyond the sizes measured.",
    ),
    "crossings": (
        "Where families cross",
        f"paired differences with {CONFIDENCE} intervals, and single seeds (dots). Above zero the first model is "
        "ahead. The strip below shows the size at which each pair crosses, with its interval; an arrow marks an open "
        "end. If a pair does not cross within the sizes measured, the bar shows the sizes at which it still can. "
        "Hollow: extrapolated.",
    ),
    "improvement": (
        "Probability of improvement at the largest rung",
        "how often a run of the first model beats a run of the second on a target drawn at random, with "
        f"{CONFIDENCE} intervals over seeds.",
    ),
    "ranks": (
        "Mean ranks over seeds",
        "1 is best. A bar joins models whose mean ranks differ by less than Nemenyi's critical difference at "
        f"{percent(1 - LEVEL, places=0)}.",
    ),
    "consistency": (
        "Error consistency at the largest rung",
        "1 means the same errors; 0 means no more errors in common than the accuracies explain. Hollow: one model, "
        f"compared from seed to seed. {CONFIDENCE} intervals over seeds and test images.",
    ),
}
"""Kind of a ladder's figure -> its title and caption."""
_Drawing = tuple[tuple[str, ...], str, str, str, Figure]
"""The key, name of the files, title, caption, and figure."""


def draw(
    suite: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    constant: Mapping[str, float],
    out: Path,
    machines: Sequence[Machine] = (),
    findings: Sequence[Findings] = (),
) -> dict[tuple[str, ...], Chart]:
    """Draw all figures into `out/figures`, and delete those of an earlier report.

    Args:
        suite: The resolved suite.
        tables: The tables, as for `bench.report.write.write_report`.
        constant: Target -> accuracy of the best constant answer, 0 to 1.
        out: The report's folder.
        machines: The machines whose speeds the report shows.
        findings: The results of the ladders, one per transfer.

    Returns:
        The figures by their key; a figure with nothing to draw is absent.
    """
    for old in (out / FOLDER).glob("*"):
        old.unlink()
    drawings = (
        *_accuracies(tables["comparison"], constant),
        *_ablations(tables["ablations"], constant),
        *_costs(machines),
        *(drawing for of_transfer in findings for drawing in _ladders(of_transfer)),
        *_tuning(suite, tables.get("trials")),
    )
    pictures = {}
    for key, name, title, caption, figure in drawings:
        pictures[key] = Chart(name, {"": title}, title, caption, files=(f"{FOLDER}/{name}",))
        save(figure, out / FOLDER / name)
    return pictures


def _accuracies(comparison: pd.DataFrame, constant: Mapping[str, float]) -> Iterator[_Drawing]:
    for transfer, rows in by_transfer(comparison):
        on_ladder = (rows["corpus"] != SCRATCH) & rows["subset_images"].notna()
        if (rows["accuracy"].notna() & on_ladder).any():
            title = heading("Test accuracy against the number of pretraining images", transfer)
            figure = accuracy_figure(rows, constant)
            yield ("accuracy", transfer), _name("accuracy", transfer), title, _accuracy_caption(rows), figure


def _accuracy_caption(comparison: pd.DataFrame) -> str:
    caption = f"{_MEANS}. Points of one size are moved sideways, so that their intervals can be seen."
    if (comparison["corpus"] == SCRATCH).any():
        caption += (
            " Models trained from scratch are at the left, since zero has no logarithm. They were trained "
            f"{AS_MUCH[comparison['match'].iloc[0]]} as pretraining and transfer together."
        )
    if comparison["subset_images"].isna().any():
        caption += " Rows of unknown size are not shown on this axis; the table has them."
    return caption


def _ablations(ablations: pd.DataFrame, constant: Mapping[str, float]) -> Iterator[_Drawing]:
    caption = (
        f"{_MEANS}. Above each bar: its paired difference to the reference arm (in full colour), in percentage "
        "points. Under it: its tokens, without the class token, and its parameters. Hatched: a seed is missing or "
        "failed. Dotted: the best constant answer."
    )
    for number, ((name,), arms) in enumerate(split(ablations, ["ablation"]), start=1):
        for transfer, rows in by_transfer(arms):
            if rows["accuracy"].notna().any():
                title = heading(f"Test accuracy by arm of ablation {name}", transfer)
                figure = ablation_figure(rows, constant)
                yield ("ablation", name, transfer), _name(f"ablation-{number}", transfer), title, caption, figure


def _costs(machines: Sequence[Machine]) -> Iterator[_Drawing]:
    caption = (
        f"{_MEANS}. The line is the front: the best accuracy for each cost or less. Pale: behind, since another row "
        "is better and costs no more. A larger marker means more pretraining images. Rows of one model are moved "
        "sideways, so that their intervals can be seen."
    )
    for number, machine in enumerate(machines, start=1):
        for of_target, panel in enumerate(panels(machine.costs), start=1):
            if (panel.rows["accuracy"].notna() & panel.rows["value"].notna()).any():
                name = f"cost-{of_target}" + ("" if machine.is_only else f"-machine-{number}")
                title = f"{machine.title('Test accuracy against cost')}, {panel.title}"
                yield ("cost", machine.name, panel.title), name, title, caption, pareto_figure(panel.rows)


def _ladders(findings: Findings) -> Iterator[_Drawing]:
    for kind, figure in _ladder_figures(findings):
        title, caption = _LADDER_CAPTIONS[kind]
        key, name = (kind, findings.transfer), _name(kind, findings.transfer)
        yield key, name, heading(title, findings.transfer), caption, figure


def _ladder_figures(findings: Findings) -> Iterator[tuple[str, Figure]]:
    if grown := [target for target in findings.targets if any(model.curve for model in target.growth)]:
        yield "scaling", scaling_figure(grown)
    if crossed := [target for target in findings.targets if any(pair.rungs for pair in target.pairs)]:
        yield "crossings", crossing_figure(crossed)
    together = findings.together
    if improved := [forest for targets in together if (forest := _improvements(targets))]:
        yield "improvement", forest_figure(improved, "Probability of improvement (%)", 50, (-3, 103))
    if ranked := [(at_largest(targets), targets.across.ranking) for targets in together if targets.across.ranking]:
        families = {model.model: model.family for targets in together for model in targets.ladder.models}
        yield "ranks", ranks_figure(ranked, families)
    if alike := [forest for errors in findings.errors if (forest := _consistencies(errors))]:
        kappas = [line.interval for forest in alike for line in forest.lines if line.interval]
        low, high = min(0.0, *(kappa.low for kappa in kappas)), max(0.0, *(kappa.high for kappa in kappas))
        label = "Error consistency \N{GREEK SMALL LETTER KAPPA}"
        yield "consistency", forest_figure(alike, label, 0, (low - 0.03, high + 0.03))


def _improvements(targets: Together) -> Forest | None:
    """Return the pairs at the largest rung, in percent; None if no pair has an interval."""
    lines = []
    for number, pair in enumerate(targets.across.improvements):
        last = next((rung.interval for rung in pair.rungs if rung.size == targets.ladder.sizes[-1]), None)
        interval = last and replace(last, mean=100 * last.mean, low=100 * last.low, high=100 * last.high)
        lines.append(ForestLine(f"{pair.first.model} over {pair.second.model}", interval, pair_colour(number)))
    return Forest(at_largest(targets), tuple(lines)) if any(line.interval for line in lines) else None


def _consistencies(errors: Errors) -> Forest | None:
    """Return the pairs, and each model paired with itself; None if no pair has an interval."""
    lines = tuple(
        ForestLine(
            f"{pair.first.model} from seed to seed" if pair.is_self else f"{pair.first.model} and {pair.second.model}",
            pair.consistency.kappa.interval() if pair.consistency else None,
            colour(pair.first.family) if pair.is_self else "0.3",
            pair.is_self,
        )
        for pair in errors.pairs
    )
    return Forest(at_largest(errors), lines) if any(line.interval for line in lines) else None


def _tuning(suite: Mapping[str, Any], trials: pd.DataFrame | None) -> Iterator[_Drawing]:
    curves = tuning_curves(trials) if trials is not None and is_tuned(suite) else pd.DataFrame()
    if not curves.empty:
        title = "Expected best validation accuracy against the number of trials"
        caption = "a line per family; its last point is the best of all trials."
        yield ("tuning",), "tuning", title, caption, tuning_figure(curves)


def _name(kind: str, transfer: str) -> str:
    return kind if transfer == FINE_TUNE else f"{kind}-{transfer}"
