"""`bench plan`: print the runs of a suite, the images they see and what they share. Imports no torch."""

from collections import Counter
from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from bench.cli.terminal import marked
from bench.config.pilot import pilot_path, read_pilot
from bench.config.resolved import ResolvedSuite
from bench.config.search_space import ResolvedTuning
from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.store.store import Record

STAGES = {"pretrain": "pretrain", "transfer": "fine-tune", "probe": "probe", "scratch": "scratch"}


def power_line(named: str, suite: ResolvedSuite) -> str:
    """Return what a suite can decide by the pilot results that it keeps; empty without any.

    Args:
        named: the suite's shipped name or the path of its file.
        suite: the suite.

    Raises:
        InputError: the file of pilot results is damaged.
    """
    pilot = read_pilot(pilot_path(named))
    if pilot is None:
        return ""
    if why := pilot.why_unfit(suite):
        return f"power: unknown, since the pilot results do not fit: {why}"
    of, asks = pilot.planned, f"`bench plan {named} --power`"
    if (of.num_seeds, of.looks) != (len(suite.seeds), suite.looks):
        return f"power: {asks} says what claims can decide with other seeds or looks than the pilot results had"
    return f"power, half-widths and what they decide in points: {of.text}; {asks} says more"


def show(console: Console, suite: ResolvedSuite, plan: Plan, *, each_run: bool = False) -> None:
    """Print the runs of a plan, the images they see, and what they share."""
    console.print(marked(f"suite {suite.name}", "bold", f": {suite.description}"), highlight=False, soft_wrap=True)
    console.print(summary(suite, plan), highlight=False, soft_wrap=True)
    if each_run:
        console.print(_each_run(plan), highlight=False, soft_wrap=True)
    else:
        console.print(_grouped(plan))
    console.print(sharing(plan), highlight=False, soft_wrap=True)
    if suite.tuning is not None:
        console.print(tuning(suite.tuning), highlight=False, soft_wrap=True)
    if suite.size_class is not None:
        partner = f"size_class: {suite.size_class} asks for a partner of the same size in each other family"
        console.print(f"{partner}; `bench run` checks it first", highlight=False, soft_wrap=True)


def summary(suite: ResolvedSuite, plan: Plan) -> str:
    """Return a sentence about models, seeds, runs and images."""
    return (
        f"{len({run.model for run in plan.runs})} models x {len({run.seed for run in plan.runs})} seeds on "
        f"{suite.device} ({suite.precision}): {len(plan.runs)} runs for {len(plan.cells)} cells, "
        f"{_budget(plan.runs)} of training"
    )


def sharing(plan: Plan) -> str:
    """Return a sentence about the transfers that share a pretraining."""
    served = Counter(run.starts_from for run in plan.runs if run.starts_from)
    cells = Counter(cell.transfer.key for cell in plan.cells)
    shared = sum(1 for count in cells.values() if count > 1)
    return (
        f"sharing: {len(served)} pretraining runs serve {sum(served.values())} transfers; "
        f"{shared} transfers are in more than one cell (an ablation's arm that the ladder has too)"
    )


def tuning(resolved: ResolvedTuning) -> str:
    """Return a sentence about the tuning of the recipes."""
    trials = f"{resolved.trials} trials for each family and stage"
    if resolved.chosen:
        return f"tuning: by {trials}; every run trains with the settings that its family chose"
    until_then = "refuses to run" if resolved.required else "trains with the recipes as written"
    return f"tuning: `bench tune` runs {trials}; until then `bench run` {until_then}"


def describe(run: Run) -> str:
    """Return a short description of a run: `pretrain vit_pico/8 on fractals 4,096 in 32 classes, seed 0`."""
    return f"{run.probe or run.stage} {_start(run)} on {run.data_name}, seed {run.seed}"


def failure_line(run: Run, record: Record) -> Text:
    """Return a line about a run that did not end `ok`."""
    return status_line(run.key, describe(run), record["status"], record["reason"])


def status_line(key: str, run: str, status: str, reason: str) -> Text:
    """Return a line about a run that did not end `ok`; a diverged one says what it means for its seed."""
    counts = "; its seed counts as failed to train" if status == "diverged" else ""
    return marked(status, "red", f" {key}  {run}: {reason}{counts}")


def plan_as_json(suite: ResolvedSuite, plan: Plan) -> dict[str, Any]:
    """Return a resolved suite and its runs as JSON values."""
    return {
        "suite": suite.model_dump(mode="json"),
        "runs": [{"key": run.key, **run.resolved()} for run in plan.runs],
    }


def _grouped(plan: Plan) -> Table:
    """Return a table with one row per stage and data set."""
    stages = list(STAGES)
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in sorted(plan.runs, key=lambda run: stages.index(run.stage)):
        groups.setdefault((run.stage, run.data_name), []).append(run)
    served = Counter(run.starts_from for run in plan.runs if run.starts_from)
    texts = (Column(heading, overflow="fold") for heading in ("stage", "data", "models"))
    numbers = (Column(heading, justify="right") for heading in ("runs", "budget", "transfers"))
    table = Table(*texts, *numbers, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for (stage, data), runs in groups.items():
        models = "\n".join(dict.fromkeys(_start(run) for run in runs))
        serving = sum(served[run.key] for run in runs)
        budget = _budget(runs) if stage != "probe" else ""
        table.add_row(STAGES[stage], data, models, str(len(runs)), budget, str(serving or ""), end_section=True)
    return table


def _start(run: Run) -> str:
    """Return the model and, if it starts from external weights, their corpus."""
    return f"{run.model} from {run.external.corpus}" if run.external else run.model


def _budget(runs: Iterable[Run]) -> str:
    """Return the sum of the budgets of runs that train a network."""
    budgets = [run.budget for run in runs if run.probe is None]
    return str(reduce(add, budgets)) if budgets else "nothing"


def _each_run(plan: Plan) -> str:
    lines = (
        f"{run.key}  {describe(run)}: {run.probe or run.budget}"
        + (f", starts from {run.starts_from}" if run.starts_from else "")
        for run in plan.runs
    )
    return "\n".join(lines)
