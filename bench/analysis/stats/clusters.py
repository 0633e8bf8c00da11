"""Put clusters in place of test images that belong together: a patient's, a plant's, a class's.

Images of one cluster are alike, so the mean over images varies with the clusters that were drawn. Each cluster gets one
value, from the sum of its images' residuals, so that clusters of unequal size weigh as their images do and the mean
over images stays what is estimated. The values are the pseudo-values of the jackknife that leaves out one cluster at a
time (Bell and McCaffrey, Bias reduction in standard errors for linear regression with multi-stage samples, 2002), whose
variance is not too small if sizes differ. They are linear in the images' values. So rows can be subtracted or weighted
before or after, and a two-way analysis of seeds and clusters is that of seeds and images.
"""

import numpy as np
from numpy.typing import NDArray

from bench.analysis.stats.statistics_errors import ShapeError, TooFewClustersError

FEWEST = 5
"""The fewest clusters whose variation is estimated."""

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
        TooFewClustersError: There are fewer than `FEWEST` clusters.
    """
    if clusters is None:
        return values
    if clusters.shape != (values.shape[1],):
        raise ShapeError(f"clusters of shape {clusters.shape} for {values.shape[1]} images; expected one per image")
    sizes = np.bincount(clusters)
    if reason := too_few(len(sizes)):
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


def too_few(num_clusters: int) -> str:
    """Return why the variation of so few clusters can't be estimated; empty if it can."""
    if num_clusters >= FEWEST:
        return ""
    clusters = "one cluster" if num_clusters == 1 else f"{num_clusters} clusters"
    return f"the test images are of {clusters}, whose variation can be estimated from {FEWEST} on"
