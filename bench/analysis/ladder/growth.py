"""Estimate how each model of a ladder improves with pretraining images, and where models of two families cross.

If a statistic raises an error, its message becomes the reason why the model or the pair is undecided.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.analysis.ladder.crossings import Crossing, crossing, extrapolated, fitted_curves
from bench.analysis.ladder.data_ratios import DataRatio, data_ratio
from bench.analysis.ladder.extrapolation import Prediction, predict_largest
from bench.analysis.ladder.rungs import AtRung, LadderModel, LadderResults, problems
from bench.analysis.stats.crossed import crossed_mean
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.scaling import Curve, LawCurve, Parameters, Parts, fit_curve, mean_accuracy, parameters
from bench.analysis.stats.statistics_errors import AnalysisError
from bench.analysis.stats.trends import difference_slope, slope
from bench.analysis.stats.verdicts import verdict_interval


@dataclass(frozen=True)
class Growth:
    """How one model's accuracy grows with pretraining images."""

    model: str
    family: str
    rungs: tuple[AtRung, ...] = ()
    curve: Curve | None = None
    parameters: Parameters | None = None
    """The parameters of the power law; None if the curve is interpolated."""
    slope: Interval | None = None
    """The gain in accuracy per decade of images, in shares of 1."""
    no_law: str = ""
    """Why the curve is interpolated; empty for a law."""
    prediction: Prediction | None = None
    """The largest rung as predicted from the smaller ones; None if there are fewer than five rungs."""
    reason: str = ""
    """Why intervals or all numbers are missing; empty if nothing is missing."""


@dataclass(frozen=True)
class PairGrowth:
    """How the first of two models compares with the second as pretraining grows; paired by seed and test image."""

    first: LadderModel
    second: LadderModel
    rungs: tuple[AtRung, ...] = ()
    """The difference in accuracy at each rung, first less second."""
    slope: Interval | None = None
    """The first model's gain on the second per decade of images, in shares of 1."""
    crossing: Crossing | None = None
    beyond: Crossing | None = None
    """The extrapolated crossing of their laws beyond the largest rung, if there is one."""
    ratio: DataRatio | None = None
    """The first model's pretraining images over the second's, for equal accuracy."""
    reason: str = ""
    """Why the pair is undecided; empty if there is a crossing or a bound."""


def growth(ladder: LadderResults, level: float = LEVEL) -> tuple[Growth, ...]:
    """Return the growth of each model of a ladder."""
    return tuple(_growth(model, ladder, level) for model in ladder.models)


def pair_growths(ladder: LadderResults, level: float = LEVEL) -> tuple[PairGrowth, ...]:
    """Return the growth of each pair of models of different families; nothing for a ladder of one rung."""
    if len(ladder.sizes) < 2:
        return ()
    return tuple(_pair_growth(PairGrowth(*pair), ladder.sizes, level) for pair in ladder.rivals)


def _growth(model: LadderModel, ladder: LadderResults, level: float) -> Growth:
    sizes = ladder.sizes
    result = Growth(model.model, model.family, reason=model.problem)
    if model.problem:
        return result
    result = replace(result, rungs=_at_rungs(model.parts, sizes, level, is_share=True))
    if len(sizes) < 2:
        return result
    curve, no_law = fit_curve(sizes, model.parts)
    prediction = predict_largest(sizes, model.parts, level)
    result = replace(result, curve=curve, no_law=no_law, prediction=prediction)
    try:
        known = parameters(curve, model.parts, level) if isinstance(curve, LawCurve) else None
        return replace(result, parameters=known, slope=verdict_interval(slope(sizes, model.parts), level))
    except AnalysisError as error:
        return replace(result, reason=str(error))


def _pair_growth(pair: PairGrowth, sizes: Sequence[int], level: float) -> PairGrowth:
    first, second = pair.first, pair.second
    pair = replace(pair, ratio=data_ratio(sizes, first, second, level))
    if problem := problems(first, second):
        return replace(pair, reason=problem)
    differences = [ours - theirs for ours, theirs in zip(first.parts, second.parts, strict=True)]
    pair = replace(pair, rungs=_at_rungs(differences, sizes, level, is_share=False))
    try:
        curves = fitted_curves(sizes, first.parts, second.parts)
        gained = verdict_interval(difference_slope(sizes, first.parts, second.parts), level)
        return replace(pair, slope=gained, crossing=crossing(*curves, level), beyond=extrapolated(*curves, level))
    except AnalysisError as error:
        return replace(pair, reason=str(error))


def _at_rungs(parts: Parts, sizes: Sequence[int], level: float, *, is_share: bool) -> tuple[AtRung, ...]:
    of_seeds = np.mean([part.mean(axis=1) for part in parts], axis=0)
    intervals = [
        _interval([part[:, :, rung] for part in parts], level, is_share=is_share) for rung in range(len(sizes))
    ]
    return tuple(
        AtRung(size, float(mean), interval, tuple(values))
        for size, mean, interval, values in zip(
            sizes, mean_accuracy(parts), intervals, of_seeds.T.tolist(), strict=True
        )
    )


def _interval(values: Sequence[np.ndarray], level: float, *, is_share: bool) -> Interval | None:
    try:
        estimate = crossed_mean(values)
        return replace(estimate, is_share=True).interval(level) if is_share else verdict_interval(estimate, level)
    except AnalysisError:
        return None
