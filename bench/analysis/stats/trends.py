"""Estimate how an accuracy, or the difference of two, moves with the logarithm of the pretraining size.

The slope is that of least squares over the rungs, taken within each seed and test image and then averaged, so that
what the rungs of a seed share is not counted as if it were independent. Its unit is a share of 1 per decade: 0.02 is
two points for ten times as many images. A line need not fit: the slope says whether, on the whole, the difference
grows.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.scaling import Parts, mean_accuracy, weighted
from bench.analysis.stats.statistics_errors import ShapeError, TooFewRungsError


def slope(sizes: Sequence[int], parts: Parts) -> Estimate:
    """Return how much a model's accuracy rises per decade of images, in shares of 1.

    Args:
        sizes: Of the rungs, ascending.
        parts: (seeds, images, rungs) for each target, 0 to 1.

    Raises:
        TooFewRungsError: There is one rung.
        SingleSeedError, ConstantError: There is no interval.
        ShapeError, NotFiniteError: The results are not those of these rungs.
    """
    weights = slope_weights(sizes)
    means = mean_accuracy(parts)
    if means.shape != weights.shape:
        raise ShapeError(f"results at {len(means)} rungs; there are {len(weights)} sizes")
    return weighted(parts, weights, float(means @ weights))


def difference_slope(sizes: Sequence[int], first: Parts, second: Parts) -> Estimate:
    """Return how much the first model gains on the second per decade of images, paired by seed and image.

    Args:
        sizes: Of the rungs, ascending.
        first: (seeds, images, rungs) for each target, 0 to 1.
        second: The same targets, seeds, images and rungs.

    Raises:
        TooFewRungsError: There is one rung.
        SingleSeedError, ConstantError: There is no interval.
        ShapeError, NotFiniteError: The results do not pair, or are not those of these rungs.
    """
    require_pairs(first, second)
    return slope(sizes, [ours - theirs for ours, theirs in zip(first, second, strict=True)])


def slope_weights(sizes: Sequence[int]) -> np.ndarray:
    """Return (rungs,): the weight of each rung in the slope.

    Raises:
        TooFewRungsError: There is one rung.
        ShapeError: Sizes do not ascend from above zero.
    """
    if len(sizes) < 2:
        raise TooFewRungsError("one rung; a slope needs two")
    if sizes[0] <= 0 or any(after <= before for before, after in pairwise(sizes)):
        raise ShapeError(f"sizes {tuple(sizes)}: each must be above zero, and larger than the one before it")
    logs = np.log10(np.array(sizes, dtype=np.float64))
    centred = logs - logs.mean()
    return centred / float(centred @ centred)


def require_pairs(first: Parts, second: Parts) -> None:
    """Refuse results that do not pair target by target, seed by seed and image by image.

    Raises:
        ShapeError: The shapes differ.
    """
    shapes = [[part.shape for part in parts] for parts in (first, second)]
    if shapes[0] != shapes[1]:
        raise ShapeError(f"targets of shapes {shapes[0]} and {shapes[1]}; a paired difference needs the same")
