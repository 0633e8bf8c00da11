"""Compare the errors of all models at a ladder's largest rung, and of each model with itself over seeds.

If a statistic raises an error, its message becomes the reason why the consistency is unknown.
"""

from dataclasses import dataclass
from itertools import combinations

from bench.analysis.correctness import Correctness
from bench.analysis.ladder.rungs import LadderModel, LadderResults, problems
from bench.analysis.stats.consistency import Consistency, error_consistency, self_consistency
from bench.analysis.stats.crossed import CROSSED
from bench.analysis.stats.statistics_errors import AnalysisError

NO_CORRECTNESS = "per-image correctness is not kept, or the test images are of too few clusters"


@dataclass(frozen=True)
class PairConsistency:
    """How consistent the errors of two models are, or those of one model over its seeds."""

    first: LadderModel
    second: LadderModel
    consistency: Consistency | None
    reason: str = ""
    """Why the consistency is unknown; empty if it is known."""

    @property
    def is_self(self) -> bool:
        """Tell whether a model is compared with itself, seed by seed."""
        return self.first is self.second


def pair_consistencies(ladder: LadderResults) -> tuple[PairConsistency, ...]:
    """Return the consistency of all pairs of models on a ladder of one target, then of each model with itself."""
    pairs = [*combinations(ladder.models, 2), *((model, model) for model in ladder.models)]
    return tuple(_pair_consistency(first, second, ladder) for first, second in pairs)


def _pair_consistency(first: LadderModel, second: LadderModel, ladder: LadderResults) -> PairConsistency:
    if problem := problems(*{first.model: first, second.model: second}.values()):
        return PairConsistency(first, second, None, problem)
    if ladder.method != CROSSED:
        return PairConsistency(first, second, None, NO_CORRECTNESS)
    rows = [_at_largest_rung(model) for model in (first, second)]
    try:
        consistency = self_consistency(rows[0]) if first is second else error_consistency(*rows)
        return PairConsistency(first, second, consistency)
    except AnalysisError as error:
        return PairConsistency(first, second, None, str(error))


def _at_largest_rung(model: LadderModel) -> Correctness:
    """Return a model's correctness on the first target."""
    correctness = next(iter(model.rows.values()))[-1].correctness
    assert correctness is not None, "it is kept, since the ladder's method is over images"
    return correctness
