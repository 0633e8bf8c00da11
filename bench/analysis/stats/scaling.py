"""Fit accuracy against pretraining size: a power law with a floor where it fits, otherwise lines between rungs.

    error(n) = floor + drop * (n / first) ** -exponent        floor >= 0, drop > 0

`first` is the smallest size. The law is fitted by least squares to the mean over seeds. For a given exponent, floor and
drop are linear, so only the exponent is searched for (variable projection: Golub and Pereyra 1973), without a starting
value. Interpolation is linear in log n between neighbouring rungs. Models from scratch have no size and so no curve.

A law is used only from five rungs on and only if it fits. The test of fit compares the squared distances of the rungs
from the law with what the spread over seeds and test images explains. Under the law their ratio has an F distribution
(the analysis of variance of repeated measures, restricted to the directions that the parameters leave free).

A curve's accuracy at a size is a weighted sum of the rungs' accuracies: exactly for an interpolation, and to first
order for a law (delta method). The same weights, applied to the results of every seed and test image, give the
interval. Beyond the largest rung only a law has a value, an extrapolation that callers must mark.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import linalg, special

from bench.analysis.format import p_value
from bench.analysis.stats.crossed import Estimate, crossed_mean
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.statistics_errors import (
    ConstantError,
    NoLawError,
    NotFiniteError,
    ShapeError,
    SingleSeedError,
    TooFewRungsError,
)

FEWEST_RUNGS = 5
"""The fewest rungs for a power law: two more than its three parameters, so that a misfit can show."""
_EXPONENTS = np.geomspace(0.01, 4.0, 61)
_ZOOMS, _ZOOMED = 6, 33
"""The number of nested grids of exponents, and the points of each grid but the first."""
MISFIT_LEVEL = 0.025
"""The probability that a true law is rejected: half of 5 %, since a crossing needs two laws."""
_NOTHING = 1e-9
"""A floor or drop below this share of 1 counts as zero; no test split can resolve it."""
_SMALLEST_MISFIT = 1e-6
"""The root of the sum of squared distances from the rungs, in shares of 1, below which a law counts as exact."""

Parts = Sequence[np.ndarray]
"""(seeds, images, rungs) for each target, 0 to 1, of the same seeds; (seeds, 1, rungs) if only accuracies are known."""


@dataclass(frozen=True)
class Law:
    """A power law with a floor; see the module's equation."""

    floor: float
    drop: float
    exponent: float
    first: int
    """The smallest size, in images."""

    def error(self, size: float) -> float:
        """Return the error at a number of images, 0 to 1."""
        return self.floor + self.drop * (size / self.first) ** -self.exponent

    def slopes(self, size: float) -> np.ndarray:
        """Return (3,): the derivatives of the error with respect to floor, drop and exponent."""
        fallen = (size / self.first) ** -self.exponent
        return np.array([1.0, fallen, -self.drop * fallen * math.log(size / self.first)])


@dataclass(frozen=True)
class LawCurve:
    """A law fitted to the accuracies of some rungs."""

    sizes: tuple[int, ...]
    law: Law
    sensitivity: np.ndarray
    """(3, rungs): the derivatives of floor, drop and exponent with respect to the error at each rung."""
    misfit: float
    """The largest distance of a rung's accuracy from the law, in shares of 1."""

    def accuracy(self, size: float) -> float:
        """Return the accuracy at a number of images, 0 to 1; beyond the rungs it is an extrapolation."""
        return 1 - self.law.error(size)

    def weights(self, size: float) -> np.ndarray:
        """Return (rungs,): the derivatives of the accuracy at a size with respect to the rungs' accuracies."""
        return self.law.slopes(size) @ self.sensitivity


@dataclass(frozen=True)
class InterpolatedCurve:
    """Straight lines in log n between the accuracies of neighbouring rungs."""

    sizes: tuple[int, ...]
    at_rungs: np.ndarray
    """(rungs,): the mean accuracy at each rung, 0 to 1."""

    def accuracy(self, size: float) -> float:
        """Return the accuracy at a number of images within the rungs, 0 to 1."""
        return float(self.weights(size) @ self.at_rungs)

    def weights(self, size: float) -> np.ndarray:
        """Return (rungs,): the weight of each rung at a size.

        Raises:
            ShapeError: The size is outside the rungs.
        """
        if not self.sizes[0] <= size <= self.sizes[-1]:
            raise ShapeError(f"{size:g} images are outside the rungs, {self.sizes[0]} to {self.sizes[-1]}")
        after = min(bisect_right(self.sizes, size), len(self.sizes) - 1)
        start, end = self.sizes[after - 1 : after + 1]
        share = math.log(size / start) / math.log(end / start)
        weights = np.zeros(len(self.sizes))
        weights[after - 1 : after + 1] = 1 - share, share
        return weights


