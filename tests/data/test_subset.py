"""Subsets are nested and balanced, continue if classes run out, exclude test images, and never change."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data import opening
from bench.data.corpus import CorpusRef, check_corpus, corpus_identity, corpus_size, load_subset, subset_index
from bench.data.orders import balanced_order
from bench.data.random import below, hash_words, sha256_of
from bench.data.subset import Selection, class_counts, class_order, class_range, new_labels, subset
from bench.data.target import check_target, parse_target
from bench.errors import InputError
from tests.benchmarks.support.indexer import indexed, uneven_labels

NOWHERE = Path("nowhere")
DIGITS = CorpusRef(name="digits")

SIZES = st.lists(st.integers(0, 12), min_size=2, max_size=8).filter(lambda sizes: sum(map(bool, sizes)) > 1)
"""Images of each class: uneven, and some have none."""


def shuffled(sizes: list[int]) -> np.ndarray:
    """Labels of classes of these sizes, in an order that is none."""
    return np.random.default_rng(len(sizes)).permutation(np.repeat(np.arange(len(sizes)), sizes))


def of_classes(labels: np.ndarray, chosen: Selection) -> list[set[int]]:
    """The places that each class has in a subset, in the order of the subset's labels."""
    return [set(chosen.positions[chosen.labels == label].tolist()) for label in range(len(chosen.classes))]


@given(SIZES, st.data())
def test_a_smaller_number_of_images_is_a_prefix(sizes: list[int], data: st.DataObject) -> None:
    labels = shuffled(sizes)
    classes = data.draw(st.none() | st.integers(1, sum(map(bool, sizes))))
    whole = subset(labels, len(labels), classes, "made")
    few = subset(labels, data.draw(st.integers(0, len(labels))), classes, "made")
    assert np.array_equal(few.positions, whole.positions[: len(few.positions)])
    assert np.array_equal(few.labels, whole.labels[: len(few.labels)])
    assert np.array_equal(whole.classes[whole.labels], labels[whole.positions])
    assert len(set(whole.positions.tolist())) == np.isin(labels, whole.classes).sum()


@given(SIZES, st.data())
def test_fewer_classes_are_a_subset_at_a_fixed_number_of_images_per_class(
    sizes: list[int], data: st.DataObject
) -> None:
    """As long as every class has as many: what a class that is used up lacks, others would have to give."""
    labels, present = shuffled(sizes), sum(map(bool, sizes))
    many = data.draw(st.integers(1, present))
    few = data.draw(st.integers(1, many))
    order = class_order(labels, "made")
    each = data.draw(st.integers(1, np.bincount(labels)[order[:many]].min()))
    small, large = (subset(labels, each * classes, classes, "made") for classes in (few, many))
    assert np.array_equal(small.classes, large.classes[:few])
    assert of_classes(labels, small) == of_classes(labels, large)[:few]
    assert [len(places) for places in of_classes(labels, large)] == [each] * many


@given(SIZES, st.data())
def test_classes_are_even_within_one_image_until_one_is_used_up(sizes: list[int], data: st.DataObject) -> None:
    labels = shuffled(sizes)
    classes = data.draw(st.integers(1, sum(map(bool, sizes))))
    order = class_order(labels, "made")[:classes]
    totals = np.bincount(labels)[order]
    for count in range(totals.sum() + 1):
        counts = np.bincount(subset(labels, count, classes, "made").labels, minlength=classes)
        assert (counts >= np.minimum(counts.max() - 1, totals)).all()
        assert np.array_equal(counts, class_counts(totals, count))
        assert np.ptp(counts) <= 1 or count > totals.min() * classes


def test_the_first_classes_are_not_the_first_of_the_list() -> None:
    order = class_order(np.arange(1000), "imagenet")
    assert sorted(order) == list(range(1000))
    assert np.mean(order[:100]) > 300
    assert not np.array_equal(order, class_order(np.arange(1000), "folder"))
    assert new_labels(np.array([5, 3, 9, 5]), np.array([3, 5])).tolist() == [1, 0, -1, 1]


def test_a_corpus_of_some_classes_has_their_images_alone_everywhere() -> None:
    digits = opening.open_data("digits", None, NOWHERE)
    order = class_order(digits.labels[digits.pool], "digits")
    some = load_subset(CorpusRef(name="digits", classes=4), 100, 8, NOWHERE)
    assert some.class_names == tuple(digits.class_names[index] for index in order[:4])
    for part in (some.train, some.validation):
        assert np.array_equal(order[part.labels], digits.labels[part.ids])
        assert np.array_equal(part.images, digits.read(part.ids, 8))
    assert set(some.validation.ids) == {index for index in digits.validation if digits.labels[index] in order[:4]}
    assert class_range(some.train.labels, 4) == (25, 25)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 785), st.none() | st.integers(2, 10))
def test_no_image_of_a_subset_validates_or_tests(count: int, classes: int | None) -> None:
    ref = CorpusRef(name="digits", classes=classes)
    index = subset_index(ref, min(count, corpus_size(ref, NOWHERE)), NOWHERE)
    digits = opening.open_data("digits", None, NOWHERE)
    assert not set(index.ids) & {*digits.validation, *digits.test}
    assert len(set(index.ids)) == len(index.ids)


