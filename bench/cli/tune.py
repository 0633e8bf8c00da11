"""`bench tune`: run the trials of a suite that are not done yet, and print the settings that each family chose."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from bench.analysis.format import percent
from bench.cli.plan import describe, failure_line
from bench.cli.progress import SuiteProgress
from bench.cli.run import RunArguments, num_workers_for, unfinished
from bench.cli.signals import interruptible
from bench.cli.size_class import check_members
from bench.cli.terminal import marked
from bench.config.resolved import ResolvedSuite
from bench.errors import InputError
from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.runner.estimate.estimate import data_key, estimate, model_key
from bench.runner.pool.pool import Workers, check_device
from bench.runner.run_options import check_tracker
from bench.store.store import Record, Store, check_trials_belong, keep_suite, open_trials
from bench.tuning.choice import change_to_make, survey, tuning_store
from bench.tuning.halving import Due, StudyState, chosen, study_states
from bench.tuning.kept import NO_TRIALS, KeptTrials, look_into, take_up, write_kept
from bench.tuning.studies import in_words, studies_of
from bench.tuning.trials import trials_table

TRIED_AGAIN = ("failed", "out_of_memory")
"""The statuses of trials that may succeed the next time; a training that diverged would diverge again."""


def tune_suite(suite: ResolvedSuite, arguments: RunArguments, console: Console, *, keep_in: Path | None = None) -> bool:
    """Run the trials of a suite; return whether a trial failed, a study has no choice or the suite is to be changed.

    Args:
        suite: the suite.
        arguments: the other arguments.
        console: where to print.
        keep_in: the file in which the trials are kept for all users of the suite; by default none.

    Raises:
        InputError: the suite asks for no tuning, a member leaves its size class, torch cannot use the device, or the
            results in the suite's folder belong to another suite.
        KeyboardInterrupt, Terminated: the user stopped it; checkpoints keep the trials under way.
    """
    check_tracker(arguments.options.tracker)
    if suite.tuning is None:
        raise InputError(
            f"suite {suite.name} asks for no tuning; add a field to its file, such as "
            "tuning: {trials: 16, space: {learning_rate: {low: 0.0005, high: 0.008, log: true}}}"
        )
    check_device(suite.device, suite.threads)
    root = arguments.results / suite.name
    check_trials_belong(root, suite)
    trials = Trials(suite.untuned(), tuning_store(root), is_adopted=_is_adopted(Store(root)), kept=arguments.kept)
    if suite.tuning.members and trials.due():
        check_members(suite)
    store = open_trials(trials.store.root)
    keep_suite(store, suite)
    take_up(suite, store, arguments.kept)
    each = f"{suite.tuning.trials} trials each for {', '.join(map(str, studies_of(suite)))}"
    halvings = "".join(
        f"; the half with the higher scores continues after {percent(share, places=0)} of the budget"
        for share in suite.tuning.halvings
    )
    heading = marked(f"tuning of suite {suite.name}", "bold", f": {each}{halvings}; results in {store.root}")
    console.print(heading, highlight=False, soft_wrap=True)
    try:
        with interruptible(console):
            _run_trials(trials, arguments, console)
    finally:
        take_up(suite, store, arguments.kept)
        studies = survey(suite, store, arguments.kept)
        store.write_tables({"trials": trials_table(studies)})
    has_more = _conclude(suite, studies, store, console)
    if keep_in is not None:
        if chosen(studies):
            write_kept(keep_in, suite, studies)
        kept = f"kept in {keep_in}" if chosen(studies) else f"not kept in {keep_in}, since a choice is missing"
        console.print(kept, highlight=False, soft_wrap=True)
    return has_more


class Trials:
    """The trials of a suite during one call of `bench tune`; each trial that failed before is run once more.

    Failed trials that the suite keeps, or whose choice `bench run` has used, are not repeated: another choice of
    settings would make another suite.
    """

    def __init__(self, suite: ResolvedSuite, store: Store, *, is_adopted: bool, kept: KeptTrials = NO_TRIALS) -> None:
        """Start with the untuned suite, its store of trials, whether their choice is in use, and the kept trials."""
        self.suite, self.store, self.kept = suite, store, kept
        self.look = look_into(store, kept)
        self.tried_again = () if is_adopted else TRIED_AGAIN
        self.tried: set[str] = set()

    def due(self) -> list[tuple[StudyState, list[Due]]]:
        """Return the studies that have runs due now, with these runs."""
        studies = [
            (study, [due for due in study.due if due.run.key not in self.tried])
            for study in study_states(self.suite, self._look)
        ]
        return [(study, due) for study, due in studies if due]

    def _look(self, key: str) -> Record | None:
        record = self.look(key)
        is_settled = key in self.tried or key in self.kept.records
        return None if record is None or (record["status"] in self.tried_again and not is_settled) else record


def _is_adopted(store: Store) -> bool:
    """Return whether the suite was run with the settings that its trials chose."""
    tuning = store.suite().tuning if store.has_suite else None
    return tuning is not None and bool(tuning.chosen)


def _run_trials(trials: Trials, arguments: RunArguments, console: Console) -> None:
    """Execute the runs that are due, and then those that become due, until there are none."""
    due = trials.due()
    runs = [each.run for _, of_study in due for each in of_study]
    with Workers(num_workers_for(runs, arguments.num_workers), trials.suite.threads) as workers:
        while due:
            _run_due(due, trials, workers, arguments, console)
            due = trials.due()


def _run_due(
    due: list[tuple[StudyState, list[Due]]], trials: Trials, workers: Workers, arguments: RunArguments, console: Console
) -> None:
    """Execute all runs that are due; before them, repeat the pretraining that they start from if it was damaged."""
    names: dict[str, str] = {}
    runs = {study.starts_from.key: study.starts_from for study, _ in due if study.starts_from is not None}
    for study, of_study in due:
        console.print(
            f"{study.study}: {len(of_study)} runs for {percent(study.share, places=0)} of the budget", highlight=False
        )
        for run, trial in ((each.run, each.trial) for each in of_study):
            runs[run.key] = run
            trials.tried.add(run.key)
            names[run.key] = f"{describe(run)}, trial {trial.number} ({in_words(trial.point)})"
    plan = Plan(tuple(runs.values()), ())
    todo = unfinished(plan, trials.store, console)
    seconds = _seconds(todo, workers, arguments.data_dir)
    with SuiteProgress(
        console, trials.store, todo, seconds, workers.count, name=lambda run: names.get(run.key, describe(run))
    ) as progress:
        for event in workers.execute(plan, trials.store, arguments.data_dir, seconds, {}, arguments.options):
            progress.show(event)


def _seconds(runs: Sequence[Run], workers: Workers, data_dir: Path) -> dict[str, float]:
    """Estimate the seconds of runs, by key; of runs with equal stage, model and data, only one is timed."""
    alike = {run.key: (run.stage, run.model, data_key(run)) for run in runs}
    timed = {alike[run.key]: run for run in runs}
    timings = workers.time_runs(list(timed.values()), data_dir)
    seconds = {}
    for run in runs:
        model, data = model_key(timed[alike[run.key]]), data_key(run)
        if model in timings.models and data in timings.data:
            seconds[run.key] = estimate(run, timings.models[model], timings.data[data]).seconds
    return seconds


def _conclude(suite: ResolvedSuite, studies: Sequence[StudyState], store: Store, console: Console) -> bool:
    """Print the failed trials, each study's choice and what to change; return whether anything is left to be done."""
    failed = {
        run.key: failure_line(run, record)
        for study in studies
        for trial in study.trials
        for run, record in zip(trial.runs, trial.records, strict=True)
        if record["status"] in TRIED_AGAIN
    }
    unpruned = dict.fromkeys(f"{study.study.stage}: {reason}" for study in studies for reason in study.unpruned)
    for line in (*failed.values(), *unpruned, *map(_choice, studies), f"tables in {store.tables}"):
        console.print(line, highlight=False, soft_wrap=True)
    if change := change_to_make(suite, studies):
        console.print(marked("to change", "red", f": {change}"), highlight=False, soft_wrap=True)
    return bool(failed or change) or any(study.missing for study in studies)


def _choice(study: StudyState) -> Text:
    """Return a line with a study's choice, or the reason why it has none, and the statuses of its trials."""
    best, statuses = study.best, Counter(trial.status for trial in study.trials)
    trials = ", ".join(f"{number} {status}" for status, number in sorted(statuses.items()))
    if best is None:
        return marked("no choice", "red", f" for {study.study}: {study.missing} ({trials})")
    of_member = f" of {best.model}" if study.study.members else ""
    name = f"trial {best.number}{of_member} ({in_words(best.point)})"
    accuracy = f"validation accuracy {percent(best.score)}"
    return marked("chosen", "green", f" for {study.study}: {name}, {accuracy}, of {trials}")
