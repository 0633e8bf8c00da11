"""Whose errors are alike: error consistency of all models of a ladder's largest rung, and of each model with itself.

What the statistics refuse becomes a reason.
"""

from dataclasses import dataclass
from itertools import combinations

from bench.analysis.correctness import Correctness
from bench.analysis.ladder.rungs import LadderModel, LadderResults, problems
from bench.analysis.stats.consistency import Consistency, error_consistency, self_consistency
from bench.analysis.stats.crossed import CROSSED
from bench.analysis.stats.statistics_errors import AnalysisError

NO_CORRECTNESS = "the answers to single test images are not kept"


@dataclass(frozen=True)
class PairConsistency:
    """What the errors of two models have in common, or of one model from seed to seed."""

    first: LadderModel
    second: LadderModel
    consistency: Consistency | None
    reason: str
    """Why it is not known; empty if it is."""

    @property
    def is_own(self) -> bool:
        """Whether it is one model's, from seed to seed."""
        return self.first is self.second


def pair_consistencies(ladder: LadderResults) -> tuple[PairConsistency, ...]:
    """All pairs of models on a ladder of one target, then each model with itself."""
    pairs = list(combinations(ladder.models, 2))
    return tuple(_likeness(one, other, ladder) for one, other in [*pairs, *((one, one) for one in ladder.models)])


def _likeness(first: LadderModel, second: LadderModel, ladder: LadderResults) -> PairConsistency:
    if problem := problems(*{first.model: first, second.model: second}.values()):
        return PairConsistency(first, second, None, problem)
    if ladder.method != CROSSED:
        return PairConsistency(first, second, None, NO_CORRECTNESS)
    one, other = (_answers(model, ladder) for model in (first, second))
    try:
        found = self_consistency(one) if first is second else error_consistency(one, other)
        return PairConsistency(first, second, found, "")
    except AnalysisError as error:
        return PairConsistency(first, second, None, str(error))


def _answers(model: LadderModel, ladder: LadderResults) -> Correctness:
    """To the first target's images, at the largest rung."""
    return Correctness(ladder.seeds, model.parts[0][:, :, -1], model.images[0])
