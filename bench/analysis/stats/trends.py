"""How an accuracy, or the difference of two, moves with the logarithm of the pretraining size.

The slope is that of least squares over the rungs, taken within each seed and test image and then averaged, so that
what the rungs of a seed share is not counted as if it were independent. It is per tenfold: 0.02 is two points for ten
times as many images. A line need not fit: the slope says whether, on the whole, the difference grows.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from bench.analysis.ladder.crossings import require_pairs
from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.scaling import Parts, mean_accuracy, weighted
from bench.analysis.stats.statistics_errors import ShapeError, TooFewRungsError


def slope(sizes: Sequence[int], parts: Parts) -> Estimate:
    """How much a model's accuracy rises with ten times as many images, in shares of 1.

    Args:
        sizes: of the rungs, ascending.
        parts: a target each, (seeds, images, rungs), 0 to 1.

    Raises:
        TooFewRungsError: there is one rung.
        SingleSeedError, ConstantError: there is no interval.
        ShapeError, NotFiniteError: the answers are not those of these rungs.
    """
    weights = slope_weights(sizes)
    means = mean_accuracy(parts)
    if means.shape != weights.shape:
        raise ShapeError(f"answers at {len(means)} rungs; there are {len(weights)} sizes")
    return weighted(parts, weights, float(means @ weights))


def difference_slope(sizes: Sequence[int], first: Parts, second: Parts) -> Estimate:
    """How much the first model gains on the second with ten times as many images, paired within seeds and images.

    Args:
        sizes: of the rungs, ascending.
        first: a target each, (seeds, images, rungs), 0 to 1.
        second: the same targets, seeds, images and rungs.

    Raises:
        TooFewRungsError: there is one rung.
        SingleSeedError, ConstantError: there is no interval.
        ShapeError, NotFiniteError: the answers do not pair, or are not those of these rungs.
    """
    require_pairs(first, second)
    return slope(sizes, [one - other for one, other in zip(first, second, strict=True)])


def slope_weights(sizes: Sequence[int]) -> np.ndarray:
    """(rungs,): what each rung counts in the slope.

    Raises:
        TooFewRungsError: there is one rung.
        ShapeError: sizes do not ascend from above zero.
    """
    if len(sizes) < 2:
        raise TooFewRungsError("one rung; a slope needs two")
    if sizes[0] <= 0 or any(after <= before for before, after in pairwise(sizes)):
        raise ShapeError(f"sizes {tuple(sizes)}: each must be above zero, and larger than the one before it")
    logs = np.array([math.log10(size) for size in sizes])
    centred = logs - logs.mean()
    return centred / float(centred @ centred)
