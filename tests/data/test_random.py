"""Hashes are the published ones, and orders do not move between versions and machines."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.fractals import render
from bench.data.random import GOLDEN, below, hash_words, mix, permutation, sha256_of, stream_seed

SPLITMIX_FROM_1234567 = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
"""The first outputs of Vigna's splitmix64.c from the state 1234567."""


def test_mix_is_splitmix64() -> None:
    counters = np.arange(1, 5, dtype=np.uint64)
    assert mix(np.uint64(1234567) + counters * GOLDEN).tolist() == SPLITMIX_FROM_1234567


def test_the_renderer_hashes_as_numpy_does() -> None:
    assert [render.hash_counter(np.uint64(1234567), counter) for counter in range(1, 5)] == SPLITMIX_FROM_1234567


def test_hashes_never_move() -> None:
    assert hash_words(1, "order", np.arange(2)).tolist() == [4674491108023270548, 17479286303068530260]
    assert stream_seed(0, "init") == 9206743094011461919
    assert permutation(0, 8).tolist() == [1, 4, 5, 7, 6, 0, 3, 2]


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_the_order_of_words_counts(first: int, second: int) -> None:
    if first != second:
        assert hash_words(first, second) != hash_words(second, first)


def test_arrays_hash_element_by_element() -> None:
    together = hash_words(7, np.arange(5), np.arange(5)[::-1])
    assert together.tolist() == [hash_words(7, i, 4 - i)[0] for i in range(5)]


def test_streams_differ_by_name_and_seed() -> None:
    seeds = {stream_seed(seed, name) for seed in range(50) for name in ("init", "order", "augmentation", "head")}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**63 for seed in seeds)


@given(st.integers(0, 2**63 - 1), st.integers(0, 300))
def test_a_permutation_holds_each_index_once(seed: int, size: int) -> None:
    assert sorted(permutation(seed, size)) == list(range(size))


@pytest.mark.parametrize("bound", [1, 2, 3, 10, 2**32])
def test_below_is_even(bound: int) -> None:
    values = below(hash_words(np.arange(30_000)), bound)
    assert values.min() >= 0
    assert values.max() < bound
    assert abs(values.mean() / bound - 0.5 + 0.5 / bound) < 0.01


def test_sha256_tells_parts_apart() -> None:
    assert sha256_of("ab", "c") != sha256_of("a", "bc")
    data = np.array([1, -2])
    packed = (16).to_bytes(8, "little") + (1).to_bytes(8, "little") + (2**64 - 2).to_bytes(8, "little")
    assert sha256_of(data) == hashlib.sha256(packed).hexdigest()
