"""Fixed orders and splits of labelled data: nested, balanced or stratified, without a random generator.

Hashes of a key and an index decide each order. It therefore depends only on the sequence of labels, not on the pixels,
the machine or the version of a library.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.data.random import hash_words

Indices = NDArray[np.int64]
Words = NDArray[np.uint32]
"""Positions and ranks in intermediate steps: half the memory of indices, since no data set has 2^32 images."""

CHUNK = 2**20
"""Number of indices that are hashed at once."""
LOW_BITS = 0xFFFF


@dataclass(frozen=True, eq=False)
class Cut:
    """Two disjoint sets of indices, each ascending, that together are all indices."""

    taken: Indices
    rest: Indices


def balanced_order(labels: NDArray[np.int64], *key: int | str) -> Indices:
    """Return all indices, round robin over the classes, each class in an order hashed from `key` and the index.

    In any prefix, class sizes differ by at most one, as long as every class has images left.
    """
    return balanced_order_of(labels, np.arange(len(labels)), *key)


def balanced_order_of(labels: NDArray[np.int64], indices: Indices, *key: int | str) -> Indices:
    """Return some indices in the order of `balanced_order`; only key and index decide an index's rank in its class."""
    order, ranks = _ranks(labels[indices], indices, *key)
    rounds = _stable_argsort(ranks)
    del ranks
    return indices[order[rounds]]


def stratified_cut(
    labels: NDArray[np.int64], indices: Indices, numerator: int, denominator: int, *key: int | str
) -> Cut:
    """Return a cut that takes numerator / denominator of each class, rounded up, chosen by a hash of key and index."""
    order, ranks = _ranks(labels[indices], indices, *key)
    quotas = -(-np.bincount(labels[indices]) * numerator // denominator)
    is_taken = ranks < quotas[labels[indices][order]]
    return Cut(np.sort(indices[order[is_taken]]), np.sort(indices[order[~is_taken]]))


def _ranks(labels: NDArray[np.int64], indices: Indices, *key: int | str) -> tuple[Words, Words]:
    """Return positions sorted by class and then hash, and the rank of each within its class, from 0.

    There are no ties: distinct indices have distinct hashes, since the last step of hashing is a bijection.
    """
    order = np.argsort(_hashes(indices, *key)).astype(np.uint32)
    order = order[_stable_argsort(labels[order])]
    counts = np.bincount(labels)
    starts = (np.cumsum(counts) - counts).astype(np.uint32)
    return order, np.arange(len(labels), dtype=np.uint32) - np.repeat(starts, counts)


def _hashes(indices: Indices, *key: int | str) -> NDArray[np.uint64]:
    """Return the hash of the key and each index; chunks limit memory, since hashing needs several times its result."""
    hashes = np.empty(len(indices), dtype=np.uint64)
    for start in range(0, len(indices), CHUNK):
        hashes[start : start + CHUNK] = hash_words(*key, indices[start : start + CHUNK])
    return hashes


def _stable_argsort(values: NDArray[np.integer]) -> Words:
    """Return the order of numbers from 0 to 2^32 - 1, by 16 bits at a time, which NumPy radix-sorts in linear time."""
    order = np.argsort(values.astype(np.uint16), kind="stable").astype(np.uint32)
    if len(values) and values.max() > LOW_BITS:
        upper = (values >> 16).astype(np.uint16)[order]
        order = order[np.argsort(upper, kind="stable")]
    return order
