"""One call of `bench tune`: draw the trials, make those that are not made yet, and say what each family chose."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.cli.plan import describe, failure_line
from bench.cli.progress import SuiteProgress
from bench.cli.run import RunArguments
from bench.cli.signals import Terminated, told_by_sigterm
from bench.config.resolved import ResolvedSuite
from bench.config.search_space import ResolvedTuning
from bench.errors import InputError
from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.runner.estimate.estimate import TimedData, TimedRun, data_key, estimate, model_key
from bench.runner.pool.pool import Workers, default_workers
from bench.runner.trackers import check_tracker
from bench.store.repair import repair
from bench.store.store import Record, Store, check_trials_belong, keep_suite, open_trials
from bench.tuning.choice import survey, tuning_store
from bench.tuning.halving import NOT_RUN, Due, StudyState, study_states
from bench.tuning.studies import in_words, studies_of
from bench.tuning.trials import trials_table

TRIED_AGAIN = ("failed", "out_of_memory")
"""What may end otherwise the next time; a training that diverges does so again."""

Alike = tuple[str, str, str]
"""What runs have in common that cost about as much an image: stage, model and data."""


def tune_suite(suite: ResolvedSuite, arguments: RunArguments, console: Console) -> bool:
    """Make the trials of a suite; returns whether a family or stage has no choice, or a trial failed.

    Raises:
        InputError: the suite asks for no tuning, or the results that lie there are another suite's.
        KeyboardInterrupt, Terminated: trials under way lie in checkpoints.
    """
    check_tracker(arguments.options.tracker)
    if suite.tuning is None:
        raise InputError(
            f"suite {suite.name} asks for no tuning; it does with a field such as "
            "tuning: {trials: 16, space: {learning_rate: {low: 0.0005, high: 0.008, log: true}}}"
        )
    root = arguments.results / suite.name
    check_trials_belong(root, suite)
    store = open_trials(tuning_store(root).root)
    keep_suite(store, suite)
    trials = Trials(suite.untuned(), store, is_adopted=_is_adopted(root))
    console.print(_summary(suite, suite.tuning, store), highlight=False, soft_wrap=True)
    try:
        with told_by_sigterm():
            _make(trials, arguments, console)
    except (KeyboardInterrupt, Terminated):
        said = "\ninterrupted: trials that are done are kept, and those under way lie in checkpoints; "
        console.print(f"{said}the same command goes on from here", soft_wrap=True)
        raise
    finally:
        followed = survey(suite, store)
        store.write_tables({"trials": trials_table(followed)})
    return _conclude(followed, store, console)


class Trials:
    """The trials of a suite during one call, in which what failed before is tried once more.

    Once the suite was run with what they chose, failures stay as they are: another choice would make another suite.
    """

    def __init__(self, suite: ResolvedSuite, store: Store, *, is_adopted: bool) -> None:
        self.suite, self.store = suite, store
        self.tried_again = (NOT_RUN,) if is_adopted else (NOT_RUN, *TRIED_AGAIN)
        self.tried: set[str] = set()
        self.timings: dict[Alike, tuple[TimedRun, TimedData]] = {}

    def due(self) -> list[tuple[StudyState, list[Due]]]:
        """What is to be run next, by study."""
        found = [
            (one, [due for due in one.due if due.run.key not in self.tried])
            for one in study_states(self.suite, self._look)
        ]
        return [(one, due) for one, due in found if due]

    def seconds(self, runs: Sequence[Run], workers: Workers, data_dir: Path) -> dict[str, float]:
        """Estimate the seconds of runs, by key: the first point of each model on the same data is timed for all."""
        new = {_alike(run): run for run in reversed(runs) if _alike(run) not in self.timings}
        timings = workers.time_runs(list(new.values()), data_dir)
        for alike, run in new.items():
            if model_key(run) in timings.models and data_key(run) in timings.data:
                self.timings[alike] = timings.models[model_key(run)], timings.data[data_key(run)]
        known = [run for run in runs if _alike(run) in self.timings]
        return {run.key: estimate(run, *self.timings[_alike(run)]).seconds for run in known}

    def _look(self, key: str) -> Record | None:
        record = self.store.look(key)
        is_open = record is not None and record["status"] in self.tried_again and key not in self.tried
        return None if is_open else record


def _alike(run: Run) -> Alike:
    return run.stage, run.model, data_key(run)


def _is_adopted(root: Path) -> bool:
    """Whether the suite was run with what its trials chose."""
    store = Store(root)
    tuning = store.suite().tuning if store.has_suite else None
    return tuning is not None and bool(tuning.chosen)


def _summary(suite: ResolvedSuite, tuning: ResolvedTuning, store: Store) -> str:
    studies = studies_of(suite)
    of_each = f"{tuning.trials} trials each for {', '.join(map(str, studies))}"
    halved = "".join(f"; the better half goes on after {share:.0%} of the budget" for share in tuning.halvings)
    return f"[bold]tuning of suite {escape(suite.name)}[/]: {of_each}{halved}; results in {escape(str(store.root))}"


def _make(trials: Trials, arguments: RunArguments, console: Console) -> None:
    """Run what is due, and then what that makes due, until nothing is."""
    if not (due := trials.due()):
        return
    most = sum(len(runs) for _, runs in due)
    count = max(1, min(arguments.num_workers or default_workers(trials.suite.device), most))
    with Workers(count, trials.suite.threads) as workers:
        while due:
            _run_all(due, trials, workers, arguments, console)
            due = trials.due()


def _run_all(
    due: list[tuple[StudyState, list[Due]]], trials: Trials, workers: Workers, arguments: RunArguments, console: Console
) -> None:
    """Do all runs that are due, after those that they start from, should these have been damaged."""
    for one, own in due:
        console.print(f"{one.study}: {len(own)} runs for {one.share:.0%} of the budget", highlight=False)
    starts = {one.starts_from.key: one.starts_from for one, _ in due if one.starts_from is not None}
    runs = {one.run.key: one.run for _, own in due for one in own}
    plan = Plan(tuple((starts | runs).values()), ())
    repaired = repair(trials.store, plan.runs)
    for message in repaired.messages:
        console.print(f"[yellow]set aside[/]: {escape(message)}", highlight=False, soft_wrap=True)
    todo = tuple(run for run in plan.runs if run.key not in repaired.finished)
    names = {one.run.key: f"{describe(one.run)}, {_name(one)}" for _, own in due for one in own}
    seconds = trials.seconds(todo, workers, arguments.data_dir)
    trials.tried |= runs.keys()
    with SuiteProgress(
        console, trials.store, todo, seconds, workers.count, name=lambda run: names.get(run.key, describe(run))
    ) as progress:
        for event in workers.execute(plan, trials.store, arguments.data_dir, seconds, {}, arguments.options):
            progress.show(event)


def _name(due: Due) -> str:
    return f"trial {due.trial.number} ({in_words(due.trial.point)})"


def _conclude(followed: Sequence[StudyState], store: Store, console: Console) -> bool:
    failed = {
        run.key: (run, record)
        for one in followed
        for trial in one.trials
        for run, record in zip(trial.runs, trial.records, strict=True)
        if record["status"] in TRIED_AGAIN
    }
    for run, record in failed.values():
        console.print(failure_line(run, record), highlight=False, soft_wrap=True)
    for one in followed:
        console.print(_choice(one), highlight=False, soft_wrap=True)
    console.print(f"tables in {store.tables}", highlight=False, soft_wrap=True)
    return bool(failed) or any(one.missing for one in followed)


def _choice(followed: StudyState) -> str:
    """What a study chose, or why there is no choice, and how its trials ended."""
    best, ended = followed.best, Counter(trial.status for trial in followed.trials)
    trials = ", ".join(f"{number} {status}" for status, number in sorted(ended.items()))
    if best is None:
        return f"[red]no choice[/] for {followed.study}: {followed.missing} ({trials})"
    name = escape(f"trial {best.number} ({in_words(best.point)})")
    return f"[green]chosen[/] for {followed.study}: {name}, validation accuracy {best.score:.1%}, of {trials}"
