"""Estimate means over seeds and test images, which are crossed: every seed is tested on the same images.

For a value of each seed and image, value = mean + seed + image + rest, the variance of the grand mean is

    var(seed) / S + var(image) / J + var(rest) / (S J),

estimated from the mean squares of a two-way analysis of variance (Searle, Casella and McCulloch, Variance Components,
chapter 4). It is the sum of two parts:

- The variance of the seeds' means, which includes the rest, with S - 1 degrees of freedom.
- The variance of the images' means beyond the rest, at least zero, with J - 1 degrees of freedom.

If one part is zero, Student's quantile at the other part's degrees is exact. If not, two approximations exist.
Satterthwaite's quantile (An approximate distribution of estimates of variance components, 1946) is too small for few
seeds. Cochran's, the average of both quantiles by their shares of the variance (Approximate significance levels of the
Behrens-Fisher test, 1964), is too large by about the same amount. Their mean is used.

If fewer than ten values of a target differ from the others, as when two models almost always answer alike, they say
little about their own variance. The variance of the images then gets an addition that makes the interval as wide as the
exact one of a share of which no case was seen.

If two models differ on few images, and mostly in one direction, the variance depends on the mean, as that of a count
does. An interval from the variance at the estimate is then too short on the side on which the variance grows. That side
is lengthened to where the variance there allows for the estimate, as in a score interval: the variance grows by the
ratio of the third moment to the second, which is exact for Poisson counts. The other side is not shortened.

Several targets share their seeds but not their images. Their means are averaged within each seed first, so that an
effect of a seed on all of them counts in full.

Test images may come in clusters, such as the images of a patient. One value per cluster then takes the place of the
images' values (`clusters.py`), and J counts clusters.

Tests simulate the coverage at 3, 5, 10 and 20 seeds; `docs/statistics.md` has the table.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from bench.analysis.correctness import Correctness, common_clusters, require_paired
from bench.analysis.stats.clusters import of_clusters
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
"""A variance of shares of 1 below this is rounding error, since unequal counts differ by far more than its root."""
_EQUAL = 1e-9
"""The relative difference up to which two mean squares are equal."""
FEW, FEW_SHARE = 10, 0.05
"""Values that differ from the others are few if they are fewer than this number, and at most this share of all."""
_SOME = 199
"""The number of values of a part that show whether few of all can differ from the others."""
FEW_ERROR = 2.2
"""The standard error, in images, that the images' part has at least if few values differ.

No case in many images is compatible with 3.7 images at 95 %, and with 6.2 at 99.58 % (Clopper-Pearson); the interval of
this error reaches 4.3 and 6.3."""


@dataclass(frozen=True)
class Estimate:
    """A mean over `num_seeds` seeds, with the parts of its variance."""

    mean: float
    num_seeds: int
    seeds_variance: float
    """The part of the mean's variance that is inversely proportional to the number of seeds."""
    seeds_degrees: float
    """The degrees of freedom of `seeds_variance`."""
    images_variance: float
    """The part of the mean's variance that only more test images reduce; 0 if the method is `SEEDS`."""
    images_degrees: float
    """The degrees of freedom of `images_variance`; infinite if that is zero."""
    method: str
    """What the interval is over: `CROSSED` or `SEEDS`."""
    is_share: bool = False
    """Whether the mean is a share, whose interval is computed on the log-odds scale and stays within 0 and 1."""
    rest_variance: float = 0.0
    """The part of `seeds_variance` that more test images reduce, too."""
    images_third: float = 0.0
    """The third central moment of the mean, from the images' means; 0 if they are not of answers."""
    of_few: bool = False
    """Whether few values differ from the others. Log odds then exaggerate the error, so a share is cut at 0 and 1."""

    @property
    def variance(self) -> float:
        """Return the variance of the mean."""
        return self.seeds_variance + self.images_variance

    @property
    def standard_error(self) -> float:
        """Return the square root of the variance."""
        return math.sqrt(self.variance)

    def interval(self, level: float = LEVEL, most_degrees: float = math.inf, *, is_strict: bool = False) -> Interval:
        """Return the two-sided interval.

        Args:
            level: The confidence level, such as 0.95.
            most_degrees: The most degrees of freedom to use; fewer make the interval wider.
            is_strict: Whether to use Cochran's quantile, which is too large rather than too small.

        Raises:
            LevelError: The level is not between 0 and 1.
        """
        require_level(level)
        probability = (1 + level) / 2
        half_width = self.quantile(probability, most_degrees, is_strict=is_strict) * self.standard_error
        low, high = (self.mean + side * (half_width + self.lengthened(probability, side)) for side in (-1, 1))
        if self.is_share:  # log odds account for the skew of a share
            low, high = self.mean - half_width, self.mean + half_width
            low, high = (max(0.0, low), min(1.0, high)) if self.of_few else _on_log_odds(self.mean, half_width)
        return Interval(self.mean, low, high, self.num_seeds)

    def lengthened(self, probability: float, side: int) -> float:
        """Return what a side of the interval, 1 or -1, gets in addition since the variance grows with the mean."""
        growth = side * self.images_third / self.variance
        if growth <= 0:
            return 0.0
        normal = _student(math.inf, probability)
        shift = normal**2 * growth / 2
        # The solution of distance² = normal² (variance + growth distance), less the half width without growth.
        return shift + math.sqrt(shift**2 + normal**2 * self.variance) - normal * self.standard_error

    def quantile(self, probability: float, most_degrees: float = math.inf, *, is_strict: bool = False) -> float:
        """Return the quantile of the estimate's error at a probability such as 0.975, in standard errors."""
        seeds, images = (min(degrees, most_degrees) for degrees in (self.seeds_degrees, self.images_degrees))
        share = self.seeds_variance / self.variance
        # The mean of Cochran's and Satterthwaite's quantile: the first is too large, the second too small.
        cochran = share * _student(seeds, probability) + (1 - share) * _student(images, probability)
        together = 1 / (share**2 / seeds + (1 - share) ** 2 / images) if share or images < math.inf else math.inf
        satterthwaite = _student(min(together, most_degrees), probability)
        return max(cochran, satterthwaite) if is_strict else (cochran + satterthwaite) / 2


