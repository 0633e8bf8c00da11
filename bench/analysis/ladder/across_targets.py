"""Summarise models of a ladder over all its targets: interquartile means, probabilities of improvement, ranks.

If a statistic raises an error, its message becomes the reason why the model, the pair or the ranking is undecided.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.analysis.ladder.rungs import AtRung, LadderModel, LadderResults, problems
from bench.analysis.stats.aggregate import interquartile_mean, probability_of_improvement
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.ranks import Ranking, rank
from bench.analysis.stats.statistics_errors import AnalysisError
from bench.analysis.targets import base

FEWEST_SEEDS, FEWEST_TARGETS = 6, 4
"""From so many seeds or targets on, probabilities of improvement, ranks and kappas are more than noise."""
_DECIMALS = 9
"""Decimal places of accuracies that are ranked; one image among many millions changes more."""


@dataclass(frozen=True)
class Overall:
    """One model's interquartile mean over targets at each rung."""

    model: str
    family: str
    rungs: tuple[AtRung, ...]
    reason: str
    """Why a rung has no mean; empty if all rungs have one."""


@dataclass(frozen=True)
class Improvement:
    """The probability that the first model beats the second on a random target, at each rung."""

    first: LadderModel
    second: LadderModel
    rungs: tuple[AtRung, ...]
    reason: str
    """Why the probability is unknown at a rung; empty if it is known at all of them."""


@dataclass(frozen=True)
class AcrossTargets:
    """The results of a ladder's models and pairs of models over all its targets."""

    num_targets: int
    """The number of targets; slices of one target count once."""
    models: tuple[Overall, ...]
    improvements: tuple[Improvement, ...]
    ranking: Ranking | None
    """The ranking at the largest rung."""
    no_ranking: str
    """Why there is no ranking; empty if there is one."""


def is_more_than_noise(num_seeds: int, num_targets: int) -> bool:
    """Tell whether probabilities of improvement, ranks and kappas can tell anything; otherwise a page folds them.

    With fewer seeds no test of ranks rejects at 5 %, and with fewer targets the seeds are all that there is.

    Args:
        num_seeds: The number of seeds of a ladder.
        num_targets: The number of its targets; slices of one target count once.
    """
    return num_seeds >= FEWEST_SEEDS or num_targets >= FEWEST_TARGETS


def across_targets(ladder: LadderResults, level: float = LEVEL) -> AcrossTargets:
    """Summarise the targets of a ladder, rung by rung."""
    num_targets = len({base(target) for target in ladder.targets})
    models = tuple(_overall(model, ladder, level) for model in ladder.models)
    pairs = tuple(_improvement(first, second, ladder, level) for first, second in ladder.rivals)
    ranking, no_ranking = _ranking(ladder, level)
    return AcrossTargets(num_targets, models, pairs, ranking, no_ranking)


def _overall(model: LadderModel, ladder: LadderResults, level: float) -> Overall:
    def at(rung: int) -> Interval:
        return interquartile_mean([part[:, :, rung] for part in model.parts]).interval(level)

    if model.problem:
        return Overall(model.model, model.family, (), model.problem)
    rungs, reason = _at_rungs(ladder, at)
    return Overall(model.model, model.family, rungs, reason)


def _improvement(first: LadderModel, second: LadderModel, ladder: LadderResults, level: float) -> Improvement:
    def at(rung: int) -> Interval:
        return probability_of_improvement(_accuracy(first)[:, :, rung], _accuracy(second)[:, :, rung], level)

    if problem := problems(first, second):
        return Improvement(first, second, (), problem)
    rungs, reason = _at_rungs(ladder, at)
    return Improvement(first, second, rungs, reason)


def _at_rungs(ladder: LadderResults, at: Callable[[int], Interval]) -> tuple[tuple[AtRung, ...], str]:
    """Return each rung's interval, and the reasons for missing ones; a reason that all rungs share is given once."""
    known: list[AtRung] = []
    reasons: dict[int, str] = {}
    for rung, size in enumerate(ladder.sizes):
        try:
            interval = at(rung)
            known.append(AtRung(size, interval.mean, interval))
        except AnalysisError as error:
            reasons[size] = str(error)
    if not known and len(set(reasons.values())) == 1:
        return (), reasons[ladder.sizes[0]]
    return tuple(known), "; ".join(f"at {size:,} images {reason}" for size, reason in reasons.items())


def _ranking(ladder: LadderResults, level: float) -> tuple[Ranking | None, str]:
    if problem := problems(*ladder.models):
        return None, problem
    accuracy = np.array([_accuracy(model)[:, :, -1].mean(axis=1).round(_DECIMALS) for model in ladder.models])
    try:
        return rank([model.model for model in ladder.models], accuracy.T, level), ""
    except AnalysisError as error:
        return None, str(error)


def _accuracy(model: LadderModel) -> np.ndarray:
    """Return (seeds, targets, rungs) accuracies."""
    # Means of clusters have rounding errors, which must not decide between two equal accuracies.
    return np.round(np.stack([part.mean(axis=1) for part in model.parts], axis=1), _DECIMALS)
