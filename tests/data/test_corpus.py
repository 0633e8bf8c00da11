"""The ladder: subsets nest, classes balance, hashes identify; and what is asked for wrongly is named."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.data.corpus import CorpusRef, check_corpus, corpus_identity, corpus_size, load_subset
from bench.data.formula import Difficulty, Domain, render
from bench.data.fractals.source import FRACTALS
from bench.errors import InputError

NOWHERE = Path("nowhere")


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 80), st.integers(1, 80), st.integers(2, 9))
def test_subsets_of_fractals_nest_and_balance(one: int, other: int, classes: int) -> None:
    small, large = (load_subset(CorpusRef(classes=classes), count, 16, NOWHERE).train for count in sorted((one, other)))
    assert len(large) == max(one, other)
    assert np.array_equal(small.images, large.images[: len(small)])
    assert np.array_equal(small.ids, large.ids[: len(small)])
    assert np.ptp(np.bincount(large.labels, minlength=classes)) <= 1
    assert len(np.unique(large.ids)) == len(large)


@pytest.mark.parametrize("count", [30, 100])
def test_subsets_nest_in_the_classes_at_a_fixed_number_of_images_a_class(count: int) -> None:
    few = load_subset(CorpusRef(classes=5), 5 * count, 16, NOWHERE).train
    many = load_subset(CorpusRef(classes=9), 9 * count, 16, NOWHERE).train
    shared = many.labels < 5
    assert np.array_equal(many.images[shared], few.images)
    assert np.array_equal(many.ids[shared], few.ids)


def test_validation_is_the_same_for_every_subset_and_in_none() -> None:
    small, large = (load_subset(CorpusRef(classes=4), count, 16, NOWHERE) for count in (8, 400))
    assert np.array_equal(small.validation.images, large.validation.images)
    assert np.bincount(large.validation.labels).tolist() == [20] * 4
    assert not {image.tobytes() for image in large.validation.images} & {
        image.tobytes() for image in large.train.images
    }


def test_an_image_is_what_its_class_and_instance_say() -> None:
    train = load_subset(CorpusRef(classes=3), 20, 32, NOWHERE).train
    classes, instances = np.divmod(train.ids, 2**32)
    again = render(FRACTALS, classes, instances, image_size=32, difficulty=Difficulty(), domain=Domain.PRETRAIN)
    assert np.array_equal(train.images, again)
    assert np.array_equal(train.labels, classes)


def test_a_subset_is_known_by_its_hash() -> None:
    """The indices alone count: the hash says which images, the identity how they are drawn."""
    hashes = {(n, k): load_subset(CorpusRef(classes=k), n, 16, NOWHERE).subset_hash for n in (8, 9) for k in (2, 4)}
    assert len(set(hashes.values())) == 4
    assert hashes[8, 4] == load_subset(CorpusRef(classes=4, difficulty=HARD), 8, 32, NOWHERE).subset_hash
    assert hashes[8, 4] == "1599f079fcb16fe0bb49ace0c1a0344372c4caf2bbeefeec455d3dd8d7a4d8ff"


def test_digits_are_a_corpus_too() -> None:
    small, large = (load_subset(CorpusRef(name="digits"), count, 16, NOWHERE) for count in (20, 300))
    assert np.array_equal(small.train.images, large.train.images[:20])
    assert np.bincount(large.train.labels).tolist() == [30] * 10
    assert not set(large.validation.ids) & set(large.train.ids)
    assert corpus_size(CorpusRef(name="digits"), NOWHERE) == 785


def test_defaults_are_filled_in() -> None:
    ref = CorpusRef()
    assert (ref.name, ref.classes, ref.difficulty) == ("fractals", 32, Difficulty())
    assert ref == CorpusRef(name="fractals", classes=32, difficulty=Difficulty())
    assert hash(ref) == hash(CorpusRef(classes=32))
    assert CorpusRef.model_validate(ref.model_dump()) == ref


def test_the_identity_holds_what_decides_an_image() -> None:
    assert corpus_identity(CorpusRef(classes=7), NOWHERE) == {
        "name": "fractals",
        "version": 1,
        "classes": 7,
        "difficulty": Difficulty().model_dump(),
    }
    assert corpus_identity(CorpusRef(name="cifar10"), NOWHERE) == {"name": "cifar10", "version": 1}
    heldout = corpus_identity(CorpusRef(name="fractals-heldout"), NOWHERE)
    assert heldout["corpus_version"] == 1
    assert heldout["difficulty"] == Difficulty(jitter_percent=25, shift_pixels=2).model_dump()


def test_a_subset_larger_than_the_corpus_is_refused_with_both_sizes() -> None:
    with pytest.raises(InputError, match=r'"digits" has 785 images to pretrain on; the subset is 786'):
        load_subset(CorpusRef(name="digits"), 786, 16, NOWHERE)
    with pytest.raises(InputError, match=r'"fractals" has 8,589,934,592 images'):
        check_corpus(CorpusRef(classes=4), 2**33 + 1, NOWHERE)


def test_a_corpus_without_its_files_is_refused_with_the_command_that_fetches_it() -> None:
    with pytest.raises(InputError, match=r"bench data fetch cifar10 --data nowhere"):
        check_corpus(CorpusRef(name="cifar10"), 10, NOWHERE)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "strokse"}, "did you mean strokes"),
        ({"name": "fractal"}, "did you mean fractals.*known are fractals, strokes, shapes, digits"),
        ({"name": "folder:"}, "folder:PATH"),
        ({"name": "digits", "classes": 1}, "greater than or equal to 2"),
        ({"name": "digits", "difficulty": {}}, "no difficulty; only fractals, strokes and shapes do"),
        ({"classes": 1}, "greater than or equal to 2"),
        ({"classes": 100_001}, "less than or equal to 100000"),
        ({"difficulty": {"jitter_percent": 51}}, "less than or equal to 50"),
        ({"difficulty": {"shift_pixels": -1}}, "greater than or equal to 0"),
        ({"difficulty": {"polarity": "none"}}, "'one' or 'both'"),
        ({"difficulty": {"jitter": 5}}, "Extra inputs"),
    ],
)
def test_wrong_settings_are_named(settings: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CorpusRef.model_validate(settings)


HARD = Difficulty(jitter_percent=50, rotation="any")