def accuracy(row: Correctness) -> Estimate:
    """Return the accuracy of a row, 0 to 1; its interval stays within 0 to 1, and its longer side is towards 0.5.

    Raises:
        SingleSeedError, ConstantError, TooFewClustersError: There is no interval.
    """
    return replace(crossed_mean([of_clusters(row.correct, row.clusters)]), is_share=True)


def paired_difference(row: Correctness, reference: Correctness) -> Estimate:
    """Return a row's accuracy less its reference's, in shares of 1.

    Each seed and test image is paired with itself. That cancels the effects that both rows share: the difficulty of an
    image, and the order of training images that a seed fixes.

    Raises:
        UnpairedError, DifferentImagesError: The rows do not pair.
        SingleSeedError, ConstantError, TooFewClustersError: There is no interval.
    """
    require_paired([row, reference])
    return crossed_mean([of_clusters(row.correct - reference.correct, common_clusters([row, reference]))])


def crossed_mean(parts: Sequence[np.ndarray], *, of_answers: bool = True) -> Estimate:
    """Return the mean of the targets' means; each target has the same weight.

    Args:
        parts: (seeds, images) finite numbers for each target, or (seeds, clusters) from `of_clusters`; the targets have
            the same seeds in the same order, and different images.
        of_answers: Whether the values are the correctness of answers, or weighted sums of it, so that a few values that
            differ from the others are too few to show their own variance.

    Raises:
        EmptySampleError: There is no target, seed or image.
        UnpairedError: The targets differ in their number of seeds.
        NotFiniteError: A value is not finite.
        SingleSeedError: There is only one seed.
        ConstantError: All values are equal, and they are not `of_answers` or there is one per seed.
    """
    values = _check(parts)
    num_seeds = len(values[0])
    of_seeds = np.mean([part.mean(axis=1) for part in values], axis=0)
    squares = [_mean_squares(part) for part in values]
    seeds = float(of_seeds.var(ddof=1)) / num_seeds
    images, degrees = _images_part(squares)
    # The seeds' means may agree by chance, with no variance of images beyond the rest: then the rest alone is used.
    if seeds + images < _NO_VARIANCE:
        seeds = sum(rest for _, rest, _ in squares) / len(squares) ** 2
    few = [_few_part(part) if of_answers else 0.0 for part in values]
    images += sum(few) / len(few) ** 2
    if seeds + images < _NO_VARIANCE:
        value = round(float(values[0].flat[0]), 12)
        raise ConstantError(f"every value is {value:g}; equal values have no interval")
    rest = min(seeds, sum(rest for _, rest, _ in squares) / len(squares) ** 2)
    third = sum(_third_moment(part) for part in values) / len(values) ** 3 if of_answers else 0.0
    means = (float(of_seeds.mean()), num_seeds, seeds, num_seeds - 1, images, degrees, CROSSED)
    return Estimate(*means, rest_variance=rest, images_third=third, of_few=any(few))


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
        UnpairedError: A seed is on one side only. The caller decides which seeds may be left out.
    """
    if unpaired := sorted(values.keys() ^ reference.keys()):
        raise UnpairedError(f"seeds {unpaired} are on one side only; a paired difference needs both sides")
    return mean_interval([values[seed] - reference[seed] for seed in sorted(values)], level)


def seeds_mean(values: Sequence[float]) -> Estimate:
    """Return the mean of one value per seed, with the variance over seeds alone; its interval is Student's t.

    Raises:
        EmptySampleError, NotFiniteError, SingleSeedError, ConstantError: There is no interval.
    """
    sample = np.asarray(values, dtype=np.float64)
    (checked,) = _check([sample[:, None]])
    variance = float(checked.var(ddof=1)) / len(sample)
    if variance < _NO_VARIANCE:
        raise ConstantError(f"every seed has {sample[0]:g}; equal values have no interval")
    return Estimate(float(sample.mean()), len(sample), variance, len(sample) - 1, 0.0, math.inf, SEEDS)


def _mean_squares(part: np.ndarray) -> tuple[float, float, int]:
    """Return the mean squares of images and rest, each divided by the number of values, and the images' degrees."""
    num_seeds, num_images = part.shape
    if num_images == 1:
        return 0.0, 0.0, 0
    centred = part - part.mean()
    of_images, of_seeds = centred.sum(axis=0), centred.sum(axis=1)
    images, seeds = float(of_images @ of_images) / num_seeds, float(of_seeds @ of_seeds) / num_images
    rest = max(0.0, float(np.vdot(centred, centred)) - images - seeds) / (num_seeds - 1)
    return images / (num_images - 1) / part.size, rest / (num_images - 1) / part.size, num_images - 1


