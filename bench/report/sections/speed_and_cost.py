"""Write the section on speed and cost: what accuracy costs, and how fast the models are on each machine."""

from collections.abc import Iterator, Sequence

from bench.analysis.format import listed, plural
from bench.analysis.frames import split
from bench.analysis.pareto import COSTS, FRONT
from bench.analysis.speed import ranking_changes, standings
from bench.report.figures.pareto import COST_NAMES
from bench.report.first_screen.other_titles import front_title
from bench.report.layout import panels
from bench.report.machines import Machine
from bench.report.page import Block, Charts, Section, Warned, fold, folded, section
from bench.report.sections.pareto import accuracy_against_cost
from bench.report.sections.speed import best, differences, equal, ranking

_TOLD_FIRST = ("p50_ms", "macs")
"""The costs by which sentences tell who is on the front, the first that is known."""
_MOST_FRONTS = 3
"""The largest number of open sentences on fronts."""


def speed_and_cost(suite: str, machines: Sequence[Machine], charts: Charts) -> Section:
    """Return the costs of the suite's rows, on the first machine open and on each other machine folded.

    Args:
        suite: The suite's name.
        machines: The machines, from `bench.report.machines.machines`.
        charts: The report's charts.
    """
    first, *others = machines
    measure = f"No speed was measured for this suite; `make throughput SUITE={suite}` measures them."
    where = "" if first.is_only else f"On {first.name}:"
    return section(
        "Speed and cost",
        where if first.name else measure,
        *_of_machine(first, charts),
        *(folded(f"On {machine.name}", *_of_machine(machine, charts)) for machine in others),
    )


def _of_machine(machine: Machine, charts: Charts) -> Iterator[Block | None]:
    yield charts.get(("cost", machine.name))
    costs = accuracy_against_cost(machine)
    if not costs.tables:
        yield from costs.blocks
    sentences = list(_fronts(machine))
    yield from sentences[:_MOST_FRONTS]
    yield folded("Fronts on other targets", *sentences[_MOST_FRONTS:])
    speeds = (equal(machine), best(machine), ranking(machine)) if machine.name else ()
    yield from map(Warned, differences(machine))
    yield _changes(machine)
    for part in (costs, *speeds):
        yield fold(part) if part.tables else None


def _fronts(machine: Machine) -> Iterator[str]:
    """Yield who is on the front of one cost: a sentence for the targets of which the same is true.

    Models are named unless all of them are on it.
    """
    targets: dict[tuple[str, ...], list[str]] = {}
    for panel in panels(machine.costs):
        cost = next(cost for cost in (*_TOLD_FIRST, *COSTS) if cost in set(panel.rows["cost"]))
        rows = panel.rows[panel.rows["cost"] == cost]
        on_front = dict.fromkeys(rows.loc[rows["place"] == FRONT, "model"])
        if set(on_front) == set(rows["model"]):
            on_front = {}
        targets.setdefault((_in_sentence(cost), front_title(rows), *on_front), []).append(panel.title)
    for (cost, title, *models), told in targets.items():
        whose = f" The front is of {listed(models)}." if models and not title.startswith(models[0]) else ""
        yield f"By {cost} on {listed(told)}: {title}.{whose}"


def _in_sentence(cost: str) -> str:
    name = COST_NAMES[cost].partition(",")[0]
    return name[0].lower() + name[1:]


def _changes(machine: Machine) -> str | None:
    """Return which models overtake others if each has its best settings; None unless both kinds were measured."""
    if not machine.groups("equal") or not machine.groups("best"):
        return None
    changes = ranking_changes(standings(machine.rows))
    if changes.empty:
        return "At equal and at best settings the models have the same order of speed."
    clear = changes[changes["both_exclude_1"]]
    told = [
        f"{other} overtakes {listed(list(rows['model']))} in {task}"
        for (task, _, other), rows in split(clear, ["task", "precision", "other"])
    ]
    unclear = len(changes) - len(clear)
    may = f"{plural(unclear, 'pair')} of models may change places" if unclear else ""
    return f"At best settings in place of equal ones, {'; '.join(filter(None, (*told, may)))}."
