"""Named rungs: proportions that hold at any scale, and what lies inside what."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.data.named_sizes import RUNG_NAMES, named_rungs
from bench.data.subset import formula_subset
from bench.errors import InputError


@given(st.integers(30_000, 10**9), st.integers(2, 1000))
def test_images_and_classes_keep_their_proportions_to_the_nearest_whole(largest: int, num_classes: int) -> None:
    rungs = named_rungs(largest, num_classes)
    assert (rungs["big"].images, rungs["medium"].classes) == (largest, num_classes)
    for name, images, classes in (("small", 1.3, 1), ("medium", 14, 21), ("big", 300, 18)):
        rung = rungs[name]
        assert rung.classes == 2 or abs(rung.classes - num_classes * classes / 21) <= 0.5
        assert rung.images == rung.classes or abs(rung.images - largest * images / 300) <= 0.5


@given(st.integers(1, 5000), st.integers(2, 100))
def test_however_small_a_rung_has_two_classes_and_an_image_of_each(largest: int, num_classes: int) -> None:
    try:
        rungs = named_rungs(largest, num_classes)
    except InputError:
        assume(False)
    assert rungs["small"].images < rungs["medium"].images < rungs["big"].images
    assert all(2 <= rung.classes <= rung.images for rung in rungs.values())


def test_too_few_images_for_three_sizes_are_refused() -> None:
    with pytest.raises(InputError, match=r"100 classes and 99 images.* small 5, medium 100, big 99"):
        named_rungs(99, 100)


@pytest.mark.parametrize(("largest", "num_classes"), [(65_536, 64), (30_000, 42), (100_000, 210)])
def test_small_lies_inside_big_and_medium_does_not(largest: int, num_classes: int) -> None:
    rungs = named_rungs(largest, num_classes)
    small, medium, big = (formula_subset(rungs[name].images, rungs[name].classes or 0)[0] for name in RUNG_NAMES)
    assert np.isin(small, big).all()
    assert not np.isin(medium, big).all()
    assert not np.isin(small, medium).all()
