"""Which traits of which runs a store lacks, and why others are not measured. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.analysis.format import plural
from bench.files.locks import acquire
from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.store.records import DamagedRun
from bench.store.store import WEIGHTS, Store
from bench.traits.trait import Trait, TraitOfRun
from bench.traits.trait_record import DamagedTrait, read_answers, read_trait, trait_folder


@dataclass(frozen=True)
class TraitPlan:
    """The traits of a store's runs."""

    todo: tuple[TraitOfRun, ...]
    """Those that are not measured yet, or failed."""
    num_finished: int
    left_out: tuple[str, ...]
    """One sentence for each reason why a trait is not measured on some runs."""
    set_aside: tuple[str, ...]
    """Messages about damaged records, with the folders that they were moved to."""


def plan_traits(store: Store, plan: Plan, traits: Sequence[Trait], *, every_row: bool = False) -> TraitPlan:
    """Return what is to be measured, after moving damaged records away.

    Args:
        store: the store of the runs.
        plan: the runs to consider.
        traits: the traits to measure.
        every_row: whether runs of smaller rungs and arms of ablations are considered, too.
    """
    todo, messages, num_finished = [], [], 0
    reasons: dict[tuple[str, str], int] = {}
    runs = trained_runs(plan, every_row=every_row)
    for trait in traits:
        for run in runs:
            task = TraitOfRun(trait, run)
            if not (reason := trait.why_not(run)):
                if message := _set_aside_if_damaged(store, task):
                    messages.append(message)
                if _is_finished(store, task):
                    num_finished += 1
                    continue
                reason = _obstacle(store, run)
            if reason:
                reasons[trait.name, reason] = reasons.get((trait.name, reason), 0) + 1
            else:
                todo.append(task)
    left_out = (f"{name} of {plural(number, 'run')}: {reason}" for (name, reason), number in reasons.items())
    return TraitPlan(tuple(todo), num_finished, tuple(left_out), tuple(messages))


def trained_runs(plan: Plan, *, every_row: bool = False) -> list[Run]:
    """Return the runs that trained a network on a target: by default those of the largest rungs, and from scratch."""
    cells = [cell for cell in plan.cells if cell.transfer.stage in ("transfer", "scratch")]
    if not every_row:
        cells = [cell for cell in cells if not cell.ablation]
        rungs = [cell.pretrain for cell in cells if cell.pretrain is not None]
        largest: dict[str, int] = {}
        for rung in rungs:
            largest[rung.pretraining_name] = max(largest.get(rung.pretraining_name, 0), rung.subset_images or 0)
        cells = [
            cell
            for cell in cells
            if cell.pretrain is None or cell.pretrain.subset_images == largest[cell.pretrain.pretraining_name]
        ]
    return list({cell.transfer.key: cell.transfer for cell in cells}.values())


def _is_finished(store: Store, task: TraitOfRun) -> bool:
    try:
        record = read_trait(store, task.key)
    except DamagedTrait:  # another process works on it
        return False
    return record is not None and record.status == "ok"


def _set_aside_if_damaged(store: Store, task: TraitOfRun) -> str:
    """Move a damaged record away unless another process works on it; return a message, or nothing if it is whole."""
    try:
        _check(store, task)
    except DamagedTrait:
        lock = acquire(store.running_folder(task.key))
        if lock is None:
            return ""
        with lock:
            try:
                _check(store, task)
            except DamagedTrait as error:
                moved = store.set_aside(trait_folder(store, task.key), task.key)
                return f"{error}; its folder is now {moved}"
    return ""


def _check(store: Store, task: TraitOfRun) -> None:
    record = read_trait(store, task.key)
    if record is not None and record.status == "ok":
        read_answers(store, record, task.trait)


def _obstacle(store: Store, run: Run) -> str:
    """Return why nothing can be measured on a run; empty if its network is there."""
    try:
        record = store.read(run.key)
    except DamagedRun:
        return "the run's record is damaged; `bench run` does the run again"
    if record is None:
        return "not run yet"
    if record["status"] != "ok":
        return f"the run ended {record['status']!r}, so there is no network"
    if not (store.run_folder(run.key) / WEIGHTS).is_file():
        return "the run's weights were not kept"
    return ""
