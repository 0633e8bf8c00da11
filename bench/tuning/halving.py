"""How far each study is, what is to be run next, and which trial did best: all of it read from the records.

Trials are given up alike in every study: after each of the suite's shares of the budget the better half of those that
are left goes on (synchronous successive halving, Jamieson and Talwalkar 2016, arXiv 1502.07943), each time from its
beginning, so that a schedule is always whole. Nothing rests on the order in which runs end. A trial that diverged or
failed is a trial like any other, with the worst score that there is. Imports no torch.
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
"""An accuracy that nothing is below: what a trial that did not end ok has."""
PRUNED, NOT_RUN = "pruned", "not_run"

Look = Callable[[str], Record | None]
"""The record of an attempted run by its key; None where the run is still to be done."""


@dataclass(frozen=True)
class Trial:
    """One point, and how far it came."""

    number: int
    point: Point
    runs: tuple[Run, ...] = ()
    """Of all shares of the budget that it was given, the largest last."""
    records: tuple[Record, ...] = field(default=(), repr=False)
    """Of the runs."""
    share: float = 0.0
    """Of the budget that it was judged after."""
    status: str = NOT_RUN
    """`ok` after the whole budget, `pruned` where it was given up before, or what became of a run of it."""
    reason: str = ""
    score: float = WORST
    """Mean accuracy on validation images over its targets, 0 to 1."""
    loss: float = inf
    """The same of the loss, which decides between equal scores."""

    @property
    def rank(self) -> tuple[float, float, int]:
        """Smaller is better; of equal trials the earlier one."""
        return -self.score, self.loss, self.number


@dataclass(frozen=True)
class Due:
    """A run that can be done now, and the trial that asks for it."""

    trial: Trial
    run: Run


@dataclass(frozen=True)
class StudyState:
    """A study as it stands."""

    study: Study
    trials: tuple[Trial, ...]
    due: tuple[Due, ...] = ()
    """What is to be run next."""
    share: float = 1.0
    """Of the budget that these have."""
    starts_from: Run | None = None
    """The pretraining that its trials start from."""

    @property
    def is_complete(self) -> bool:
        """Whether every trial came to its end."""
        return bool(self.trials) and all(trial.status != NOT_RUN for trial in self.trials)

    @property
    def best(self) -> Trial | None:
        """The best trial of those that had the whole budget; None as long as one is missing, or where none ended ok."""
        ended = [trial for trial in self.trials if trial.status == "ok"]
        return min(ended, key=lambda trial: trial.rank) if self.is_complete and ended else None

    @property
    def missing(self) -> str:
        """Why there is no choice; empty where there is one."""
        if self.best is not None:
            return ""
        if self.is_complete:
            return f"none of its {len(self.trials)} trials ended ok"
        if not self.due:
            return "its pretraining is to be chosen first"
        return f"{len(self.due)} runs of its {len(self.trials)} trials are to be done"


def study_states(suite: ResolvedSuite, look: Look) -> tuple[StudyState, ...]:
    """All studies of a suite as they stand; a transfer begins once its family's pretraining is chosen.

    Args:
        suite: with its recipes as written.
        look: finds records.
    """
    assert suite.tuning is not None, "the suite asks for no tuning"
    points = draw_points(suite.tuning)
    states: list[StudyState] = []
    pretrained: dict[str, Trial | None] = {}
    for study in studies_of(suite):
        start = pretrained.get(study.family) if study.external is None else None
        if study.stage == "transfer" and study.external is None and start is None:
            states.append(StudyState(study, _untouched(points)))
            continue
        followed = _follow(suite, study, points, look, start.runs[-1] if start and study.stage == "transfer" else None)
        if study.stage == "pretrain":
            pretrained[study.family] = followed.best
        states.append(followed)
    return tuple(states)


def chosen(followed: Sequence[StudyState]) -> tuple[ChosenPoint, ...]:
    """What every study chose; nothing as long as one lacks, since to tune some families alone would be unequal."""
    best = [(one.study, one.best) for one in followed]
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


def _untouched(points: Sequence[Point]) -> tuple[Trial, ...]:
    return tuple(Trial(number, point) for number, point in enumerate(points))


def _follow(suite: ResolvedSuite, study: Study, points: Sequence[Point], look: Look, start: Run | None) -> StudyState:
    """Give each trial its shares of the budget, one after another, as far as the records go."""
    assert suite.tuning is not None, "the suite asks for no tuning"
    left, given_up = list(_untouched(points)), list[Trial]()
    for share in (*suite.tuning.halvings, 1.0):
        asked = [Due(trial, run) for trial in left for run in trial_runs(suite, study, trial.point, share, start)]
        found = {due.run.key: record for due in asked if (record := look(due.run.key)) is not None}
        due = {one.run.key: one for one in reversed(asked) if one.run.key not in found}
        if due:
            waiting = [replace(trial, status=NOT_RUN) for trial in left]
            return StudyState(study, _in_order(given_up + waiting), tuple(reversed(due.values())), share, start)
        judged = [_judged(trial, [one.run for one in asked if one.trial is trial], found, share) for trial in left]
        ok = sorted((trial for trial in judged if trial.status == "ok"), key=lambda trial: trial.rank)
        num_left = ceil(len(judged) / 2) if share < 1 else len(judged)
        left = list(_in_order(ok[:num_left]))
        given_up += [trial for trial in judged if trial.status != "ok"]
        given_up += [replace(trial, status=PRUNED) for trial in ok[num_left:]]
    return StudyState(study, _in_order(given_up + left), starts_from=start)


def _in_order(trials: list[Trial]) -> tuple[Trial, ...]:
    return tuple(sorted(trials, key=lambda trial: trial.number))


def _judged(trial: Trial, runs: Sequence[Run], found: Mapping[str, Record], share: float) -> Trial:
    """A trial after its runs for a share of the budget; the worst score, where one of them did not end ok."""
    records = [found[run.key] for run in runs]
    after = replace(trial, runs=(*trial.runs, *runs), records=(*trial.records, *records), share=share)
    for record in records:
        if record["status"] != "ok":
            return replace(after, status=record["status"], reason=record["reason"], score=WORST, loss=inf)
    accuracies = [_accuracy(run, record) for run, record in zip(runs, records, strict=True)]
    losses = [record["metrics"]["validation_loss"] for record in records]
    loss = inf if None in losses else fmean(losses)
    return replace(after, status="ok", score=fmean(accuracies), loss=loss)


def _accuracy(run: Run, record: Record) -> float:
    accuracy = record["metrics"]["validation_accuracy"]
    if accuracy is None:
        raise InputError(f"{run.data_name} has no validation images, by which the trials of a tuning are judged")
    return float(accuracy)
