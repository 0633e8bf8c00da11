"""Write the table of accuracy against cost: each row's costs, and whether it is on the Pareto front."""

from collections.abc import Iterator

import pandas as pd

from bench.analysis.format import ABSENT, count, is_known, short_count, three_digits, with_bounds
from bench.analysis.frames import split
from bench.analysis.pareto import BEHIND, FRONT, UNDECIDED
from bench.report.figures.pareto import COST_NAMES
from bench.report.layout import CONFIDENCE, panels, pretraining_name, target_key
from bench.report.machines import Machine
from bench.report.page import Section, Table, TableCell, TableRow, section
from bench.report.sections.cells import accuracy_cell

_SHOWN = {"parameters": count, "macs": short_count, "training_flops": short_count}
"""Cost -> how its values are written; others have three digits."""
_MEASURED = ("images_per_second", "p50_ms")
_RULES = (
    f"A row is on the {FRONT} of a cost unless another row of the target is at least as accurate for no more of it, "
    f"and better in one of the two; the means alone decide that. A row is {BEHIND} if one that costs no more has a "
    "higher accuracy: their paired difference has an interval above zero, over seeds and, if per-image correctness is "
    f"kept, over test images. The levels are corrected over every two rows of a target and over all targets (Holm), so "
    f"that all rows are rightly called {BEHIND} at {CONFIDENCE} together. A row is {UNDECIDED} if another is better or "
    "as good by the means alone. Every difference in cost counts. "
    "Fine-tuned rows are listed, arms of ablations among them, and no probes. An arm of another budget has its "
    "training FLOPs alone, since these are what its accuracy is bought with."
)


def accuracy_against_cost(machine: Machine) -> Section:
    """Return the costs of each fine-tuned row, with its place by each of them."""
    title = machine.title("Accuracy against cost")
    if machine.costs.empty:
        return section(title, "No fine-tuned row has a cost that is known.")
    return section(title, _RULES, *_costs_in_words(machine), _table(machine.costs))


def _costs_in_words(machine: Machine) -> Iterator[str]:
    if machine.name:
        yield (
            f"Images per second are those of inference in {machine.precision} at a model's best settings; latency "
            "and peak memory are those of single images. All are of our own implementation."
        )
    yield (
        "Parameters and multiply-accumulates are those of the network that was tested. Training FLOPs are those of "
        "pretraining and transfer together."
    )
    missing = [COST_NAMES[cost] for cost in _MEASURED if cost not in set(machine.costs["cost"])]
    if missing and machine.name:
        yield f"Not measured, and left out: {', '.join(missing)}."


def _table(of_machine: pd.DataFrame) -> Table:
    costs, rows = list(dict.fromkeys(of_machine["cost"])), []
    for panel in panels(of_machine):
        key, name = target_key(panel.rows.iloc[0]), pretraining_name(panel.rows)
        named = panel.rows.assign(pretraining=panel.rows.apply(name, axis=1))
        for (model, pretraining, ablation, arm), of_row in split(named, ["model", "pretraining", "ablation", "arm"]):
            by_cost = {row["cost"]: row for _, row in of_row.iterrows()}
            shown = (_cost(by_cost[cost]) if cost in by_cost else ABSENT for cost in costs)
            facts = {"family": of_row["family"].iloc[0], "model": model, "target": key, "arm": arm}
            named_model = TableCell(model, f"arm {arm} of {ablation}" if arm else "")
            rows.append(
                TableRow((named_model, pretraining, panel.title, accuracy_cell(of_row.iloc[0]), *shown), facts=facts)
            )
    header = ("Model", "Pretrained on", "Target", "Accuracy", *(COST_NAMES[cost] for cost in costs))
    return Table("Test accuracy and its costs.", header, tuple(rows), 3)


def _cost(row: pd.Series) -> str | TableCell:
    """Return a cost with its bounds, and with the row's place (front, behind or undecided) by that cost."""
    if not is_known(row["value"]):
        return ABSENT
    show = _SHOWN.get(row["cost"], three_digits)
    shown = with_bounds(show(row["value"]), row["value_low"], row["value_high"], show)
    return TableCell(shown, row["place"], value=float(row["value"]))
