"""The fractal corpus: the same bytes everywhere, classes that can be told apart, and settings that do what they say."""

import hashlib
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.data.formula import Difficulty, Domain, class_parameters, render
from bench.data.fractals.source import FRACTALS
from bench.errors import InputError
from tests import drawn
from tests.data.fractals import reference
from tests.drawn import HARD, PLAIN

draw = partial(drawn.draw, FRACTALS)

GOLDEN = [
    (Difficulty(), "PRETRAIN", 32, "37b3a9dc27f7ba0be39c5fc09a6a572a96771c2f687b9602cb10d40f3684fd1e"),
    (Difficulty(), "HELDOUT_TEST", 32, "07541e3f503696c29c816946228ce9435b55c8a114ce63eb09452aa11c8e6564"),
    (Difficulty(), "PRETRAIN", 224, "0e73bf7d84fe6be5e0cf2f44255dc44f643076454daa565a61cdae6d864d8ec6"),
    (Difficulty(), "PRETRAIN_VALIDATION", 48, "0e61d5005595a8f3984fc2f887389db6936604a67ffedc482e456b05f1bce28f"),
    (Difficulty(), "HELDOUT_TRAIN", 8, "cee7f870e90ce51fcb424507cd49146ab8630bb0f04da4cba79a937c8a986750"),
    (Difficulty(), "HELDOUT_VALIDATION", 511, "285d73d52fd5eec69eb83544212c74718570d1a252c309fbd6a37568be4e8b7e"),
    (HARD, "PRETRAIN", 32, "5920798e7b68f0577bdede5561de2711721fa2b0e08b7f8c2f77781a81208c5c"),
    (HARD, "HELDOUT_TEST", 32, "5d13aee446317222df3e4aa01ac02e17e50cfa8932fed62dabda239b572a0ddb"),
    (HARD, "PRETRAIN", 224, "f96672d878869eba8e4c4ec535239c85051a59bb4a662261a900fe51fff92e18"),
    (HARD, "PRETRAIN_VALIDATION", 48, "ce2bd409068786b83af97ef2a35dc84387ffbbb6107603c69a7271ab21c46548"),
    (HARD, "HELDOUT_TRAIN", 8, "5be6fa83d1af30edb4d80387f689a97bb66923d69effcfb338d2e885fbac739a"),
    (HARD, "HELDOUT_VALIDATION", 511, "2e78a04cc134a3e3c13f2580e319fd90d7a20e04477a6c538c2bf9157f13baa1"),
    (PLAIN, "PRETRAIN", 64, "e684399c38cac86651ea7bdb8681fbf9a349337110510fdd4ca2a5fe1b4ce68e"),
    (
        Difficulty(jitter_percent=50, shift_pixels=0),
        "PRETRAIN",
        64,
        "e11822fa8cd15986a94a71b935799060d3089815b11a553753dd760dd354df0e",
    ),
    (
        Difficulty(jitter_percent=0, shift_pixels=64),
        "PRETRAIN",
        160,
        "4c031ee4bf8822c87bec7dd1da7fbc3af877872b888eec31ef23c95b2c18a36d",
    ),
    (Difficulty(polarity="both"), "PRETRAIN", 64, "af03a269ade9f85fdd21f854b06da9894ec2c8cf80c87d7a1dc8d6bcc1861b5d"),
    (Difficulty(colour="instance"), "PRETRAIN", 64, "d8c36a96f846f86661296c32b666e89258fecbc9cc4a37f945af1ed459ef1f34"),
    (Difficulty(rotation="any"), "PRETRAIN", 64, "00ab51d70deee5d8ae6a8b739aa189511681482eb8d6c68bef1af8ec0baf4636"),
]
"""Difficulty, domain, size, and the SHA-256 of four images: classes 0, 1, 31, 99,999, instances 0, 7, 2^31 - 1, 3."""


