"""Means over seeds and test images, with an interval from both: the same images meet every seed, so they are crossed.

For a value of each seed and image, value = mean + seed + image + rest, the variance of the grand mean is

    var(seed) / S + var(image) / J + var(rest) / (S J),

estimated from the mean squares of a two-way analysis of variance (Searle, Casella and McCulloch, Variance Components,
chapter 4), with Satterthwaite's degrees of freedom and Student's t. The seeds' part, S - 1 degrees of freedom, is the
variance of the seeds' means, which holds the rest; the images' part is what their means vary by beyond the rest, and
never below zero. Several targets share their seeds and not their images: their seeds' means are averaged within each
seed first, so that an effect which a seed has on all of them counts in full.

Coverage at 3, 5, 10 and 20 seeds is simulated in the tests; `docs/statistics.md` has the table.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bench.analysis.answers import Answers
from bench.analysis.errors import (
    ConstantError,
    EmptySampleError,
    LevelError,
    NotFiniteError,
    SingleSeedError,
    UnpairedError,
)
from bench.analysis.intervals import LEVEL, Interval

CROSSED = "seeds and images"
SEEDS = "seeds"
_NO_VARIANCE = 1e-24
"""Of shares of 1: two means of counts that differ at all differ by more than its root."""


@dataclass(frozen=True)
class Estimate:
    """A mean over `num_seeds` seeds, and how well it is known."""

    mean: float
    standard_error: float
    degrees_of_freedom: float
    num_seeds: int
    seeds_variance: float
    """Of the mean: the part that more seeds make smaller, in proportion to their number."""
    images_variance: float
    """Of the mean: the part that only more test images make smaller; 0 where only seeds are looked at."""
    method: str
    """What its interval is over: `CROSSED` or `SEEDS`."""

    def interval(self, level: float = LEVEL, most_degrees: float = math.inf) -> Interval:
        """Two-sided, by Student's t.

        Args:
            level: such as 0.95.
            most_degrees: of freedom; fewer make it wider.

        Raises:
            LevelError: the level is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise LevelError(f"level {level}: a confidence level lies between 0 and 1, such as 0.95")
        degrees = min(self.degrees_of_freedom, most_degrees)
        half_width = float(stats.t.ppf((1 + level) / 2, degrees)) * self.standard_error
        return Interval(self.mean, self.mean - half_width, self.mean + half_width, self.num_seeds)


def accuracy(answers: Answers) -> Estimate:
    """The accuracy of a row, 0 to 1.

    Raises:
        SingleSeedError, ConstantError: there is no interval.
    """
    return crossed_mean([answers.correct])


def crossed_mean(parts: Sequence[np.ndarray]) -> Estimate:
    """The mean of some targets' means, each target weighing the same.

    Args:
        parts: a target each, (seeds, images) finite numbers; the seeds are the same and in the same order, the images
            are different ones.

    Raises:
        EmptySampleError: there is no target, seed or image.
        UnpairedError: the targets differ in their number of seeds.
        NotFiniteError: a value is not a number.
        SingleSeedError: there is one seed.
        ConstantError: no value differs from any other.
    """
    values = _check(parts)
    num_seeds, share = len(values[0]), 1 / len(values)
    of_seeds = np.mean([part.mean(axis=1) for part in values], axis=0)
    seeds = _Part(float(of_seeds.var(ddof=1)) / num_seeds, num_seeds - 1)
    squares = [_mean_squares(part) for part in values]
    images = [one.images_part(share) for one in squares if one.images > one.rest]
    if seeds.variance + sum(one.variance for one in images) < _NO_VARIANCE:
        seeds = _Part(sum(one.rest_variance(share) for one in squares), num_seeds - 1)
    if seeds.variance < _NO_VARIANCE and not images:
        raise ConstantError(f"every value is {values[0].flat[0]:g}; what never differs has no interval")
    return _estimate(float(of_seeds.mean()), seeds, images, num_seeds)


def seeds_mean(values: Sequence[float]) -> Estimate:
    """The mean of one value a seed, looking at nothing but their spread.

    Raises:
        EmptySampleError, NotFiniteError, SingleSeedError, ConstantError: there is no interval.
    """
    sample = np.asarray(values, dtype=np.float64)
    (checked,) = _check([sample[:, None]])
    seeds = _Part(float(checked.var(ddof=1)) / len(sample), len(sample) - 1)
    if seeds.variance < _NO_VARIANCE:
        raise ConstantError(f"every seed has {sample[0]:g}; what never differs has no interval")
    return _estimate(float(sample.mean()), seeds, [], len(sample), SEEDS)


@dataclass(frozen=True)
class _Part:
    """A part of a variance, and the sum of the squares of its mean squares over their degrees of freedom."""

    variance: float
    degrees: float
    spread: float = math.nan

    @property
    def uncertainty(self) -> float:
        """Half of the variance of this estimate."""
        return self.variance**2 / self.degrees if math.isnan(self.spread) else self.spread


@dataclass(frozen=True)
class _MeanSquares:
    """Of one target, (seeds, images)."""

    images: float
    rest: float
    shape: tuple[int, int]

    def images_part(self, share: float) -> _Part:
        """What the images add to the variance of the mean over targets, of which this is a share."""
        num_seeds, num_images = self.shape
        scale = share**2 / (num_seeds * num_images)
        spread = (self.images**2 + self.rest**2 / (num_seeds - 1)) / (num_images - 1)
        return _Part(scale * (self.images - self.rest), math.nan, scale**2 * spread)

    def rest_variance(self, share: float) -> float:
        """What the rest alone would make the variance of the mean."""
        return share**2 * self.rest / math.prod(self.shape)


def _mean_squares(part: np.ndarray) -> _MeanSquares:
    num_seeds, num_images = part.shape
    if num_images == 1:
        return _MeanSquares(0.0, 0.0, (num_seeds, num_images))
    of_images = part.mean(axis=0)
    rest = part - of_images - part.mean(axis=1, keepdims=True) + part.mean()
    degrees = (num_seeds - 1) * (num_images - 1)
    return _MeanSquares(
        num_seeds * float(of_images.var(ddof=1)), float((rest**2).sum()) / degrees, (num_seeds, num_images)
    )


def _estimate(mean: float, seeds: _Part, images: Sequence[_Part], num_seeds: int, method: str = CROSSED) -> Estimate:
    of_images = sum(one.variance for one in images)
    variance = seeds.variance + of_images
    degrees = variance**2 / (seeds.uncertainty + sum(one.uncertainty for one in images))
    return Estimate(mean, math.sqrt(variance), degrees, num_seeds, seeds.variance, of_images, method)


def _check(parts: Sequence[np.ndarray]) -> list[np.ndarray]:
    values = [np.asarray(part, dtype=np.float64) for part in parts]
    if not values or any(part.size == 0 for part in values):
        raise EmptySampleError("no values: a mean needs seeds and images")
    if len({len(part) for part in values}) > 1:
        raise UnpairedError(f"targets of {', '.join(str(len(part)) for part in values)} seeds; each needs the same")
    if not all(np.isfinite(part).all() for part in values):
        raise NotFiniteError("a value is not a finite number")
    if len(values[0]) == 1:
        raise SingleSeedError("one seed shows no spread; an interval needs two")
    return values
