"""Estimate the share of hits among the images that count, if each answer decides whether its image counts.

The share is a ratio of two sums over seeds and images, as the shape bias is: the answers that name the outline, over
those that name either cue. A ratio has no value per image, so it is linearised (Särndal, Swensson and Wretman, Model
Assisted Survey Sampling, 1992, section 5.5): with hits h, counts c and ratio r, each seed and image gets

    r + (h - r c) / mean(c),

whose mean is r, and whose variance is that of r to first order. The two-way analysis of `crossed` then takes these
values, and two models' values are subtracted pair by pair. If every image counts, they are the hits themselves.

If hits, or what counts without being one, are fewer than ten, they say little about their own variance. The values do
not show that, as images that do not count stand between both. The variance of the images then gets the addition that
`crossed` makes for few values that differ.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.analysis.stats.clusters import of_clusters
from bench.analysis.stats.crossed import FEW, FEW_ERROR, FEW_SHARE, Estimate, crossed_mean
from bench.analysis.stats.statistics_errors import DifferentImagesError, EmptySampleError, ShapeError, UnpairedError


@dataclass(frozen=True, eq=False)
class HitCounts:
    """Which images the seeds of one row hit, and which count."""

    seeds: tuple[int, ...]
    """Ascending, each once."""
    hit: NDArray[np.float64]
    """(seeds, images), 0 or 1; 0 where an image does not count."""
    counted: NDArray[np.float64]
    """(seeds, images), 0 or 1."""
    images: str = ""
    """A hash of the images' ids."""
    clusters: NDArray[np.int64] | None = None
    """(images,), from 0: the cluster of each image; None if each is its own."""

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            ShapeError: They are not those of the seeds, or a hit does not count.
        """
        if self.hit.shape != self.counted.shape or len(self.hit) != len(self.seeds):
            raise ShapeError(f"hits {self.hit.shape}, counts {self.counted.shape} of {len(self.seeds)} seeds")
        if (self.hit > self.counted).any():
            raise ShapeError("a hit is on an image that does not count")

    @property
    def share(self) -> float:
        """Return the hits of all seeds over what counts.

        Raises:
            EmptySampleError: No image counts.
        """
        if not self.counted.sum():
            raise EmptySampleError("no image counts, so there is no share")
        return float(self.hit.sum() / self.counted.sum())

    @property
    def values(self) -> NDArray[np.float64]:
        """Return (seeds, images), or (seeds, clusters): the linearised values, whose mean is the share."""
        linear = self.share + (self.hit - self.share * self.counted) / self.counted.mean()
        return of_clusters(linear, self.clusters)

    @property
    def few_variance(self) -> float:
        """Return what few hits, or few misses, add to the variance of the images; 0 if neither are few."""
        hits, counts = float(self.hit.sum()), float(self.counted.sum())
        fewest = min(hits, counts - hits)
        if fewest >= FEW or fewest > FEW_SHARE * counts:
            return 0.0
        return float((FEW_ERROR / self.values.shape[1] / self.counted.mean()) ** 2)

    def at(self, seeds: tuple[int, ...]) -> "HitCounts":
        """Return the same of some of the seeds."""
        kept = np.isin(self.seeds, seeds)
        return replace(self, seeds=seeds, hit=self.hit[kept], counted=self.counted[kept])


def share_estimate(shares: HitCounts) -> Estimate:
    """Return the share over seeds and images; its interval stays within 0 to 1.

    Raises:
        EmptySampleError, SingleSeedError, TooFewClustersError: There is no interval.
    """
    few = shares.few_variance
    return replace(_mean(shares.values, few), is_share=True, of_few=few > 0)


def share_difference(shares: HitCounts, reference: HitCounts) -> Estimate:
    """Return the share of one row less that of another, paired by seed and image.

    Raises:
        UnpairedError, DifferentImagesError: The rows do not pair.
        EmptySampleError, SingleSeedError, TooFewClustersError: There is no interval.
    """
    if unpaired := sorted({*shares.seeds} ^ {*reference.seeds}):
        raise UnpairedError(f"seeds {unpaired} are on one side only; a paired difference needs both sides")
    if shares.images != reference.images or shares.hit.shape != reference.hit.shape:
        raise DifferentImagesError(f"answers to different images: {shares.images} and {reference.images}")
    return _mean(shares.values - reference.values, max(shares.few_variance, reference.few_variance))


def _mean(values: NDArray[np.float64], few: float) -> Estimate:
    """Return the mean of linearised values, with at least the variance of the images that few hits or misses have."""
    estimate = crossed_mean([values])
    added = max(0.0, few - estimate.images_variance) if estimate.of_few else few
    return replace(estimate, images_variance=estimate.images_variance + added)