def _images_part(squares: Sequence[tuple[float, float, int]]) -> tuple[float, float]:
    """Return the images' part of the variance of the mean over targets, and its degrees of freedom."""
    # A difference that small is rounding error, whose sign differs between processors.
    parts = [(images - rest, degrees) for images, rest, degrees in squares if images - rest > _EQUAL * images]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return 0.0, math.inf
    return variance / len(squares) ** 2, variance**2 / sum(part**2 / degrees for part, degrees in parts)


def _third_moment(part: np.ndarray) -> float:
    """Return the third central moment of the mean over images."""
    of_images = part.mean(axis=0)
    centred = of_images - of_images.mean()
    return float((centred * centred * centred).sum()) / part.shape[1] ** 3  # a power takes ten times as long


def _few_part(part: np.ndarray) -> float:
    """Return what few different values add to the images' part of one target; 0 if they are not few."""
    num_images = part.shape[1]
    # If few of all values differed from the median, so would few of any of them: most parts need no median of all.
    some = part.flat[:_SOME]
    if len(some) == _SOME and np.count_nonzero(some != np.median(some)) >= FEW:
        return 0.0
    distances = np.abs(part - np.median(part))
    num_different = int(np.count_nonzero(distances))
    if num_images == 1 or num_different >= FEW or num_different > FEW_SHARE * part.size:
        return 0.0
    return (FEW_ERROR * (float(distances.max()) or 1.0) / num_images) ** 2


def _student(degrees: float, probability: float) -> float:
    return float(special.ndtri(probability) if math.isinf(degrees) else special.stdtrit(degrees, probability))


def _on_log_odds(share: float, half_width: float) -> tuple[float, float]:
    """Return the ends of an interval computed on the log-odds scale."""
    # The derivative of the log odds is 1 / (share (1 - share)), which scales the half width (delta method).
    middle, width = special.logit(share), half_width / (share * (1 - share))
    return float(special.expit(middle - width)), float(special.expit(middle + width))


def _check(parts: Sequence[np.ndarray]) -> list[np.ndarray]:
    values = [np.asarray(part, dtype=np.float64) for part in parts]
    if not values or any(part.size == 0 for part in values):
        raise EmptySampleError("no values: a mean needs seeds and images")
    if len({len(part) for part in values}) > 1:
        counts = ", ".join(str(len(part)) for part in values)
        raise UnpairedError(f"targets have {counts} seeds; each must have the same number")
    if not all(np.isfinite(part).all() for part in values):
        raise NotFiniteError("a value is not a finite number")
    if len(values[0]) == 1:
        raise SingleSeedError("one seed shows no spread; an interval needs two")
    return values
