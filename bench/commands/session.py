"""One call of `bench run`: say what will be done, do it with progress, write the tables, list what went wrong."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.commands import plan_text
from bench.commands.progress import SuiteProgress, duration
from bench.commands.size_class import check_size_class
from bench.data.targets import check_target
from bench.errors import InputError
from bench.execute.workers import Ended, Workers, default_workers, estimated_seconds
from bench.plan import Plan, Run
from bench.store import Store, open_store
from bench.suite import ResolvedSuite
from bench.tables import build_tables


def run_suite(
    suite: ResolvedSuite, plan: Plan, results: Path, data_dir: Path, num_workers: int | None, console: Console
) -> bool:
    """Do a plan's unfinished runs; returns whether some run that was attempted did not end ok.

    Raises:
        InputError: a model lacks the partner of its size that the suite asks for, or the store can't be had.
    """
    if suite.size_class is not None and not _is_finished(plan, results / suite.name):
        check_size_class(suite)
    store = open_store(results, suite)
    num_workers = num_workers or default_workers(suite.device)
    missing = _missing_targets(plan, data_dir)
    console.print(f"[bold]suite {suite.name}[/]: {plan_text.summary(suite, plan)}", highlight=False, soft_wrap=True)
    todo = tuple(run for run in plan.runs if not store.is_finished(run.key))
    if len(todo) < len(plan.runs):
        console.print(f"{len(plan.runs) - len(todo)} runs are finished and will be skipped")
    try:
        ended = _execute(plan, todo, store, data_dir, min(num_workers, max(1, len(todo))), missing, console)
    except KeyboardInterrupt:
        console.print("\ninterrupted: finished runs are kept; the same command goes on from here")
        raise
    finally:
        store.write_tables(build_tables(store))
    return _conclude(ended, missing, store, console)


def _execute(
    plan: Plan,
    todo: tuple[Run, ...],
    store: Store,
    data_dir: Path,
    num_workers: int,
    missing: dict[str, str],
    console: Console,
) -> list[Ended]:
    if not todo:
        return []
    with Workers(num_workers, threads=todo[0].threads) as workers:
        console.print("timing a few steps of each model …")
        seconds_per_image = workers.time_models(todo)
        total = sum(estimated_seconds(run, seconds_per_image) for run in todo) / num_workers
        workers_text = f"{num_workers} worker{'s' if num_workers > 1 else ''}"
        console.print(f"about {duration(total)} with {workers_text}; results in {store.root}", highlight=False)
        ended = []
        with SuiteProgress(console, todo, seconds_per_image, num_workers) as progress:
            for event in workers.execute(plan, store, data_dir, seconds_per_image, missing):
                progress.show(event)
                if isinstance(event, Ended):
                    ended.append(event)
    return ended


def _is_finished(plan: Plan, folder: Path) -> bool:
    return all(Store(folder).is_finished(run.key) for run in plan.runs)


def _missing_targets(plan: Plan, data_dir: Path) -> dict[str, str]:
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