@pytest.mark.parametrize(
    ("difficulty", "name", "size", "expected"), GOLDEN, ids=[f"{name}-{size}" for _, name, size, _ in GOLDEN]
)
def test_golden_images(difficulty: Difficulty, name: str, size: int, expected: str) -> None:
    """A change here is a new version of the corpus: raise its version, and find out anew what every family learns."""
    classes, instances = [0, 1, 31, 99_999], [0, 7, 2**31 - 1, 3]
    drawn = draw(classes, instances, difficulty=difficulty, image_size=size, domain=Domain[name])
    assert sha256(drawn) == expected


def test_golden_images_of_classes_all_over() -> None:
    """51 classes, 0 to 99,950, with four instances each, the last possible one among them."""
    drawn = draw(np.arange(0, 100_000, 1_999), np.array([0, 1, 2**30, 2**31 - 1])[:, None], difficulty=Difficulty())
    assert sha256(drawn) == "cec9c4756c6e90805bce4d0ab70cb4a5760f2618504e22e11426e08767fed72e"


@pytest.mark.parametrize("difficulty", [PLAIN, Difficulty(), HARD], ids=["plain", "default", "hard"])
@pytest.mark.parametrize(
    ("domain", "index", "instance", "size"), [(Domain.PRETRAIN, 3, 0, 32), (Domain.HELDOUT_TEST, 0, 5, 24)]
)
def test_the_formula_in_plain_python_gives_the_same_bytes(
    difficulty: Difficulty, domain: Domain, index: int, instance: int, size: int
) -> None:
    drawn = draw(index, instance, difficulty=difficulty, image_size=size, domain=domain)[0]
    expected = reference.image(domain.value, index, instance, size, difficulty.model_dump())
    assert np.array_equal(drawn, np.array(expected, dtype=np.uint8))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 2**31 - 1)), min_size=1, max_size=12), st.randoms())
def test_an_image_does_not_depend_on_its_batch(wanted: list[tuple[int, int]], random: object) -> None:
    together = draw(*zip(*wanted, strict=True), difficulty=HARD)
    alone = np.concatenate([draw(*one, difficulty=HARD) for one in wanted])
    assert np.array_equal(together, alone)


def test_threads_change_nothing() -> None:
    instances, classes = np.divmod(np.arange(3000), 20)
    one, three = (
        render(
            FRACTALS,
            classes,
            instances,
            image_size=16,
            difficulty=Difficulty(),
            domain=Domain.PRETRAIN,
            num_threads=threads,
        )
        for threads in (1, 3)
    )
    assert np.array_equal(one, three)


def test_instances_classes_and_domains_all_differ() -> None:
    images = [draw(np.arange(20)[:, None], np.arange(10), domain=domain) for domain in Domain]
    assert len({image.tobytes() for part in images for image in part}) == len(Domain) * 200


