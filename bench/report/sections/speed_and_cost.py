"""Write the section on speed and cost: what accuracy costs, and how fast the models are on each machine."""

from collections.abc import Collection, Iterator, Sequence

from bench.analysis.format import listed, plural
from bench.analysis.frames import split
from bench.analysis.pareto import FRONT, UNDECIDED
from bench.analysis.speed import ranking_changes, standings
from bench.report.figures.pareto import cost_in_sentence
from bench.report.first_screen.other_titles import front_title
from bench.report.layout import panels, target_key
from bench.report.machines import Machine
from bench.report.page import Block, Charts, Section, Warned, fold, folded, section
from bench.report.sections.pareto import accuracy_against_cost
from bench.report.sections.speed import best, differences, equal, ranking

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
    chart = charts.get(("cost", machine.name))
    yield chart
    costs = accuracy_against_cost(machine)
    if not costs.tables:
        yield from costs.blocks
    sentences = list(_fronts(machine, chart.titles if chart else ()))
    yield from sentences[:_MOST_FRONTS]
    yield folded("Fronts on other targets", *sentences[_MOST_FRONTS:])
    speeds = (equal(machine), best(machine), ranking(machine)) if machine.name else ()
    yield from map(Warned, differences(machine))
    yield _changes(machine)
    for part in (costs, *speeds):
        yield fold(part) if part.tables else None


def _fronts(machine: Machine, titled: Collection[str]) -> Iterator[str]:
    """Yield which models no row beats on accuracy and the first cost: a sentence for targets with the same answer.

    Args:
        machine: The machine.
        titled: The targets whose chart says in its title that nothing is known.
    """
    targets: dict[str, list[str]] = {}
    for panel in panels(machine.costs):
        rows = panel.rows[panel.rows["cost"] == panel.rows["cost"].iloc[0]]
        on_front = rows[rows["place"] == FRONT]
        on_ladder = set(on_front.loc[on_front["arm"] == "", "model"])
        names = [f"{model}{'' if model in on_ladder else ' (an arm)'}" for model in dict.fromkeys(on_front["model"])]
        who = "rows of every model" if set(on_front["model"]) == set(rows["model"]) else listed(names)
        untold = int((rows["place"] == UNDECIDED).sum())
        more = f"; of {plural(untold, 'other row')} it cannot be told" if untold else ""
        if who:
            title = (
                f"no other row beats these on both accuracy and {cost_in_sentence(rows['cost'].iloc[0])}: {who}{more}"
            )
        else:
            title = "" if target_key(rows.iloc[0]) in titled else front_title(rows)
        targets.setdefault(title, []).append(panel.title)
    for title, told in targets.items():
        if title:
            yield f"On {listed(told)}, {title}."


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
