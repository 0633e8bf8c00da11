"""One call of `bench run`: say what will be done, do it with progress, write the tables, list what went wrong."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.analysis.format import duration, plural
from bench.cli import plan as plan_text
from bench.cli.progress import SuiteProgress
from bench.cli.signals import Terminated, told_by_sigterm
from bench.cli.size_class import check_size_class
from bench.config.resolved import ResolvedSuite
from bench.data.target import check_target
from bench.errors import InputError
from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.runner.estimate.estimate import estimates, seconds_by_key
from bench.runner.pool.pool import Ended, Workers, default_workers
from bench.runner.pool.queue import attempts
from bench.runner.pool.schedule import by_priority, most_at_once, seconds_in_all
from bench.runner.run_options import DEFAULT_OPTIONS, RunOptions
from bench.runner.trackers import check_tracker
from bench.store.repair import repair
from bench.store.store import Store, open_store
from bench.tables.build import build_tables
from bench.tuning.choice import check_tuned


@dataclass(frozen=True)
class RunArguments:
    """What a call of `bench run` or `bench tune` asks for besides the suite."""

    results: Path
    data_dir: Path
    num_workers: int | None = None
    options: RunOptions = DEFAULT_OPTIONS


def run_suite(suite: ResolvedSuite, plan: Plan, arguments: RunArguments, console: Console) -> bool:
    """Do a plan's unfinished runs; returns whether some run that was attempted did not end ok.

    Raises:
        InputError: the suite demands tuning or partners of one size, and lacks them; or the store can't be had.
        KeyboardInterrupt, Terminated: what was under way lies in checkpoints, and what is done in the tables.
    """
    check_tracker(arguments.options.tracker)
    check_tuned(suite, arguments.results / suite.name)
    if suite.size_class is not None and not _is_finished(plan, arguments.results / suite.name):
        check_size_class(suite)
    store = open_store(arguments.results, suite)
    missing = missing_targets(plan, arguments.data_dir)
    console.print(f"[bold]suite {suite.name}[/]: {plan_text.summary(suite, plan)}", highlight=False, soft_wrap=True)
    if suite.tuning is not None:
        console.print(plan_text.tuning(suite.tuning), highlight=False, soft_wrap=True)
    todo = _todo(plan, store, console)
    try:
        with told_by_sigterm():
            ended = _execute(plan, todo, store, arguments, missing, console)
    except (KeyboardInterrupt, Terminated):
        console.print(
            "\ninterrupted: finished runs are kept, and those under way lie in checkpoints; "
            "the same command goes on from here",
            soft_wrap=True,
        )
        raise
    finally:
        store.write_tables(build_tables(store))
    return _conclude(ended, missing, store, console)


def _todo(plan: Plan, store: Store, console: Console) -> tuple[Run, ...]:
    """The runs that are not finished; of damaged ones it is said what becomes of them."""
    repaired = repair(store, plan.runs)
    for message in repaired.messages:
        console.print(f"[yellow]set aside[/]: {escape(message)}", highlight=False, soft_wrap=True)
    if repaired.finished:
        console.print(f"{len(repaired.finished)} runs are finished and will be skipped")
    return tuple(run for run in plan.runs if run.key not in repaired.finished)


def _execute(
    plan: Plan,
    todo: tuple[Run, ...],
    store: Store,
    arguments: RunArguments,
    missing: dict[str, str],
    console: Console,
) -> list[Ended]:
    if not todo:
        return []
    possible = [run for run in todo if str(run.target) not in missing]
    num_workers = max(1, min(arguments.num_workers or default_workers(todo[0].device), most_at_once(possible)))
    with Workers(num_workers, todo[0].threads, attempts(store, todo)) as workers:
        console.print("timing one step of each model …")
        timings = workers.time_runs(possible, arguments.data_dir)
        seconds = seconds_by_key(estimates(possible, timings, num_workers))
        order = [run for run in by_priority(plan, seconds) if run.key in seconds]
        total = duration(round(seconds_in_all(order, seconds, num_workers)))
        console.print(f"about {total} with {plural(num_workers, 'worker')}; results in {store.root}", highlight=False)
        ended = []
        with SuiteProgress(console, store, todo, seconds, num_workers) as progress:
            for event in workers.execute(plan, store, arguments.data_dir, seconds, missing, arguments.options):
                progress.show(event)
                if isinstance(event, Ended):
                    ended.append(event)
    return ended


def _is_finished(plan: Plan, folder: Path) -> bool:
    return len(Store(folder).finished(run.key for run in plan.runs)) == len({run.key for run in plan.runs})


def missing_targets(plan: Plan, data_dir: Path) -> dict[str, str]:
    """Optional targets whose data is not there, with the reason."""
    missing = {}
    for target in {str(run.target): run.target for run in plan.runs if run.target}.values():
        try:
            check_target(target, data_dir)
        except InputError as error:
            missing[str(target)] = str(error)
    return missing


def _conclude(ended: list[Ended], missing: dict[str, str], store: Store, console: Console) -> bool:
    for target, reason in missing.items():
        console.print(f"[yellow]not run[/]: target {target} is optional: {escape(reason)}", soft_wrap=True)
    failed = [event for event in ended if event.record["status"] != "ok" and str(event.run.target) not in missing]
    for event in failed:
        console.print(plan_text.failure_line(event.run, event.record), highlight=False, soft_wrap=True)
    console.print(f"tables in {store.tables}", highlight=False)
    return bool(failed)
