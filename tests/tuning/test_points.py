"""The points of the trials: drawn once, in a space, from a seed, and taken from then on as they are kept."""

import math
import sys

import pytest

from bench.config.search_space import Tuning
from bench.errors import InputError
from bench.store.store import open_trials
from bench.tuning import points
from bench.tuning.points import draw_points, kept_points

SPACE = {
    "weight_decay": (0.0, 0.05, 0.1),
    "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "warmup": {"low": 0.0, "high": 0.5},
    "clip_norm": (1.0, None),
    "flip": (True, False),
}


def tuning(**changes) -> Tuning:
    return Tuning.model_validate({"trials": 200, "space": SPACE} | changes)


@pytest.fixture
def store(tmp_path):
    return open_trials(tmp_path / "tuning")


def test_points_lie_in_the_space_as_likely_as_it_says(store):
    drawn = draw_points(tuning(), store)
    assert len(drawn) == 200
    rates = [point["learning_rate"] for point in drawn]
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
    assert 70 < sum(rate < 1e-3 for rate in rates) < 130, "each ratio is as likely as another"
    assert 70 < sum(point["warmup"] < 0.25 for point in drawn) < 130, "each number is"
    assert all(float(f"{rate:.3g}") == rate for rate in rates), "three digits can be read, and written"
    for name in ("weight_decay", "clip_norm", "flip"):
        counts = [sum(point[name] is value or point[name] == value for point in drawn) for value in SPACE[name]]
        assert sum(counts) == 200
        assert min(counts) > 0.6 * 200 / len(counts)


def test_a_seed_gives_the_same_points_and_more_trials_begin_with_those_of_fewer(store, tmp_path):
    drawn = draw_points(tuning(), store)
    elsewhere = open_trials(tmp_path / "elsewhere")
    assert draw_points(tuning(), elsewhere) == drawn
    assert draw_points(tuning(trials=50), store) == drawn[:50]
    assert draw_points(tuning(space=dict(reversed(SPACE.items()))), elsewhere) == drawn, "fields may stand in any order"
    other = draw_points(tuning(seed=7), store)
    assert not set(map(str, other)) & set(map(str, drawn))


def test_what_is_kept_is_drawn_never_again_and_needs_no_optuna(store, monkeypatch):
    assert kept_points(tuning(), store) is None
    drawn = draw_points(tuning(), store)
    (path,) = (store.root / "points").iterdir()
    before = path.read_bytes()
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert draw_points(tuning(required=True, halvings=(0.5,)), store) == drawn
    assert path.read_bytes() == before
    assert kept_points(tuning(trials=3), store) is None


def test_without_optuna_it_is_said_how_to_get_it(store, monkeypatch):
    monkeypatch.setattr(points, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"Optuna.*not installed.*pip install \"vit-cnn-hybrid-bench\[tune\]\""):
        draw_points(tuning(), store)
    assert not (store.root / "points").exists()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"points": [{"learning_rate": 0.1}]}', b'{"points": 3}'])
def test_a_damaged_file_is_named_and_not_drawn_anew(store, content):
    draw_points(tuning(), store)
    (path,) = (store.root / "points").iterdir()
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{path.name}: damaged"):
        draw_points(tuning(), store)
    assert path.read_bytes() == content


def test_a_range_s_ends_stay_in_it_however_numbers_are_rounded(store):
    narrow = tuning(trials=20, space={"learning_rate": {"low": 0.00100049, "high": 0.00100051}})
    rates = [point["learning_rate"] for point in draw_points(narrow, store)]
    assert all(0.00100049 <= rate <= 0.00100051 for rate in rates)
    assert all(math.isfinite(rate) for rate in rates)
