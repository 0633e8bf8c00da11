"""Orders and cuts of labelled data that never move: nested, balanced or stratified, and without a generator's state.

Every order here is decided by hashes of a key and an index, so it depends on the labels' sequence alone, not on the
pixels, the machine or the version of a library.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.data.random import hash_words

Indices = NDArray[np.int64]
Words = NDArray[np.uint32]
"""Positions and ranks while orders are made: half the memory of indices, and fewer than 2^32 in any listing."""

CHUNK = 2**20
"""Indices that are hashed at once."""
LOW_BITS = 0xFFFF


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
    rounds = _stable_argsort(ranks)
    del ranks
    return indices[order[rounds]]


def stratified_cut(
    labels: NDArray[np.int64], indices: Indices, numerator: int, denominator: int, *key: int | str
) -> Cut:
    """Take the share numerator / denominator of each class of the indices, rounded up, by hash of key and index."""
    order, ranks = _ranks(labels[indices], indices, *key)
    quotas = -(-np.bincount(labels[indices]) * numerator // denominator)
    is_taken = ranks < quotas[labels[indices][order]]
    return Cut(np.sort(indices[order[is_taken]]), np.sort(indices[order[~is_taken]]))


def _ranks(labels: NDArray[np.int64], indices: Indices, *key: int | str) -> tuple[Words, Words]:
    """Return positions sorted by class, then hash, and with each its rank, 0 upwards, within its class.

    Distinct indices have distinct hashes, since the last step of hashing is a bijection: no order of ties is needed.
    """
    order = np.argsort(_hashes(indices, *key)).astype(np.uint32)
    order = order[_stable_argsort(labels[order])]
    counts = np.bincount(labels)
    starts = (np.cumsum(counts) - counts).astype(np.uint32)
    return order, np.arange(len(labels), dtype=np.uint32) - np.repeat(starts, counts)


def _hashes(indices: Indices, *key: int | str) -> NDArray[np.uint64]:
    """Return the hash of the key and each index, a chunk at a time: a hash in the making takes several times itself."""
    hashes = np.empty(len(indices), dtype=np.uint64)
    for start in range(0, len(indices), CHUNK):
        hashes[start : start + CHUNK] = hash_words(*key, indices[start : start + CHUNK])
    return hashes


def _stable_argsort(values: NDArray[np.integer]) -> Words:
    """Sort numbers from 0 to 2^32 - 1, 16 bits at a time: such words numpy sorts by radix, in linear time."""
    order = np.argsort(values.astype(np.uint16), kind="stable").astype(np.uint32)
    if len(values) and values.max() > LOW_BITS:
        upper = (values >> 16).astype(np.uint16)[order]
        order = order[np.argsort(upper, kind="stable")]
    return order
