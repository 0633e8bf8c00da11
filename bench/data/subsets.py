"""Orders and cuts of labelled data that never move: nested, balanced or stratified, and without a generator's state.

Every order here is decided by hashes of a key and an index, so it depends on the labels' sequence alone, not on the
pixels, the machine or the version of a library.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.data.hashing import hash_words

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cut:
    """Disjoint indices, ascending, that together are all of the data."""

    taken: Indices
    rest: Indices


def balanced_order(labels: NDArray[np.int64], *key: int | str) -> Indices:
    """Return all indices, round robin over the classes, each class in an order hashed from `key` and the index.

    Any prefix holds the classes in equal numbers within one image, while every class has images left.
    """
    return balanced_order_of(labels, np.arange(len(labels)), *key)


def balanced_order_of(labels: NDArray[np.int64], indices: Indices, *key: int | str) -> Indices:
    """As `balanced_order`, of some indices only: an index's place among its class depends on key and index."""
    order, ranks = _ranks(labels[indices], indices, *key)
    return indices[order[np.lexsort((labels[indices][order], ranks))]]


def stratified_cut(
    labels: NDArray[np.int64], indices: Indices, numerator: int, denominator: int, *key: int | str
) -> Cut:
    """Take the share numerator / denominator of each class of the indices, rounded up, by hash of key and index."""
    order, ranks = _ranks(labels[indices], indices, *key)
    quotas = -(-np.bincount(labels[indices]) * numerator // denominator)
    is_taken = ranks < quotas[labels[indices][order]]
    return Cut(np.sort(indices[order[is_taken]]), np.sort(indices[order[~is_taken]]))


def _ranks(labels: NDArray[np.int64], indices: Indices, *key: int | str) -> tuple[Indices, Indices]:
    """Return positions sorted by class, then hash, and with each its rank, 0 upwards, within its class."""
    order = np.lexsort((hash_words(*key, indices), labels))
    counts = np.bincount(labels)
    starts = np.cumsum(counts) - counts
    return order, np.arange(len(labels)) - starts[labels[order]]