def test_the_docs_list_every_domain() -> None:
    page = (Path(__file__).parents[3] / "docs" / "fractals.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE) == [domain.name for domain in Domain]


def test_held_out_classes_are_other_systems() -> None:
    systems = [
        class_parameters(FRACTALS, index, domain).tobytes()
        for index in range(200)
        for domain in (Domain.PRETRAIN, Domain.HELDOUT_TEST)
    ]
    assert len(set(systems)) == 400


def test_classes_are_not_degenerate() -> None:
    """The rule, seen in the pictures: 15 to 60 % of the frame, no side under half of the other; a new seed moves it."""
    inner = draw(np.arange(300), 0)[:, 0, 2:30, 2:30] > 0
    filled = inner.mean(axis=(1, 2))
    sides = np.sort([inner.any(axis=1).sum(axis=1), inner.any(axis=2).sum(axis=1)], axis=0)
    assert filled.min() > 0.13
    assert filled.max() < 0.63
    assert (sides[0] / sides[1]).min() > 0.4


def test_32_classes_can_be_told_apart() -> None:
    """By the nearest of 20 images a class, on plain pixels; guessing is right once in 32 times."""
    instances, classes = np.divmod(np.arange(640), 32)
    train = draw(classes, instances, difficulty=Difficulty())[:, 0].reshape(640, -1).astype(np.float32)
    seen = draw(classes, instances, difficulty=Difficulty(), domain=Domain.PRETRAIN_VALIDATION)
    unseen = seen[:, 0].reshape(640, -1).astype(np.float32)
    distances = (train**2).sum(1) - 2 * unseen @ train.T
    assert (classes[distances.argmin(1)] == classes).mean() > 0.97


def test_jitter_spreads_a_class() -> None:
    def spread(percent: int) -> float:
        difficulty = PLAIN.model_copy(update={"jitter_percent": percent})
        images = draw(np.arange(8)[:, None], np.arange(30), difficulty=difficulty)
        return float(images.reshape(8, 30, -1).std(axis=1).mean())

    assert spread(0) < 0.7 * spread(15) < 0.7 * spread(40)


@pytest.mark.parametrize("shift", [1, 9])
def test_shift_moves_the_picture_by_every_offset(shift: int) -> None:
    still = draw(5, np.arange(100))[:, 0]
    moved = draw(5, np.arange(100), difficulty=PLAIN.model_copy(update={"shift_pixels": shift}))[:, 0]
    offsets = set()
    for before, after in zip(still, moved, strict=True):
        padded = np.pad(before, shift)
        places = [
            (top, left)
            for top in range(2 * shift + 1)
            for left in range(2 * shift + 1)
            if np.array_equal(after, padded[top : top + 32, left : left + 32])
        ]
        assert places
        offsets.update(places)
    assert len(offsets) == 9 if shift == 1 else len(offsets) > 40


def test_polarity_inverts_half_of_the_instances() -> None:
    plain = draw(2, np.arange(200))
    both = draw(2, np.arange(200), difficulty=PLAIN.model_copy(update={"polarity": "both"}))
    inverted = (both == 255 - plain).all(axis=(1, 2, 3))
    assert ((both == plain).all(axis=(1, 2, 3)) ^ inverted).all()
    assert 70 < inverted.sum() < 130


def test_without_colour_the_channels_agree() -> None:
    images = draw(np.arange(10), 0)
    assert (images == images[:, :1]).all()


def test_colour_is_the_instances_own_and_stays_bright_on_dark() -> None:
    images = draw(2, np.arange(50), difficulty=PLAIN.model_copy(update={"colour": "instance"}))
    ground, ink = images.min(axis=(2, 3)), images.max(axis=(2, 3))
    assert (ground < 96).all()
    assert (ground < ink).all()
    assert len(np.unique(ground, axis=0)) == len(ground)


def test_rotation_turns_the_picture_by_any_angle() -> None:
    """The long axis of a thin class, which stands still without it, points everywhere."""

    def angles(difficulty: Difficulty) -> NDArray[np.float64]:
        weights = draw(8, np.arange(100), difficulty=difficulty)[:, 0].astype(float)
        y, x = np.mgrid[:32, :32]
        totals = weights.sum(axis=(1, 2), keepdims=True)
        dx = x - (weights * x).sum(axis=(1, 2), keepdims=True) / totals
        dy = y - (weights * y).sum(axis=(1, 2), keepdims=True) / totals
        moments = [(weights * product).sum(axis=(1, 2)) for product in (dx * dx, dy * dy, dx * dy)]
        return np.degrees(np.arctan2(2 * moments[2], moments[0] - moments[1]) / 2)

    assert np.ptp(angles(PLAIN)) < 10
    turned = angles(PLAIN.model_copy(update={"rotation": "any"}))
    assert (np.histogram(turned, bins=6, range=(-90, 90))[0] > 5).all()


@pytest.mark.parametrize("size", [0, 7, 512])
def test_a_size_that_cannot_be_drawn_is_refused(size: int) -> None:
    with pytest.raises(InputError, match=rf"image_size: given {size}; .* 8 to 511"):
        draw(0, 0, image_size=size)


@pytest.mark.parametrize("size", [8, 511])
def test_the_largest_and_smallest_size_hold_the_whole_picture(size: int) -> None:
    images = draw(np.arange(4), 0, image_size=size, difficulty=HARD)
    assert (images.reshape(4, -1).std(axis=1) > 5).all()


def sha256(images: NDArray[np.uint8]) -> str:
    return hashlib.sha256(images.tobytes()).hexdigest()