Curve = LawCurve | InterpolatedCurve


def fit_law(sizes: Sequence[int], accuracy: np.ndarray, fewest: int = FEWEST_RUNGS) -> LawCurve:
    """Fit a power law with a floor to mean accuracies.

    Args:
        sizes: The pretraining images of the rungs, ascending.
        accuracy: (rungs,), 0 to 1.
        fewest: The fewest rungs to which a law is fitted.

    Raises:
        TooFewRungsError: There are fewer rungs.
        NoLawError: The error does not fall, falls like a line, or falls to its floor before the second rung.
        ShapeError, NotFiniteError: Sizes do not ascend or do not match the accuracies, or a value is not finite.
    """
    rungs, error = _check(sizes, accuracy)
    if len(rungs) < fewest:
        raise TooFewRungsError(f"{len(rungs)} rungs; a power law needs {fewest}")
    span = f"from {rungs[0]:,} to {rungs[-1]:,} images"
    exponent = _best_exponent(rungs, error)
    floor, drop, _ = (float(best[0]) for best in _floor_and_drop(rungs, error, np.array([exponent])))
    if drop < _NOTHING:
        raise NoLawError(f"the error does not fall {span}")
    if exponent < 1.01 * _EXPONENTS[0]:
        raise NoLawError(f"the error falls {span} along a line in log n, or ever faster")
    if exponent > 0.99 * _EXPONENTS[-1]:
        raise NoLawError(f"the error falls {span} at the first step only")
    law = Law(floor, drop, exponent, rungs[0])
    misfit = max(abs(law.error(size) - value) for size, value in zip(rungs, error, strict=True))
    return LawCurve(rungs, law, _sensitivity(rungs, law), misfit)


def fit_curve(sizes: Sequence[int], parts: Parts) -> tuple[Curve, str]:
    """Return the power law if there is one that fits; otherwise lines between rungs, and why there is no law.

    Args:
        sizes: The pretraining images of the rungs, ascending.
        parts: The results, whose spread decides whether a law fits.

    Raises:
        TooFewRungsError: There is only one rung.
        ShapeError, NotFiniteError: Sizes do not ascend or do not match the results, or a value is not finite.
    """
    accuracy = mean_accuracy(parts)
    try:
        law = fit_law(sizes, accuracy)
        require_fit(law, parts)
    except (TooFewRungsError, NoLawError) as error:
        return interpolate(sizes, accuracy), str(error)
    return law, ""


def require_fit(curve: LawCurve, parts: Parts) -> None:
    """Require that a law's distances from its rungs are no larger than seeds and test images explain.

    Raises:
        NoLawError: The law does not fit, or one seed cannot show whether it does.
    """
    residuals = mean_accuracy(parts) - np.array([curve.accuracy(size) for size in curve.sizes])
    slopes = np.array([curve.law.slopes(size) for size in curve.sizes])
    # A floor that least squares would move below zero is no free parameter, so its direction shows misfit, too.
    contrasts = linalg.null_space(slopes[:, 0 if curve.law.floor else 1 :].T).T
    try:
        found = [_of_contrast(parts, contrast) for contrast in contrasts]
    except SingleSeedError:
        raise NoLawError("one seed cannot show whether a law fits") from None
    explained = sum(one.variance for one in found if one)
    squares = [
        (one.seeds_variance**2 / one.seeds_degrees, one.images_variance**2 / one.images_degrees) for one in found if one
    ]
    misfit = float(residuals @ residuals)
    if misfit < _SMALLEST_MISFIT**2:
        return
    degrees = explained**2 / sum(map(sum, squares)) if explained else 1.0
    p = float(special.fdtrc(len(contrasts), degrees, misfit / explained)) if explained else 0.0
    if p < MISFIT_LEVEL:
        raise NoLawError(f"the best law lies up to {100 * curve.misfit:.1f} points from its rungs ({p_value(p)})")


def interpolate(sizes: Sequence[int], accuracy: np.ndarray) -> InterpolatedCurve:
    """Interpolate mean accuracies linearly in the logarithm of the size.

    Raises:
        TooFewRungsError: There is only one rung.
        ShapeError, NotFiniteError: Sizes do not ascend or do not match the accuracies, or a value is not finite.
    """
    rungs, error = _check(sizes, accuracy)
    if len(rungs) < 2:
        raise TooFewRungsError("one rung; a line needs two")
    return InterpolatedCurve(rungs, 1 - error)


def mean_accuracy(parts: Parts) -> np.ndarray:
    """Return (rungs,): the mean over targets, which have equal weights, of the mean over seeds and images.

    Raises:
        ShapeError: The targets are not (seeds, images, rungs), or differ in their number of seeds or rungs.
    """
    shapes = [part.shape for part in parts]
    if not shapes or any(len(shape) != 3 for shape in shapes) or len({(shape[0], shape[2]) for shape in shapes}) > 1:
        raise ShapeError(f"targets of shapes {shapes}; each must be (seeds, images, rungs), with equal seeds and rungs")
    return np.mean([part.mean(axis=(0, 1)) for part in parts], axis=0)


