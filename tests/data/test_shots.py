"""Few-shot draws: equal for every class, nested, different per seed and draw, and without validation and test."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.dataset import Splits
from bench.data.target import load_shots, load_target, parse_target
from bench.errors import InputError

NOWHERE = Path("nowhere")


def load(text: str, shots: int, *, seed: int = 0, draw: int = 0) -> Splits:
    return load_shots(parse_target(text), seed=seed, shots=shots, draw=draw, image_size=8, data_dir=NOWHERE)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 1000), st.integers(0, 20))
def test_draws_hold_every_class_equally_and_nest_in_shots(one: int, other: int, seed: int, draw: int) -> None:
    fewer, more = (load("digits", shots, seed=seed, draw=draw) for shots in sorted((one, other)))
    assert np.bincount(fewer.train.labels).tolist() == [min(one, other)] * 10
    assert fewer.train.ids.tolist() == more.train.ids[: len(fewer.train)].tolist()
    assert len(set(more.train.ids)) == len(more.train)
    assert not set(more.train.ids) & {*more.validation.ids, *more.test.ids}


def test_seeds_and_draws_are_drawn_apart() -> None:
    """Even where their sum is the same; and a draw is no head of a target cut to a number by the same seed."""
    drawn = [frozenset(load("digits", 10, seed=s, draw=d).train.ids) for s in range(3) for d in range(3)]
    cut = [
        frozenset(load_target(parse_target("digits@100"), seed=s, image_size=8, data_dir=NOWHERE).train.ids)
        for s in range(3)
    ]
    assert len({*drawn, *cut}) == 12
    assert max(len(one & other) for one in drawn for other in drawn if one != other) < 40


def test_a_number_behind_the_name_plays_no_part_and_the_splits_stay() -> None:
    splits, again, other = load("digits@20", 5), load("digits", 5), load("digits", 5, draw=1)
    assert splits.split_hash == again.split_hash != other.split_hash
    whole = load_target(parse_target("digits"), seed=0, image_size=8, data_dir=NOWHERE)
    assert splits.test.ids.tolist() == whole.test.ids.tolist()
    assert splits.validation.ids.tolist() == whole.validation.ids.tolist()


def test_draws_never_move() -> None:
    """A change here is a new version of the protocol."""
    assert load("digits", 5).split_hash == "b3d8137cac640ce2fb129a9e0e2a20afc53003ac64ad4710c72b9d7fabdedaaf"


def test_a_class_with_too_few_images_is_named() -> None:
    with pytest.raises(InputError, match=r'"digits" has 76 images of class "8" to draw from .* 77 shots .*; 76 is the'):
        load("digits@20", 77)
    assert len(load("digits", 76).train) == 760
