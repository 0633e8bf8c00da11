"""Estimate how many times as much pretraining data one model needs to reach another's accuracy.

The ratio is the horizontal distance of two curves of accuracy against log n: the factor by which the first must be
shifted so that both are equal on average over the range that both then cover. `equal_accuracy.py` has the mathematics,
which claim C12 uses for FLOPs. Curves of accuracy against images bend, and lines between rungs then err by different
amounts on either curve; so the interval is widened by what cubic splines in place of lines would change.

Horizontal distances have no meaning on curves that do not rise. So there is no ratio if the slope of a curve is not
clearly above zero, or if a curve clearly falls between two rungs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.analysis.ladder.equal_accuracy import Spending, equal_accuracy_ratio, reach
from bench.analysis.ladder.rungs import LadderModel, problems
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.statistics_errors import AnalysisError, NotRisingError, TooFewRungsError
from bench.analysis.stats.trends import require_no_fall, require_rise

FEWEST_RUNGS = 3


@dataclass(frozen=True)
class DataRatio:
    """The first model's pretraining images over the second's, for equal accuracy."""

    ratio: Interval | None = None
    """The mean is NaN if no ratio within reach makes the curves equal; an open end is 0 or infinite."""
    reach: float | None = None
    """The largest ratio that these rungs can show; the smallest is its reciprocal."""
    reason: str = ""
    """Why there is no ratio; empty if there is one, or a bound."""


def data_ratio(sizes: Sequence[int], first: LadderModel, second: LadderModel, level: float = LEVEL) -> DataRatio:
    """Return the ratio of two models of a ladder, or why there is none.

    Args:
        sizes: The pretraining images of the rungs, ascending.
        first: The first model.
        second: The second model, paired by seed and test image.
        level: The confidence level of the interval.
    """
    if problem := problems(first, second):
        return DataRatio(reason=problem)
    try:
        for model in (first, second):
            _require_curve(sizes, model, level)
        ours, theirs = (Spending(tuple(sizes), model.parts, "images") for model in (first, second))
        # With an overlap of a step, at least two rungs of either model decide.
        step = max(after / before for before, after in pairwise(sizes))
        ratio = equal_accuracy_ratio(ours, theirs, level, step, may_bend=True)
        return DataRatio(ratio, reach(ours, theirs, step)[1])
    except AnalysisError as error:
        return DataRatio(reason=str(error))


def _require_curve(sizes: Sequence[int], model: LadderModel, level: float) -> None:
    """Require a curve that has horizontal distances.

    Raises:
        TooFewRungsError: There are fewer than three rungs.
        NotRisingError: The accuracy does not clearly rise, or clearly falls between two rungs.
        SingleSeedError, ConstantError: There is no interval.
    """
    if len(sizes) < FEWEST_RUNGS:
        raise TooFewRungsError(f"{len(sizes)} rungs; a ratio of images needs {FEWEST_RUNGS}")
    try:
        require_rise(sizes, model.parts, level)
        require_no_fall(sizes, model.parts, level)
    except NotRisingError as error:
        raise NotRisingError(f"the accuracy of {model.model} {error}") from None
