"""The state of each study: how far it is, what runs next, and which trial is best; all of it read from the records.

Every study prunes alike, by synchronous successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943): after each
of the suite's shares of the budget, the better half of the trials goes on. A trial goes on from its beginning, so that
its schedule is always whole. The order in which runs end decides nothing. A trial that diverged or failed has the worst
score. Imports no torch.
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
"""The accuracy of a trial that did not end ok, which no accuracy is below."""
PRUNED, NOT_RUN = "pruned", "not_run"

Look = Callable[[str], Record | None]
"""Finds an attempted run's record by its key; None if the run is still to be done."""


@dataclass(frozen=True)
class Trial:
    """One point, and how far its runs came."""

    number: int
    point: Point
    runs: tuple[Run, ...] = ()
    """Runs of all shares of the budget so far, the largest share last."""
    records: tuple[Record, ...] = field(default=(), repr=False)
    """The records of the runs."""
    share: float = 0.0
    """The share of the budget after which it was judged last."""
    status: str = NOT_RUN
    """`ok` after the whole budget, `pruned` if it was given up before, or the status of a run that did not end ok."""
    reason: str = ""
    score: float = WORST
    """Mean accuracy on validation images over its targets, 0 to 1."""
    loss: float = inf
    """Mean loss on the same images, which decides between equal scores."""

    @property
    def rank(self) -> tuple[float, float, int]:
        """The order of trials, best first; among equal trials, the earlier one is first."""
        return -self.score, self.loss, self.number


@dataclass(frozen=True)
class Due:
    """A run that can be done now, and the trial that needs it."""

    trial: Trial
    run: Run


@dataclass(frozen=True)
class StudyState:
    """One study, its trials, and what runs next."""

    study: Study
    trials: tuple[Trial, ...]
    due: tuple[Due, ...] = ()
    """The runs that can be done now."""
    share: float = 1.0
    """The share of the budget that these runs have."""
    starts_from: Run | None = None
    """The pretraining that its trials start from."""

    @property
    def is_complete(self) -> bool:
        """Whether every trial has ended."""
        return bool(self.trials) and all(trial.status != NOT_RUN for trial in self.trials)

    @property
    def best(self) -> Trial | None:
        """The best trial with the whole budget; None until every trial has ended, or if none ended ok."""
        ended = [trial for trial in self.trials if trial.status == "ok"]
        return min(ended, key=lambda trial: trial.rank) if self.is_complete and ended else None

    @property
    def missing(self) -> str:
        """Why there is no choice; empty if there is one."""
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
        look: finds records.
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
    """Return what every study chose; nothing until all have, since tuning some families alone would be unequal."""
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
    """Give each trial its shares of the budget, one after another, as far as the records go."""
    assert suite.tuning is not None, "the suite asks for no tuning"
    left, ended = list(trials), list[Trial]()
    for share in (*suite.tuning.halvings, 1.0):
        wanted = [Due(trial, run) for trial in left for run in trial_runs(suite, study, trial.point, share, start)]
        records = {due.run.key: record for due in wanted if (record := look(due.run.key)) is not None}
        # Trials at equal points share their runs; the earliest one stands for them.
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
    made = [records[run.key] for run in runs]
    after = replace(trial, runs=(*trial.runs, *runs), records=(*trial.records, *made), share=share)
    for record in made:
        if record["status"] != "ok":
            return replace(after, status=record["status"], reason=record["reason"], score=WORST, loss=inf)
    accuracies = [_accuracy(run, record) for run, record in zip(runs, made, strict=True)]
    losses = [record["metrics"]["validation_loss"] for record in made]
    loss = inf if None in losses else fmean(losses)
    return replace(after, status="ok", score=fmean(accuracies), loss=loss)


def _accuracy(run: Run, record: Record) -> float:
    accuracy = record["metrics"]["validation_accuracy"]
    if accuracy is None:
        raise InputError(f"{run.data_name} has no validation images, by which the trials of a tuning are judged")
    return float(accuracy)
