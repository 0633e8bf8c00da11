"""`bench run`: execute the runs of a suite, show their progress, write the tables, and list the failed runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench.analysis.duplicates import duplicate_warnings
from bench.analysis.format import duration, plural
from bench.cli.plan import failure_line, summary, tuning
from bench.cli.progress import SuiteProgress
from bench.cli.signals import interruptible
from bench.cli.size_class import check_size_class
from bench.cli.terminal import marked
from bench.cli.traits import measure_traits
from bench.config.resolved import ResolvedSuite
from bench.data.presence import check_sums
from bench.data.target import check_target
from bench.errors import InputError
from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.runner.estimate.estimate import estimates, seconds_by_key
from bench.runner.pool.pool import Ended, Workers, check_device, default_workers
from bench.runner.pool.queue import attempts
from bench.runner.pool.schedule import most_at_once, seconds_in_all
from bench.runner.run_options import DEFAULT_OPTIONS, RunOptions, check_tracker
from bench.store.repair import repair
from bench.store.store import Store, open_store
from bench.tables.build import build_tables
from bench.traits.known_traits import traits_named
from bench.traits.trait_plan import plan_traits
from bench.tuning.choice import check_tuned, tuning_store
from bench.tuning.kept import NO_TRIALS, KeptTrials, take_up


@dataclass(frozen=True)
class RunArguments:
    """The arguments of `bench run` and `bench tune` besides the suite."""

    results: Path
    data_dir: Path
    num_workers: int | None = None
    options: RunOptions = DEFAULT_OPTIONS
    kept: KeptTrials = NO_TRIALS
    """Trials that the suite keeps beside its file."""


def run_suite(suite: ResolvedSuite, plan: Plan, arguments: RunArguments, console: Console) -> bool:
    """Execute the unfinished runs of a plan, then measure the suite's traits of them.

    Returns:
        Whether a run or a trait that was attempted did not end `ok`.

    Raises:
        InputError: the suite requires tuning, partners of the same size or a device that are missing, a file differs
            from its publisher's, or the store cannot be opened.
        KeyboardInterrupt, Terminated: the user stopped it; checkpoints keep the runs under way, tables the others.
    """
    check_tracker(arguments.options.tracker)
    check_tuned(suite, arguments.results / suite.name, arguments.kept)
    keys = {run.key for run in plan.runs}
    if len(Store(arguments.results / suite.name).finished(keys)) < len(keys):
        check_device(suite.device, suite.threads)
        if suite.size_class is not None:
            check_size_class(suite)
        check_sums(_data_names(plan), arguments.data_dir)
    store = open_store(arguments.results, suite)
    if suite.tuning is not None and suite.tuning.chosen:
        take_up(suite, tuning_store(store.root), arguments.kept)
    missing = missing_targets(plan, arguments.data_dir)
    console.print(marked(f"suite {suite.name}", "bold", f": {summary(suite, plan)}"), highlight=False, soft_wrap=True)
    if suite.tuning is not None:
        console.print(tuning(suite.tuning), highlight=False, soft_wrap=True)
    if unused := arguments.kept.why_unused(suite):
        console.print(unused, highlight=False, soft_wrap=True)
    todo = unfinished(plan, store, console)
    if num_finished := len(plan.runs) - len(todo):
        console.print(f"{num_finished} runs are finished and will be skipped")
    try:
        with interruptible(console):
            ended = _execute(plan, todo, store, arguments, missing, console) if todo else []
            traits_failed = bool(suite.traits) and _measure_traits(suite, plan, store, arguments, console)
    finally:
        tables = build_tables(store)
        store.write_tables(tables)
    for target, reason in missing.items():
        console.print(marked("not run", "yellow", f": target {target} is optional: {reason}"), soft_wrap=True)
    for sentence in duplicate_warnings(tables["cells"], tables.get("left_out")):
        console.print(marked("warning", "yellow", f": {sentence}"), highlight=False, soft_wrap=True)
    failed = [event for event in ended if event.record["status"] != "ok" and str(event.run.target) not in missing]
    for event in failed:
        console.print(failure_line(event.run, event.record), highlight=False, soft_wrap=True)
    console.print(f"tables in {store.tables}", highlight=False)
    return bool(failed) or traits_failed


def unfinished(plan: Plan, store: Store, console: Console) -> tuple[Run, ...]:
    """Return the runs that are not finished; set damaged ones aside, and print where they are."""
    repaired = repair(store, plan.runs)
    for message in repaired.messages:
        console.print(marked("set aside", "yellow", f": {message}"), highlight=False, soft_wrap=True)
    return tuple(run for run in plan.runs if run.key not in repaired.finished)


def missing_targets(plan: Plan, data_dir: Path) -> dict[str, str]:
    """Return the optional targets whose data is missing, with the reason."""
    missing = {}
    for target in {str(run.target): run.target for run in plan.runs if run.target}.values():
        try:
            check_target(target, data_dir)
        except InputError as error:
            missing[str(target)] = str(error)
    return missing


def _measure_traits(suite: ResolvedSuite, plan: Plan, store: Store, arguments: RunArguments, console: Console) -> bool:
    """Measure the suite's traits of the runs that are finished now; return whether one failed."""
    planned = plan_traits(store, plan, traits_named(suite.traits))
    return measure_traits(store, planned, arguments.data_dir, suite.device, arguments.num_workers, console)


def _data_names(plan: Plan) -> list[str]:
    """Return the names of the data sets, without those named by a path, that the runs of a plan read."""
    targets = {run.target.name for run in plan.runs if run.target}
    return sorted(targets | {run.corpus.name for run in plan.runs if run.corpus})


def num_workers_for(runs: Sequence[Run], wanted: int | None) -> int:
    """Return the number of workers for runs: the wanted or default one, but no more than can work at once."""
    return max(1, min(wanted or default_workers(runs[0].device), most_at_once(runs))) if runs else 1


def _execute(
    plan: Plan, todo: Sequence[Run], store: Store, arguments: RunArguments, missing: dict[str, str], console: Console
) -> list[Ended]:
    """Print the estimate, then execute the runs; return the event of each run's end."""
    possible = [run for run in todo if str(run.target) not in missing]
    num_workers = num_workers_for(possible, arguments.num_workers)
    ended = []
    with Workers(num_workers, todo[0].threads, attempts(store, todo)) as workers:
        console.print("timing one step of each model …")
        timings = workers.time_runs(possible, arguments.data_dir)
        seconds = seconds_by_key(estimates(possible, timings, num_workers))
        total = duration(round(seconds_in_all(plan, seconds, num_workers)))
        console.print(f"about {total} with {plural(num_workers, 'worker')}; results in {store.root}", highlight=False)
        with SuiteProgress(console, store, todo, seconds, num_workers) as progress:
            for event in workers.execute(plan, store, arguments.data_dir, seconds, missing, arguments.options):
                progress.show(event)
                if isinstance(event, Ended):
                    ended.append(event)
    return ended