@pytest.mark.parametrize("ref", [DIGITS, CorpusRef(name="digits", classes=7), CorpusRef(classes=7)], ids=repr)
def test_the_index_is_what_is_loaded(ref: CorpusRef) -> None:
    index, loaded = subset_index(ref, 40, NOWHERE), load_subset(ref, 40, 8, NOWHERE)
    assert np.array_equal(index.ids, loaded.train.ids)
    assert np.array_equal(index.labels, loaded.train.labels)
    assert index.class_names == loaded.class_names
    assert index.sha256 == loaded.subset_hash
    assert index.class_range == class_range(loaded.train.labels, len(loaded.class_names))


def test_an_order_depends_on_no_generator() -> None:
    labels = shuffled([9, 4, 7])
    before = subset(labels, 12, 2, "made").positions
    np.random.seed(1)
    np.random.random(7)
    assert np.array_equal(subset(labels, 12, 2, "made").positions, before)


MADE = np.repeat(np.arange(5), [50, 3, 20, 1, 26])[np.argsort(hash_words("shuffled", np.arange(100)))]
MANY_CLASSES = below(hash_words("uneven", np.arange(300_000)), 300) ** 2
"""Numbers of classes past 16 bits."""
LARGE_CLASSES = (np.arange(150_000) > 140_000).astype(np.int64)
"""Ranks past 16 bits."""


@pytest.mark.parametrize(
    ("labels", "sha256"),
    [
        (MADE, "8931ac4a93361b9ac395971f3a72bfe31dd576516da3dedfe00a3d5d28d5772b"),
        (MANY_CLASSES, "ec4f0f681265595b5ffe3c22c80ddaf7a85072e92af3436419a5dcd3e3356aa5"),
        (LARGE_CLASSES, "f64ee4c1ea2f0aaadcd4d7bcaaac0acbab4dc1aa7d748b87fce3a53bb372e9ab"),
    ],
    ids=["few", "many classes", "large classes"],
)
def test_orders_never_change(labels: np.ndarray, sha256: str) -> None:
    """In whatever version: subsets that were published are found again. All classes have the order without a ladder."""
    order = balanced_order(labels, "made", "corpus")
    assert sha256_of(order) == sha256
    assert np.array_equal(subset(labels, len(labels), None, "made").positions, order)


@pytest.mark.parametrize(
    ("ref", "count", "sha256"),
    [
        (DIGITS, 20, "b030fe98c76ecc74d7d1b61f658ff74f1eaed0c93af2a8fbed44e1f70ec35e23"),
        (DIGITS, 785, "e1f53ab4cfedffff104191ba3f2054bc50143fbb87389eeb49f136af0aac51f7"),
        (CorpusRef(name="digits", classes=4), 100, "23d35fc9dff0dcb6811a3a152f8c42df202f2837237a964d893babf681ded5c5"),
        (CorpusRef(classes=4), 8, "1599f079fcb16fe0bb49ace0c1a0344372c4caf2bbeefeec455d3dd8d7a4d8ff"),
    ],
    ids=["digits", "all digits", "four digits", "fractals"],
)
def test_subsets_never_change(ref: CorpusRef, count: int, sha256: str) -> None:
    assert subset_index(ref, count, NOWHERE).sha256 == sha256


def test_classes_are_in_the_identity_of_real_data_only_if_given() -> None:
    assert corpus_identity(DIGITS, NOWHERE) == {"name": "digits", "version": 1}
    assert corpus_identity(CorpusRef(name="digits", classes=4), NOWHERE) == {
        "name": "digits",
        "version": 1,
        "classes": 4,
    }


def test_too_many_images_or_classes_are_refused_with_both_numbers() -> None:
    four = CorpusRef(name="digits", classes=4)
    size = corpus_size(four, NOWHERE)
    assert size == sum(class_counts(np.bincount(subset_index(four, size, NOWHERE).labels), size))
    with pytest.raises(InputError, match=rf'"digits", in 4 of its classes, has {size} images .* subset is {size + 1}'):
        check_corpus(four, size + 1, NOWHERE)
    with pytest.raises(InputError, match=r'"digits" has 10 classes; asked for are 11'):
        check_corpus(CorpusRef(name="digits", classes=11), 100, NOWHERE)
    with pytest.raises(InputError, match=r'"digits@786" asks for 786 training images, but 785 are available'):
        check_target(parse_target("digits@786"), NOWHERE)


@pytest.mark.parametrize("classes", [None, 2_500])
def test_an_order_takes_little_memory_for_each_image(classes: int | None) -> None:
    """Of 2^30 bytes for fourteen million images, 76 each: labels take 8, and what follows has to fit as well."""
    labels = uneven_labels(3_000_000, 3_000)
    tracemalloc.start()
    try:
        index = indexed(labels, classes)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak / len(labels) < 48
    assert index.class_range[0] < index.class_range[1] / 10
    assert len(index.ids) == np.isin(labels, class_order(labels, "made")[:classes]).sum()
