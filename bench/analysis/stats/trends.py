"""Estimate how an accuracy, or a difference of two, changes with the logarithm of the pretraining size.

The slope is that of least squares over the rungs. It is computed within each seed and test image and then averaged, so
that the rungs of a seed are not counted as independent. Its unit is shares of 1 per decade: 0.02 is two points for ten
times as many images. The relation need not be linear: the slope shows whether the difference grows on the whole.

A difference in points shrinks by itself where both accuracies approach 0 or 1, so curves that are parallel in log odds
are not parallel in points. Log odds are averaged over targets; their variance is by the delta method.
"""

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
from scipy import special

from bench.analysis.format import bounds, decimal, signed
from bench.analysis.stats.crossed import Estimate, crossed_mean
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.scaling import Parts, mean_accuracy, weighted
from bench.analysis.stats.statistics_errors import InfiniteOddsError, NotRisingError, ShapeError, TooFewRungsError
from bench.analysis.stats.verdicts import verdict_interval


def slope(sizes: Sequence[int], parts: Parts) -> Estimate:
    """Return the rise of a model's accuracy per decade of images, in shares of 1.

    Args:
        sizes: The pretraining images of the rungs, ascending.
        parts: (seeds, images, rungs) for each target, 0 to 1.

    Raises:
        TooFewRungsError: There is only one rung.
        SingleSeedError, ConstantError: There is no interval.
        ShapeError, NotFiniteError: The results do not match the rungs, or a value is not finite.
    """
    weights = slope_weights(sizes)
    means = mean_accuracy(parts)
    if means.shape != weights.shape:
        raise ShapeError(f"results at {len(means)} rungs; there are {len(weights)} sizes")
    return weighted(parts, weights, float(means @ weights))


def difference_slope(sizes: Sequence[int], first: Parts, second: Parts) -> Estimate:
    """Return the first model's gain on the second per decade of images, paired by seed and image.

    Args:
        sizes: The pretraining images of the rungs, ascending.
        first: (seeds, images, rungs) for each target, 0 to 1.
        second: (seeds, images, rungs) for the same targets, with the same seeds, images and rungs.

    Raises:
        TooFewRungsError: There is only one rung.
        SingleSeedError, ConstantError: There is no interval.
        ShapeError, NotFiniteError: The results do not pair or match the rungs, or a value is not finite.
    """
    require_pairs(first, second)
    return slope(sizes, [ours - theirs for ours, theirs in zip(first, second, strict=True)])


def require_rise(sizes: Sequence[int], parts: Parts, level: float = LEVEL) -> None:
    """Require an accuracy that clearly rises: the interval of its slope lies above zero.

    Raises:
        NotRisingError: It does not.
        TooFewRungsError, SingleSeedError, ConstantError: There is no interval.
        ShapeError, NotFiniteError: The results do not match the rungs, or a value is not finite.
    """
    found = verdict_interval(slope(sizes, parts), level)
    if not found.low > 0:
        slopes = f"{bounds(100 * found.low, 100 * found.high, signed)} points per tenfold images"
        raise NotRisingError(f"does not clearly rise from {sizes[0]:,} to {sizes[-1]:,} images ({slopes})")


def require_no_fall(sizes: Sequence[int], parts: Parts, level: float = LEVEL) -> None:
    """Require an accuracy that clearly falls between no two rungs, at a level that is corrected over the pairs.

    Raises:
        NotRisingError: It falls.
        SingleSeedError, ConstantError: There is no interval.
    """
    means, units = mean_accuracy(parts), np.eye(len(sizes))
    pairs = list(combinations(range(len(sizes)), 2))
    for before, after in pairs:
        fall = float(means[before] - means[after])
        if fall <= 0:
            continue
        found = verdict_interval(
            weighted(parts, units[before] - units[after], fall), corrected_level(len(pairs), level)
        )
        if found.low > 0:
            raise NotRisingError(
                f"falls from {sizes[before]:,} to {sizes[after]:,} images, by {decimal(100 * fall, 1)} points"
            )


def log_odds_sum(parts: Parts, weights: np.ndarray) -> Estimate:
    """Return a weighted sum of the rungs' log odds of a right answer, averaged over targets.

    Args:
        parts: (seeds, images, rungs) for each target, 0 to 1.
        weights: (rungs,).

    Raises:
        InfiniteOddsError: An accuracy is 0 or 1.
        SingleSeedError, ConstantError: There is no interval.
    """
    means = [part.mean(axis=(0, 1)) for part in parts]
    if any(((mean <= 0) | (mean >= 1)).any() for mean in means):
        raise InfiniteOddsError("an accuracy is 0 or 100 %, whose log odds are infinite")
    moving = [part @ (weights / (mean * (1 - mean))) for part, mean in zip(parts, means, strict=True)]
    value = float(np.mean([special.logit(mean) @ weights for mean in means]))
    offset = value - float(np.mean([part.mean() for part in moving]))
    return crossed_mean([part + offset for part in moving])


def slope_weights(sizes: Sequence[int]) -> np.ndarray:
    """Return (rungs,): the weight of each rung in the slope.

    Raises:
        TooFewRungsError: There is only one rung.
        ShapeError: Sizes do not ascend, or are not above zero.
    """
    if len(sizes) < 2:
        raise TooFewRungsError("one rung; a slope needs two")
    if sizes[0] <= 0 or any(after <= before for before, after in pairwise(sizes)):
        raise ShapeError(f"sizes {tuple(sizes)}: each must be above zero, and larger than the one before it")
    logs = np.log10(np.array(sizes, dtype=np.float64))
    # The least-squares slope is linear in the accuracies: each rung's weight is its centred log size, normalised.
    centred = logs - logs.mean()
    return centred / float(centred @ centred)


def require_pairs(first: Parts, second: Parts) -> None:
    """Require results with the same targets, seeds, images and rungs.

    Raises:
        ShapeError: The shapes differ.
    """
    shapes = [[part.shape for part in parts] for parts in (first, second)]
    if shapes[0] != shapes[1]:
        raise ShapeError(f"targets of shapes {shapes[0]} and {shapes[1]}; a paired difference needs the same")