def weighted(parts: Parts, weights: np.ndarray, value: float) -> Estimate:
    """Return a value whose derivatives with respect to the rungs' accuracies are `weights`, with its variance.

    Args:
        parts: The results.
        weights: (rungs,).
        value: The value at the mean accuracies.

    Raises:
        SingleSeedError, ConstantError: There is no interval.
    """
    # A law is not linear in the accuracies, so its value is not the mean of the weighted results: shift it there.
    moving = [part @ weights for part in parts]
    offset = value - float(np.mean([part.mean() for part in moving]))
    return crossed_mean([part + offset for part in moving])


@dataclass(frozen=True)
class Parameters:
    """A law's parameters with their intervals."""

    floor: Interval
    exponent: Interval


def parameters(curve: LawCurve, parts: Parts, level: float = LEVEL) -> Parameters:
    """Return floor and exponent with their intervals.

    The exponent's interval is computed on its logarithm, so that it stays above zero. Its upper end is infinite if the
    curve is too flat to bound it.

    Raises:
        SingleSeedError, ConstantError, LevelError: There is no interval.
    """
    floor, _, exponent = -curve.sensitivity  # derivatives by accuracy, which is 1 - error
    law = curve.law
    log_exponent = weighted(parts, exponent / law.exponent, math.log(law.exponent)).interval(level)
    return Parameters(_within_shares(weighted(parts, floor, law.floor).interval(level)), _exp(log_exponent))


def _of_contrast(parts: Parts, contrast: np.ndarray) -> Estimate | None:
    """Return a weighted sum of the rungs with its variance; None if no seed or image differs in it."""
    try:
        return crossed_mean([part @ contrast for part in parts])
    except ConstantError:
        return None


def _check(sizes: Sequence[int], accuracy: np.ndarray) -> tuple[tuple[int, ...], np.ndarray]:
    rungs = tuple(int(size) for size in sizes)
    if accuracy.shape != (len(rungs),):
        raise ShapeError(f"accuracies of shape {accuracy.shape} at {len(rungs)} rungs; expected one per rung")
    if any(after <= before for before, after in pairwise((0, *rungs))):
        raise ShapeError(f"sizes {rungs}: each must be above zero, and larger than the one before it")
    if not np.isfinite(accuracy).all():
        raise NotFiniteError(f"accuracies {accuracy.tolist()}: each must be a finite number")
    return rungs, 1 - np.asarray(accuracy, dtype=np.float64)


def _best_exponent(sizes: tuple[int, ...], error: np.ndarray) -> float:
    """Return the exponent with the smallest sum of squares, by a grid search with nested finer grids."""
    exponents = _EXPONENTS
    for _ in range(_ZOOMS):
        best = int(np.argmin(_floor_and_drop(sizes, error, exponents)[2]))
        last = len(exponents) - 1
        exponents = np.geomspace(exponents[max(best - 1, 0)], exponents[min(best + 1, last)], _ZOOMED)
    return float(exponents[_ZOOMED // 2])


def _floor_and_drop(
    sizes: tuple[int, ...], error: np.ndarray, exponents: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the best floor and drop for each exponent, both at least zero, and the remaining sum of squares."""
    fallen = np.exp(-np.outer(exponents, np.log(np.divide(sizes, sizes[0]))))
    centred = fallen - fallen.mean(axis=1, keepdims=True)
    drop = np.maximum(centred @ error / (centred**2).sum(axis=1), 0)
    floor = error.mean() - drop * fallen.mean(axis=1)
    without_floor = fallen @ error / (fallen**2).sum(axis=1)
    drop, floor = np.where(floor < _NOTHING, without_floor, drop), np.where(floor < _NOTHING, 0, floor)
    rest = error - floor[:, None] - drop[:, None] * fallen
    return floor, drop, (rest**2).sum(axis=1)


def _sensitivity(sizes: tuple[int, ...], law: Law) -> np.ndarray:
    """Return (3, rungs): the derivatives of the least-squares solution with respect to the rungs' errors.

    A floor of zero is treated as free: if it were fixed there, intervals of exponents would be far too narrow.
    """
    return np.linalg.pinv(np.array([law.slopes(size) for size in sizes]))


def _within_shares(interval: Interval) -> Interval:
    return Interval(interval.mean, max(0.0, interval.low), min(1.0, interval.high), interval.n)


def _exp(interval: Interval) -> Interval:
    with np.errstate(over="ignore"):
        mean, low, high = np.exp([interval.mean, interval.low, interval.high]).tolist()
    return Interval(mean, low, high, interval.n)
