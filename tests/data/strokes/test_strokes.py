"""The stroke corpus: the same bytes everywhere, classes that can be told apart, and settings that do what they say."""

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bench.data.corpus import CorpusRef, load_subset
from bench.data.formula import Difficulty, Domain, class_parameters, render
from bench.data.fractals.heldout import open_heldout
from bench.data.strokes.stroke_corpus import STROKES
from tests import drawn
from tests.data.strokes import reference
from tests.drawn import HARD, PLAIN

draw = partial(drawn.draw, STROKES)

GOLDEN = [
    (Difficulty(), "PRETRAIN", 32, "9872e5ea2be6a0557dea5d562412a1966a4fc0b16eebbbf807c6020a600eaeee"),
    (Difficulty(), "HELDOUT_TEST", 16, "e9575ecb44073eccad24bde8e3ce5e364b6e40f9cbce3e9920c2d07609a53320"),
    (Difficulty(), "PRETRAIN", 224, "47180bbfa9898e56c1966f88c20d25d16e86772aed88a9dbfb21b0fbece7373c"),
    (Difficulty(), "HELDOUT_VALIDATION", 511, "719e86351d57cadb9f53bc1d56985df4174fe9f8779ae3b1ee53e1fe9cf867ef"),
    (HARD, "PRETRAIN", 32, "f24c29ed9f4cd3474ccef4017ca661d3d8986e654344d81b0bbfad7eb805a05d"),
    (HARD, "HELDOUT_TRAIN", 8, "c3b42325e83c5593f13d9f81654a3805c55943f9fbce03662d54ded9801edffd"),
    (PLAIN, "PRETRAIN_VALIDATION", 64, "40434020bc2c22337758c6de8026d8f62318e4a1be3d43339cd330625c26c685"),
]
"""Difficulty, domain, size, and the SHA-256 of four images: classes 0, 1, 31, 99,999, instances 0, 7, 2^31 - 1, 3."""


@pytest.mark.parametrize(
    ("difficulty", "name", "size", "expected"), GOLDEN, ids=[f"{name}-{size}" for _, name, size, _ in GOLDEN]
)
def test_golden_images(difficulty: Difficulty, name: str, size: int, expected: str) -> None:
    """A change here is a new version of the corpus: raise it, and find out anew what every family learns."""
    drawn = draw([0, 1, 31, 99_999], [0, 7, 2**31 - 1, 3], difficulty=difficulty, image_size=size, domain=Domain[name])
    assert hashlib.sha256(drawn.tobytes()).hexdigest() == expected


@pytest.mark.parametrize("difficulty", [PLAIN, Difficulty(), HARD], ids=["plain", "default", "hard"])
@pytest.mark.parametrize(
    ("domain", "index", "instance", "size"),
    [(Domain.PRETRAIN, 3, 0, 32), (Domain.HELDOUT_TEST, 0, 5, 24), (Domain.PRETRAIN, 99_999, 2**31 - 1, 16)],
)
def test_the_formula_in_plain_python_gives_the_same_bytes(
    difficulty: Difficulty, domain: Domain, index: int, instance: int, size: int
) -> None:
    drawn = draw(index, instance, difficulty=difficulty, image_size=size, domain=domain)[0]
    expected = reference.image(domain.value, index, instance, size, difficulty.model_dump())
    assert np.array_equal(drawn, np.array(expected, dtype=np.uint8))


def test_an_image_depends_neither_on_its_batch_nor_on_threads() -> None:
    instances, classes = np.divmod(np.arange(400), 20)
    settings = {"image_size": 16, "difficulty": HARD, "domain": Domain.PRETRAIN}
    together = render(STROKES, classes, instances, **settings)
    assert np.array_equal(together, render(STROKES, classes, instances, num_threads=3, **settings))
    for i in range(0, 400, 37):
        assert np.array_equal(together[i], draw(classes[i], instances[i], difficulty=HARD, image_size=16)[0])


def test_instances_and_domains_all_differ_and_every_picture_has_ink() -> None:
    images = [
        draw(np.arange(40)[:, None], np.arange(10), difficulty=Difficulty(), domain=domain)
        for domain in (Domain.PRETRAIN, Domain.PRETRAIN_VALIDATION, Domain.HELDOUT_TEST)
    ]
    assert len({image.tobytes() for part in images for image in part}) == 3 * 400
    ink = np.concatenate(images)[:, 0].reshape(1200, -1).mean(axis=1) / 255
    assert ink.min() > 0.02
    assert ink.max() < 0.7


def test_classes_differ_and_held_out_classes_are_others() -> None:
    figures = [
        class_parameters(STROKES, index, domain).tobytes()
        for index in range(1000)
        for domain in (Domain.PRETRAIN, Domain.HELDOUT_TEST)
    ]
    assert len(set(figures)) == 2000


def test_32_classes_can_be_told_apart() -> None:
    """By the nearest of 20 images a class, on plain pixels; guessing is right once in 32 times."""
    instances, classes = np.divmod(np.arange(640), 32)
    train = draw(classes, instances, difficulty=Difficulty())[:, 0].reshape(640, -1).astype(np.float32)
    seen = draw(classes, instances, difficulty=Difficulty(), domain=Domain.PRETRAIN_VALIDATION)
    distances = (train**2).sum(1) - 2 * seen[:, 0].reshape(640, -1).astype(np.float32) @ train.T
    assert (classes[distances.argmin(1)] == classes).mean() > 0.9


def test_jitter_spreads_a_class() -> None:
    def spread(percent: int) -> float:
        images = draw(
            np.arange(8)[:, None], np.arange(30), difficulty=PLAIN.model_copy(update={"jitter_percent": percent})
        )
        return float(images.reshape(8, 30, -1).std(axis=1).mean())

    assert spread(0) < 0.7 * spread(15) < 0.7 * spread(40)


def test_a_subset_and_the_held_out_target_are_the_drawn_images() -> None:
    ref = CorpusRef(name="strokes", classes=4)
    assert ref.difficulty == Difficulty()
    splits = load_subset(ref, 8, 16, Path())
    assert splits.class_names == ("figure 0", "figure 1", "figure 2", "figure 3")
    assert np.array_equal(
        splits.train.images, draw([0, 1, 2, 3] * 2, [0] * 4 + [1] * 4, difficulty=Difficulty(), image_size=16)
    )
    assert splits.subset_hash != load_subset(CorpusRef(classes=4), 8, 16, Path()).subset_hash
    target = open_heldout(STROKES)
    expected = Difficulty(jitter_percent=25, shift_pixels=2)
    first = draw([0, 1], [0, 0], difficulty=expected, domain=Domain.HELDOUT_TEST)
    assert np.array_equal(target.read(target.test[:2], 32), first)
    assert len(target.class_names) == 20
