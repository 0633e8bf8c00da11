"""Estimate means over seeds and test images, which are crossed: the same images meet every seed.

For a value of each seed and image, value = mean + seed + image + rest, the variance of the grand mean is

    var(seed) / S + var(image) / J + var(rest) / (S J),

estimated from the mean squares of a two-way analysis of variance (Searle, Casella and McCulloch, Variance Components,
chapter 4). It has two parts: the variance of the seeds' means, which holds the rest, on S - 1 degrees of freedom; and
what the images' means vary by beyond the rest, never below zero, on J - 1. Where one part is all there is, Student's
quantile of its degrees is the right one. In between, the quantile at Satterthwaite's number of degrees (An approximate
distribution of estimates of variance components, 1946) is too small at few seeds, and that of both parts, averaged by
their shares of the variance (Cochran, Approximate significance levels of the Behrens-Fisher test, 1964), too large by
about as much: the mean of the two is taken. Several targets share their seeds and not their images: their means are
averaged within each seed first, so that an effect which a seed has on all of them counts in full.

Coverage at 3, 5, 10 and 20 seeds is simulated in the tests; `docs/statistics.md` has the table, also of what was not
chosen.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from bench.analysis.correctness import Correctness, require_paired
from bench.analysis.stats.intervals import LEVEL, Interval, require_level
from bench.analysis.stats.statistics_errors import (
    ConstantError,
    EmptySampleError,
    NotFiniteError,
    SingleSeedError,
    UnpairedError,
)

CROSSED = "seeds and images"
SEEDS = "seeds"
_NO_VARIANCE = 1e-24
"""Of shares of 1: two means of counts that differ at all differ by more than its root."""


@dataclass(frozen=True)
class Estimate:
    """A mean over `num_seeds` seeds, and how well it is known."""

    mean: float
    num_seeds: int
    seeds_variance: float
    """Of the mean: the part that more seeds make smaller, in proportion to their number."""
    seeds_degrees: float
    """Of freedom, behind that part."""
    images_variance: float
    """Of the mean: the part that only more test images make smaller; 0 where only seeds are looked at."""
    images_degrees: float
    method: str
    """What its interval is over: `CROSSED` or `SEEDS`."""
    is_share: bool = False
    """Whether it is a share strictly between 0 and 1, whose interval is taken on the scale of log odds."""

    @property
    def variance(self) -> float:
        """Return the variance of the mean."""
        return self.seeds_variance + self.images_variance

    @property
    def standard_error(self) -> float:
        """Return the root of the variance."""
        return math.sqrt(self.variance)

    def interval(self, level: float = LEVEL, most_degrees: float = math.inf) -> Interval:
        """Return the two-sided interval.

        Args:
            level: Such as 0.95.
            most_degrees: Of freedom; fewer make it wider.

        Raises:
            LevelError: The level is not between 0 and 1.
        """
        require_level(level)
        half_width = self.quantile((1 + level) / 2, most_degrees) * self.standard_error
        low, high = _on_log_odds(self.mean, half_width) if self.is_share else (-half_width, half_width)
        return Interval(self.mean, self.mean + low, self.mean + high, self.num_seeds)

    def quantile(self, probability: float, most_degrees: float = math.inf) -> float:
        """Return how many standard errors lie below a one-sided limit of this probability, such as 0.975."""
        seeds, images = (min(degrees, most_degrees) for degrees in (self.seeds_degrees, self.images_degrees))
        share = self.seeds_variance / self.variance
        cochran = share * _student(seeds, probability) + (1 - share) * _student(images, probability)
        together = 1 / (share**2 / seeds + (1 - share) ** 2 / images) if share or images < math.inf else math.inf
        return (cochran + _student(min(together, most_degrees), probability)) / 2


def accuracy(row: Correctness) -> Estimate:
    """Return the accuracy of a row, 0 to 1; its interval stays within these, and is longer towards the middle.

    Raises:
        SingleSeedError, ConstantError: There is no interval.
    """
    return replace(crossed_mean([row.correct]), is_share=True)


def paired_difference(row: Correctness, reference: Correctness) -> Estimate:
    """Return how far a row's accuracy lies above its reference's, in shares of 1.

    Each seed and test image is paired with itself. That takes out what both rows share: the image's difficulty, and
    the seed's order of images.

    Raises:
        UnpairedError, DifferentImagesError: The rows do not pair.
        SingleSeedError, ConstantError: There is no interval.
    """
    require_paired([row, reference])
    return crossed_mean([row.correct - reference.correct])


def crossed_mean(parts: Sequence[np.ndarray]) -> Estimate:
    """Return the mean of the targets' means, each target weighing the same.

    Args:
        parts: (seeds, images) finite numbers for each target; the targets have the same seeds in the same order, and
            different images.

    Raises:
        EmptySampleError: There is no target, seed or image.
        UnpairedError: The targets differ in their number of seeds.
        NotFiniteError: A value is not a number.
        SingleSeedError: There is one seed.
        ConstantError: No value differs from any other.
    """
    values = _check(parts)
    num_seeds = len(values[0])
    of_seeds = np.mean([part.mean(axis=1) for part in values], axis=0)
    squares = [_mean_squares(part) for part in values]
    seeds = float(of_seeds.var(ddof=1)) / num_seeds
    images, degrees = _images_part(squares)
    if seeds + images < _NO_VARIANCE:  # seeds agree by chance, and their images tell no more than the rest
        seeds = sum(rest for _, rest, _ in squares) / len(squares) ** 2
    if seeds + images < _NO_VARIANCE:
        value = round(float(values[0].flat[0]), 12)
        raise ConstantError(f"every value is {value:g}; what never differs has no interval")
    return Estimate(float(of_seeds.mean()), num_seeds, seeds, num_seeds - 1, images, degrees, CROSSED)


def mean_interval(values: Sequence[float], level: float = LEVEL) -> Interval:
    """Return the mean of one value per seed with Student's t interval; NaN ends if the values show no spread.

    Raises:
        EmptySampleError: There is no value.
        NotFiniteError: A value is not a number.
        LevelError: The level is not between 0 and 1.
    """
    require_level(level)
    try:
        return seeds_mean(values).interval(level)
    except (SingleSeedError, ConstantError):
        return Interval(float(np.mean(values)), math.nan, math.nan, len(values))


def paired_interval(values: Mapping[int, float], reference: Mapping[int, float], level: float = LEVEL) -> Interval:
    """Return the mean over seeds of `values - reference` with Student's t interval, each seed paired with itself.

    Raises:
        UnpairedError: A seed stands on one side only. The caller decides which seeds may be left out.
    """
    if unpaired := sorted(values.keys() ^ reference.keys()):
        raise UnpairedError(f"seeds {unpaired} stand on one side only; a paired difference needs both")
    return mean_interval([values[seed] - reference[seed] for seed in sorted(values)], level)


def seeds_mean(values: Sequence[float]) -> Estimate:
    """Return the mean of one value per seed, known by the spread of the seeds alone: Student's t.

    Raises:
        EmptySampleError, NotFiniteError, SingleSeedError, ConstantError: There is no interval.
    """
    sample = np.asarray(values, dtype=np.float64)
    (checked,) = _check([sample[:, None]])
    variance = float(checked.var(ddof=1)) / len(sample)
    if variance < _NO_VARIANCE:
        raise ConstantError(f"every seed has {sample[0]:g}; what never differs has no interval")
    return Estimate(float(sample.mean()), len(sample), variance, len(sample) - 1, 0.0, math.inf, SEEDS)


def _mean_squares(part: np.ndarray) -> tuple[float, float, int]:
    """Return the mean squares of the images and of the rest, over the number of values; the images' degrees."""
    num_seeds, num_images = part.shape
    if num_images == 1:
        return 0.0, 0.0, 0
    centred = part - part.mean()
    of_images, of_seeds = centred.sum(axis=0), centred.sum(axis=1)
    images, seeds = float(of_images @ of_images) / num_seeds, float(of_seeds @ of_seeds) / num_images
    rest = max(0.0, float(np.vdot(centred, centred)) - images - seeds) / (num_seeds - 1)
    return images / (num_images - 1) / part.size, rest / (num_images - 1) / part.size, num_images - 1


def _images_part(squares: Sequence[tuple[float, float, int]]) -> tuple[float, float]:
    """Return what the images add to the variance of the mean over targets, and its degrees of freedom."""
    parts = [(images - rest, degrees) for images, rest, degrees in squares if images > rest]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return 0.0, math.inf
    return variance / len(squares) ** 2, variance**2 / sum(part**2 / degrees for part, degrees in parts)


def _student(degrees: float, probability: float) -> float:
    return float(special.ndtri(probability) if math.isinf(degrees) else special.stdtrit(degrees, probability))


def _on_log_odds(share: float, half_width: float) -> tuple[float, float]:
    """Return how far the ends lie from the share if the interval is taken on the scale of log odds."""
    middle, width = special.logit(share), half_width / (share * (1 - share))
    return float(special.expit(middle - width)) - share, float(special.expit(middle + width)) - share


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
