"""The sections on what accuracy costs: each row's costs, and whether another row has more for as little."""

import pandas as pd

from bench.analysis.format import ABSENT, count, is_known, short_count, three_digits
from bench.analysis.frames import split
from bench.analysis.pareto import BEHIND, FRONT, UNDECIDED
from bench.analysis.stats.intervals import LEVEL
from bench.report.layout import Panel, panels, pretraining_name
from bench.report.machines import Machine
from bench.report.page import Cell, Picture, Section, Table
from bench.report.sections.results import accuracy_cell

_COSTS = {
    "images_per_second": ("Images/s", three_digits),
    "p50_ms": ("Latency, ms", three_digits),
    "parameters": ("Parameters", count),
    "macs": ("Multiply-accumulates", short_count),
    "training_flops": ("Training FLOPs", short_count),
    "joules_per_thousand_images": ("J per thousand images", three_digits),
}
"""A cost's column and how its values read."""
_MEASURED = ("images_per_second", "p50_ms")


def accuracy_against_cost(machine: Machine, pictures: dict[str, Picture]) -> Section:
    """A figure and a table a target, where a row was fine-tuned at a known cost.

    Args:
        machine: with the costs of its rows.
        pictures: the machine's figures by title of the target.
    """
    title = machine.title("Accuracy against cost")
    if machine.costs.empty:
        return Section(title, ("No fine-tuned row of the ladder has a cost that is known.",))
    drawn = panels(machine.costs)
    said = (_rules(), _costs_in_words(machine), *_not_measured(machine))
    missing = [panel.title for panel in drawn if panel.title not in pictures]
    why = (f"No figure of {', '.join(missing)}: no row has a result.",) if missing else ()
    return Section(
        title,
        paragraphs=(*said, *why),
        pictures=tuple(pictures[panel.title] for panel in drawn if panel.title in pictures),
        tables=tuple(_table(panel) for panel in drawn),
    )


def _rules() -> str:
    return (
        f"A row is on the {FRONT} of a cost where no other row of the target is at least as accurate for no more of "
        f"it, one of the two strictly. It is {BEHIND} where one that costs no more is better by a difference, paired "
        f"by seed and, where answers are kept, by test image, whose {LEVEL:.0%} interval lies above zero, and "
        f"{UNDECIDED} where one is better or as good by the means alone. A difference in cost counts, however small. "
        "Fine-tuned rows of the ladder stand here, no probes and no ablation arms."
    )


def _costs_in_words(machine: Machine) -> str:
    return (
        f"Images per second are those of inference in {machine.precision} at a model's best settings, latency is the "
        "median of single images, both of our own implementation. Parameters and multiply-accumulates are those of "
        "the network that was tested. Training FLOPs are of pretraining and transfer together."
    )


def _not_measured(machine: Machine) -> tuple[str, ...]:
    there = set(machine.costs["cost"])
    missing = [_COSTS[name][0] for name in _MEASURED if name not in there]
    return (f"Not measured, and left out: {', '.join(missing)}.",) if missing else ()


def _table(panel: Panel) -> Table:
    rows, costs = panel.rows, list(dict.fromkeys(panel.rows["cost"]))
    name = pretraining_name(rows)
    lines = []
    for (model, _), found in split(rows.assign(pretraining=rows.apply(name, axis=1)), ["model", "pretraining"]):
        by_cost = {row["cost"]: row for _, row in found.iterrows()}
        first = found.iloc[0]
        lines.append((model, name(first), accuracy_cell(first), *(_cost(by_cost[cost]) for cost in costs)))
    header = ("Model", "Pretrained on", "Accuracy", *(_COSTS[cost][0] for cost in costs))
    return Table(f"{panel.title}: test accuracy, and what it costs.", header, tuple(lines), 2)


def _cost(row: pd.Series) -> str | Cell:
    """A cost, and the row's place by it."""
    if not is_known(row["value"]):
        return ABSENT
    return Cell(_COSTS[row["cost"]][1](row["value"]), row["place"])
