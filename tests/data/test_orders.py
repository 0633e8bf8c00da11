"""Orders are nested and balanced, cuts are disjoint and stratified, for any labels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench.data.orders import balanced_order, stratified_cut

LABELS = st.lists(st.integers(0, 5), min_size=1, max_size=120).map(lambda labels: np.array(labels, dtype=np.int64))


@given(LABELS, st.integers(0, 2**62))
def test_a_prefix_is_balanced_within_one_image_while_every_class_has_images(labels: np.ndarray, key: int) -> None:
    order = balanced_order(labels, key)
    present = np.unique(labels)
    smallest = np.bincount(labels)[present].min()
    assert sorted(order) == list(range(len(labels)))
    for length in range(smallest * len(present) + 1):
        counts = np.bincount(labels[order[:length]], minlength=6)[present]
        assert np.ptp(counts) <= 1


@given(LABELS, st.integers(0, 2**62))
def test_if_a_class_runs_out_the_rounds_continue_with_the_others(labels: np.ndarray, key: int) -> None:
    """However long the prefix: no class is more than one behind another, but for one that is used up."""
    totals = np.bincount(labels)
    order = labels[balanced_order(labels, key)]
    for length in range(len(labels) + 1):
        counts = np.bincount(order[:length], minlength=len(totals))
        assert (counts >= np.minimum(counts.max() - 1, totals)).all()


@given(LABELS, st.integers(0, 2**62))
def test_another_key_is_another_order_of_the_same(labels: np.ndarray, key: int) -> None:
    first, again, other = balanced_order(labels, key), balanced_order(labels, key), balanced_order(labels, "x", key)
    assert np.array_equal(first, again)
    assert np.array_equal(np.sort(first), np.sort(other))
    if np.bincount(labels).max() > 20:
        assert not np.array_equal(first, other)


@given(LABELS, st.integers(1, 9), st.integers(0, 2**62))
def test_a_cut_takes_its_share_of_each_class_rounded_up(labels: np.ndarray, tenths: int, key: int) -> None:
    indices = np.arange(len(labels))[::2]
    cut = stratified_cut(labels, indices, tenths, 10, key)
    assert sorted([*cut.taken, *cut.rest]) == indices.tolist()
    totals, taken = (np.bincount(labels[part], minlength=6) for part in (indices, cut.taken))
    assert np.array_equal(taken, np.ceil(totals * tenths / 10 - 1e-9))


@given(LABELS, st.integers(0, 2**62))
def test_an_index_keeps_its_place_when_another_class_leaves(labels: np.ndarray, key: int) -> None:
    """Within its class, an index's rank depends on key and index alone."""
    everyone = stratified_cut(labels, np.arange(len(labels)), 1, 3, key).taken
    kept = np.flatnonzero(labels != 0)
    without = stratified_cut(labels, kept, 1, 3, key).taken
    assert np.array_equal(everyone[labels[everyone] != 0], without)


def test_a_million_images_are_ordered_at_once() -> None:
    labels = np.arange(1_000_000) % 1000
    order = balanced_order(labels, "corpus")
    assert np.array_equal(labels[order], labels)
    assert order[:4].tolist() == [409000, 387001, 998002, 899003]
