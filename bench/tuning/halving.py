"""Compute the state of each study from the records: its progress, its next runs and its best trial.

Pruning is synchronous successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943): after each of the suite's
shares of the budget, the half of the trials with the higher scores continues. All families of a stage are pruned after
a share, or none. None is if the median trial of one of them has learned nothing yet, since the scores of such trials
are chance. A trial starts again with each share, so that its schedule is always complete. The order in which runs end
has no effect. A trial that diverged or failed has the worst score. Imports no torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, inf, sqrt
from statistics import fmean, median
from typing import Any

from bench.analysis.format import listed, percent
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
    model: str
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
    chance: float = WORST
    """Score that a trial which learned nothing hardly exceeds."""

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
    unpruned: tuple[str, ...] = ()
    """Shares after which the studies of the stage pruned nothing, with the reason."""

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
            has_begun = any(trial.runs for trial in self.trials)
            return "it waits for the other families" if has_begun else "its pretraining is to be chosen first"
        return f"{len(self.due)} runs of its {len(self.trials)} trials are to be done"


def study_states(suite: ResolvedSuite, look: Look) -> tuple[StudyState, ...]:
    """Return the state of all studies of a suite; a transfer begins once its family's pretraining is chosen.

    Args:
        suite: the suite with its recipes as written.
        look: returns the record of a run by its key.
    """
    assert suite.tuning is not None, "the suite asks for no tuning"
    studies = studies_of(suite)
    points = draw_points(suite.tuning)
    states: dict[Study, StudyState] = {}
    for stage in ("pretrain", "transfer"):
        best = {study.family: state for study, state in states.items() if study.stage == "pretrain"}
        starts: dict[Study, Run | None] = {}
        for study in studies:
            needs_start = study.stage == "transfer" and study.external is None
            trial = best[study.family].best if needs_start and study.family in best else None
            if study.stage == stage and (trial is not None or not needs_start):
                starts[study] = trial.runs[-1] if trial is not None else None
        begun = [_begun(study, points, start) for study, start in starts.items()]
        states |= _stage(suite, begun, look, is_whole=all(state.is_complete for state in best.values()))
    return tuple(states.get(study, _begun(study, points, None)) for study in studies)


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
                "model": trial.model,
                "values": trial.point,
                "trial": trial.number,
                "score": trial.score,
            }
        )
        for study, trial in best
        if trial is not None
    )


def _begun(study: Study, points: Sequence[Point], start: Run | None) -> StudyState:
    """Return a study before its first run, with the pretraining that its trials start from."""
    models = (study.model_of(number) if start is None else start.model for number in range(len(points)))
    trials = (Trial(number, point, model) for number, (point, model) in enumerate(zip(points, models, strict=True)))
    return StudyState(study, tuple(trials), starts_from=start)


def _stage(suite: ResolvedSuite, begun: Sequence[StudyState], look: Look, *, is_whole: bool) -> dict[Study, StudyState]:
    """Return the states of a stage's studies: give their trials the shares of the budget in turn.

    Args:
        suite: the suite with its recipes as written.
        begun: the studies that can begin, before their first run.
        look: returns the record of a run by its key.
        is_whole: whether no other study of the stage can begin later; before that, none prunes.
    """
    assert suite.tuning is not None, "the suite asks for no tuning"
    states = {state.study: state for state in begun}
    unpruned: list[str] = []
    for share in (*suite.tuning.halvings, 1.0):
        states = {study: _after(suite, state, share, look) for study, state in states.items()}
        if share == 1:
            break
        if not is_whole or any(state.due for state in states.values()):
            states = {study: _waiting(state) for study, state in states.items()}
            break
        if at_chance := [str(study) for study, state in states.items() if not _is_above_chance(state)]:
            unpruned.append(
                f"nothing was pruned after {percent(share, places=0)} of the budget, since the median trial of "
                f"{listed(at_chance)} was not above the best constant answer"
            )
        else:
            states = {study: _pruned(state) for study, state in states.items()}
    return {study: replace(state, unpruned=tuple(unpruned)) for study, state in states.items()}


def _after(suite: ResolvedSuite, state: StudyState, share: float, look: Look) -> StudyState:
    """Return a study whose trials that are left were judged after a share, or whose runs for that share are due."""
    left = [trial for trial in state.trials if trial.status in (NOT_RUN, "ok")]
    runs = {
        trial.number: trial_runs(suite, replace(state.study, model=trial.model), trial.point, share, state.starts_from)
        for trial in left
    }
    wanted = [Due(trial, run) for trial in left for run in runs[trial.number]]
    records = {due.run.key: record for due in wanted if (record := look(due.run.key)) is not None}
    # Trials at equal points share their runs; each missing run belongs to the earliest of them.
    missing = {due.run.key: due for due in reversed(wanted) if due.run.key not in records}
    ended = [trial for trial in state.trials if trial not in left]
    if missing:
        waiting = [replace(trial, status=NOT_RUN) for trial in left]
        return replace(state, trials=_in_order(ended + waiting), due=tuple(reversed(missing.values())), share=share)
    judged = [_judged(trial, runs[trial.number], records, share) for trial in left]
    return replace(state, trials=_in_order(ended + judged))


def _waiting(state: StudyState) -> StudyState:
    """Return a study whose trials wait for the other studies of the stage."""
    trials = (replace(trial, status=NOT_RUN) if trial.status == "ok" else trial for trial in state.trials)
    return replace(state, trials=tuple(trials))


def _is_above_chance(state: StudyState) -> bool:
    """Return whether the median of the trials judged last is above chance; failed ones count with the worst score."""
    judged = _judged_last(state)
    chance = max(trial.chance for trial in judged)  # the same for all that ended ok
    return median(trial.score for trial in judged) > chance


def _judged_last(state: StudyState) -> list[Trial]:
    """Return the trials that were judged after the latest share."""
    latest = max(trial.share for trial in state.trials)
    return [trial for trial in state.trials if trial.share == latest and trial.status != PRUNED]


def _pruned(state: StudyState) -> StudyState:
    """Return a study of whose trials judged last the worse half is pruned."""
    judged = _judged_last(state)
    ok = sorted((trial for trial in judged if trial.status == "ok"), key=lambda trial: trial.rank)
    worse = ok[ceil(len(judged) / 2) :]
    trials = (replace(trial, status=PRUNED) if trial in worse else trial for trial in state.trials)
    return replace(state, trials=tuple(trials))


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
    losses = [record["metrics"].get("validation_loss") for record in new_records]
    loss = inf if None in losses else fmean(losses)
    chance = fmean(_chance(record["data"]) for record in new_records)
    return replace(after, status="ok", score=fmean(accuracies), loss=loss, chance=chance)


def _chance(data: Mapping[str, Any]) -> float:
    """Return the accuracy of the best constant answer plus two standard errors.

    Records of before the rule of chance lack it. Their trials are pruned as they were, so that a choice made from them
    stays.
    """
    share, num = data.get("constant_validation_answer"), data.get("num_validation_images")
    return WORST if share is None or not num else share + 2 * sqrt(share * (1 - share) / num)


def _accuracy(run: Run, record: Record) -> float:
    accuracy = record["metrics"].get("validation_accuracy")
    if accuracy is None:
        raise InputError(f"{run.data_name} has no validation images, and the trials of a tuning are judged by them")
    return float(accuracy)
