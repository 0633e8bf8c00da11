"""Put clusters in place of test images that belong together: a patient's, a plant's, a class's.

Images of one cluster are alike, so the mean over images varies with the clusters that were drawn. Each cluster gets one
value, from the sum of its images' residuals, so that clusters of unequal size weigh as their images do and the mean
over images stays what is estimated. The values are the pseudo-values of the jackknife that leaves out one cluster at a
time (Bell and McCaffrey, Bias reduction in standard errors for linear regression with multi-stage samples, 2002), whose
variance is not too small if sizes differ. They are linear in the images' values. So rows can be subtracted or weighted
before or after, and a two-way analysis of seeds and clusters is that of seeds and images.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.analysis.stats.statistics_errors import ShapeError, TooFewClustersError

FEWEST = 5
"""The fewest clusters of equal size whose variation is estimated."""

_DECIMALS = 12


def of_clusters(values: np.ndarray, clusters: NDArray[np.integer] | None) -> np.ndarray:
    """Return one value per cluster, with the same mean in each seed as the images' values.

    Args:
        values: (seeds, images, ...), finite numbers.
        clusters: (images,), from 0; None if each image is its own cluster, and the values are returned as they are.

    Returns:
        (seeds, clusters, ...).

    Raises:
        ShapeError: Clusters and images differ in number.
        TooFewClustersError: The clusters count as fewer than `FEWEST` of equal size.
    """
    if clusters is None:
        return values
    if clusters.shape != (values.shape[1],):
        raise ShapeError(f"clusters of shape {clusters.shape} for {values.shape[1]} images; expected one per image")
    sizes = np.bincount(clusters)
    if reason := too_few(sizes):
        raise TooFewClustersError(reason)
    mean = values.mean(axis=1, keepdims=True)
    in_order = np.argsort(clusters, kind="stable")
    starts = np.cumsum(sizes) - sizes
    sums = np.add.reduceat((values - mean)[:, in_order], starts, axis=1)
    # Without a cluster of n of J images, the mean changes by its sum of residuals / (J - n).
    weights = (len(sizes) - 1) / (len(clusters) - sizes)
    moved = sums * weights.reshape(-1, *[1] * (values.ndim - 2))
    # Rounding errors must not tell apart clusters that have the same value.
    return np.round(mean + moved - moved.mean(axis=1, keepdims=True), _DECIMALS)


def too_few(sizes: ArrayLike) -> str:
    """Return why the variation of clusters can't be estimated; empty if it can.

    Args:
        sizes: (clusters,), the number of images of each. Clusters of unequal size count as the number of equal ones
            that would estimate their mean as well, (sum of sizes)^2 / sum of squared sizes (Kish, Survey Sampling,
            1965): one that holds nearly all images counts as one.
    """
    images = np.asarray(sizes, dtype=np.float64)
    equal = images.sum() ** 2 / (images**2).sum()
    if equal > FEWEST - 1e-9:
        return ""
    clusters = "one cluster" if len(images) == 1 else f"{len(images)} clusters"
    size = "" if np.ptp(images) == 0 else f", which count as {equal:.1f} of equal size"
    return f"the test images are of {clusters}{size}; the variation of clusters can be estimated from {FEWEST} on"
