"""How far the trials of a suite are, as `bench status` shows it beside the suite's runs. Imports no torch."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.cli.active_runs import UnderWay, runs_under_way
from bench.config.resolved import ResolvedSuite
from bench.plan.run import Run
from bench.store.store import Store
from bench.tuning.choice import survey, tuning_store
from bench.tuning.halving import NOT_RUN, PRUNED, StudyState

DONE = ("ok", PRUNED)
"""Trials that came to their end: after the whole budget, or given up before as the rules have it."""


@dataclass(frozen=True)
class TuningStatus:
    """One look at the trials that a suite asks for."""

    studies: Mapping[str, Mapping[str, int]]
    """Study -> its trials by status; empty before the first one was drawn."""
    running: tuple[UnderWay, ...]
    """Runs of trials that a process is at."""
    is_chosen: bool
    """Whether every study has its choice."""

    @property
    def counts(self) -> dict[str, int]:
        """Of all trials: `done`, `failed` and `left`."""
        found: Counter[str] = sum(map(Counter, self.studies.values()), Counter())
        done, left = sum(found[status] for status in DONE), found[NOT_RUN]
        return {"done": done, "failed": found.total() - done - left, "left": left}


def suite_to_watch(store: Store) -> ResolvedSuite:
    """The suite of a store; that of its trials where nothing else was run yet.

    Raises:
        InputError: neither is there, or it is damaged.
    """
    trials = tuning_store(store.root)
    return trials.suite() if trials.has_suite and not store.has_suite else store.suite()


def tuning_status(store: Store) -> TuningStatus | None:
    """Look at the trials in a suite's store, those of the last `bench tune` first; None where none are asked for."""
    trials = tuning_store(store.root)
    suite = trials.suite() if trials.has_suite else store.suite()
    if suite.tuning is None:
        return None
    followed = survey(suite, trials)
    running = tuple(one for one in runs_under_way(trials, _runs(followed)) if one.is_held)
    counts = {str(one.study): dict(Counter(trial.status for trial in one.trials)) for one in followed}
    return TuningStatus(counts, running, bool(followed) and all(one.best for one in followed))


def tuning_lines(status: TuningStatus) -> Iterator[str]:
    """The trials in one line, then a line a study."""
    if not status.studies:
        yield "tuning: no trial is begun; `bench tune` makes them"
        return
    counts = status.counts
    left = ", ".join(f"{number} {name}" for name, number in counts.items() if number or name == "done")
    yield f"tuning: {sum(counts.values())} trials: {left}{'; every study has its choice' * status.is_chosen}"
    for study, statuses in status.studies.items():
        yield f"  {study}: " + ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in statuses.items())


def _runs(followed: tuple[StudyState, ...]) -> dict[str, Run]:
    """By key, all runs of trials that were made or are to be made next."""
    made = (run for one in followed for trial in one.trials for run in trial.runs)
    return {run.key: run for run in (*made, *(due.run for one in followed for due in one.due))}
