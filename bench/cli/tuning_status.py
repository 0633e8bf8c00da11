"""Read how far the trials of a suite's tuning are. Imports no torch."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.cli.active_runs import ActiveRun, active_runs
from bench.store.store import Store
from bench.tuning.choice import survey, tuning_store
from bench.tuning.halving import NOT_RUN, PRUNED

DONE = ("ok", PRUNED)
"""The status of a trial that came to its end: after the whole budget, or given up before as the rules have it."""


@dataclass(frozen=True)
class TuningStatus:
    """The trials that a suite asks for, as they stand."""

    studies: Mapping[str, Mapping[str, int]]
    """the number of trials by status, for each study; empty before the first trial"""
    running: list[ActiveRun]
    is_chosen: bool
    """whether every study has chosen its settings"""

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of trials that are `done`, `failed` and `left`."""
        statuses: Counter[str] = sum(map(Counter, self.studies.values()), Counter())
        done, left = sum(statuses[status] for status in DONE), statuses[NOT_RUN]
        return {"done": done, "failed": statuses.total() - done - left, "left": left}


def tuning_status(store: Store) -> TuningStatus | None:
    """Read the trials in a suite's store; return None if its suite asks for no tuning.

    The suite of the last `bench tune` counts, if there was one.
    """
    trials = tuning_store(store.root)
    suite = trials.suite() if trials.has_suite else store.suite()
    if suite.tuning is None:
        return None
    studies = survey(suite, trials)
    done = {run.key: run for study in studies for trial in study.trials for run in trial.runs}
    due = {due.run.key: due.run for study in studies for due in study.due}
    return TuningStatus(
        studies={str(study.study): dict(Counter(trial.status for trial in study.trials)) for study in studies},
        running=[run for run in active_runs(trials, done | due) if run.is_held],
        is_chosen=bool(studies) and all(study.best for study in studies),
    )


def tuning_lines(status: TuningStatus) -> Iterator[str]:
    """Yield a line for all trials, then one for each study."""
    if not status.studies:
        yield "tuning: no trial has begun; `bench tune` runs them"
        return
    counts = ", ".join(f"{number} {name}" for name, number in status.counts.items() if number or name == "done")
    chosen = "; every study has chosen" if status.is_chosen else ""
    yield f"tuning: {sum(status.counts.values())} trials: {counts}{chosen}"
    for study, statuses in status.studies.items():
        yield f"  {study}: " + ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in statuses.items())
