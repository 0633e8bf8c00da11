"""Compute the state of each study from the records: its progress, its next runs and its best trial.

Every study prunes in the same way, by synchronous successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943):
after each of the suite's shares of the budget, the better half of the trials continues. A trial starts again with each
share, so that its schedule is always complete. The order in which runs end has no effect. A trial that diverged or
failed has the worst score. Imports no torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, inf
from statistics import fmean

from bench.config.resolved import ResolvedSuite
from bench.config.search_space import ChosenPoint, Point
from bench.errors import InputError
from bench.plan.run import Run
from bench.store.store import Record
from bench.tuning.points import draw_points
from bench.tuning.studies import Study, studies_of, trial_runs

WORST = 0.0
"""Accuracy of a trial that did not end ok: the lowest possible accuracy."""
PRUNED, NOT_RUN = "pruned", "not_run"

Look = Callable[[str], Record | None]
"""Function that returns a run's record by its key; None if the run has not been attempted."""


@dataclass(frozen=True)
class Trial:
    """One point, its runs so far, and their result."""

    number: int
    point: Point
    runs: tuple[Run, ...] = ()
    """Runs of all shares of the budget so far, the largest share last."""
    records: tuple[Record, ...] = field(default=(), repr=False)
    """The records of the runs."""
    share: float = 0.0
    """Share of the budget after which the trial was last judged."""
    status: str = NOT_RUN
    """`ok` after the whole budget, `pruned`, `not_run`, or the status of a run that did not end ok."""
    reason: str = ""
    score: float = WORST
    """Validation accuracy, from 0 to 1, averaged over the targets."""
    loss: float = inf
    """Mean loss on the same images; it decides between equal scores."""

    @property
    def rank(self) -> tuple[float, float, int]:
        """Sort key that puts the best trial first, and the earlier one of equal trials."""
        return -self.score, self.loss, self.number


@dataclass(frozen=True)
class Due:
    """A run that can start now, and the trial that needs it."""

    trial: Trial
    run: Run


@dataclass(frozen=True)
class StudyState:
    """One study, its trials and its next runs."""

    study: Study
    trials: tuple[Trial, ...]
    due: tuple[Due, ...] = ()
    """Runs that can start now."""
    share: float = 1.0
    """Share of the budget of these runs."""
    starts_from: Run | None = None
    """Pretraining that the trials start from."""

    @property
    def is_complete(self) -> bool:
        """Whether every trial has ended."""
        return bool(self.trials) and all(trial.status != NOT_RUN for trial in self.trials)

    @property
    def best(self) -> Trial | None:
        """Best trial with the whole budget; None until every trial has ended, or if no trial ended ok."""
        ended = [trial for trial in self.trials if trial.status == "ok"]
        return min(ended, key=lambda trial: trial.rank) if self.is_complete and ended else None

    @property
    def missing(self) -> str:
        """Reason why there is no choice; empty if there is a choice."""
        if self.best is not None:
            return ""
        if self.is_complete:
            return f"none of its {len(self.trials)} trials ended ok"
        if not self.due:
            return "its pretraining is to be chosen first"
        return f"{len(self.due)} runs of its {len(self.trials)} trials are to be done"


def study_states(suite: ResolvedSuite, look: Look) -> tuple[StudyState, ...]:
    """Return the state of all studies of a suite; a transfer begins once its family's pretraining is chosen.

    Args:
        suite: the suite with its recipes as written.
        look: returns the record of a run by its key.
    """
    assert suite.tuning is not None, "the suite asks for no tuning"
    untouched = tuple(Trial(number, point) for number, point in enumerate(draw_points(suite.tuning)))
    states: list[StudyState] = []
    starts: dict[str, Run] = {}
    for study in studies_of(suite):
        needs_start = study.stage == "transfer" and study.external is None
        if needs_start and study.family not in starts:
            states.append(StudyState(study, untouched))
            continue
        state = _state(suite, study, untouched, look, starts[study.family] if needs_start else None)
        if study.stage == "pretrain" and state.best is not None:
            starts[study.family] = state.best.runs[-1]
        states.append(state)
    return tuple(states)


def chosen(states: Sequence[StudyState]) -> tuple[ChosenPoint, ...]:
    """Return the choice of every study; empty until all have one, since tuning only some families would be unequal."""
    best = [(state.study, state.best) for state in states]
    if any(trial is None for _, trial in best):
        return ()
    return tuple(
        ChosenPoint.model_validate(
            {
                "stage": study.stage,
                "family": study.family,
                "model": study.model,
                "values": trial.point,
                "trial": trial.number,
                "score": trial.score,
            }
        )
        for study, trial in best
        if trial is not None
    )


def _state(suite: ResolvedSuite, study: Study, trials: Sequence[Trial], look: Look, start: Run | None) -> StudyState:
    """Return the state of a study: give its trials the shares of the budget in turn, as far as records exist."""
    assert suite.tuning is not None, "the suite asks for no tuning"
    left, ended = list(trials), list[Trial]()
    for share in (*suite.tuning.halvings, 1.0):
        wanted = [Due(trial, run) for trial in left for run in trial_runs(suite, study, trial.point, share, start)]
        records = {due.run.key: record for due in wanted if (record := look(due.run.key)) is not None}
        # Trials at equal points share their runs; each missing run belongs to the earliest of them.
        missing = {due.run.key: due for due in reversed(wanted) if due.run.key not in records}
        if missing:
            waiting = [replace(trial, status=NOT_RUN) for trial in left]
            return StudyState(study, _in_order(ended + waiting), tuple(reversed(missing.values())), share, start)
        judged = [_judged(trial, [due.run for due in wanted if due.trial is trial], records, share) for trial in left]
        ok = sorted((trial for trial in judged if trial.status == "ok"), key=lambda trial: trial.rank)
        num_left = ceil(len(judged) / 2) if share < 1 else len(judged)
        left = list(_in_order(ok[:num_left]))
        ended += [trial for trial in judged if trial.status != "ok"]
        ended += [replace(trial, status=PRUNED) for trial in ok[num_left:]]
    return StudyState(study, _in_order(ended + left), starts_from=start)


def _in_order(trials: list[Trial]) -> tuple[Trial, ...]:
    return tuple(sorted(trials, key=lambda trial: trial.number))


def _judged(trial: Trial, runs: Sequence[Run], records: Mapping[str, Record], share: float) -> Trial:
    """Return a trial after its runs for a share of the budget, with the worst score if one of them did not end ok."""
    new_records = [records[run.key] for run in runs]
    after = replace(trial, runs=(*trial.runs, *runs), records=(*trial.records, *new_records), share=share)
    for record in new_records:
        if record["status"] != "ok":
            return replace(after, status=record["status"], reason=record["reason"], score=WORST, loss=inf)
    accuracies = [_accuracy(run, record) for run, record in zip(runs, new_records, strict=True)]
    losses = [record["metrics"]["validation_loss"] for record in new_records]
    loss = inf if None in losses else fmean(losses)
    return replace(after, status="ok", score=fmean(accuracies), loss=loss)


def _accuracy(run: Run, record: Record) -> float:
    accuracy = record["metrics"]["validation_accuracy"]
    if accuracy is None:
        raise InputError(f"{run.data_name} has no validation images, and the trials of a tuning are judged by them")
    return float(accuracy)
