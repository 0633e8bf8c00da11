"""The points of the trials: a function of the space, the seed and the trial's number."""

import math

from bench.config.search_space import Tuning
from bench.tuning.points import draw_points

SPACE = {
    "weight_decay": (0.0, 0.05, 0.1),
    "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "warmup": {"low": 0.0, "high": 0.5},
    "clip_norm": (1.0, None),
    "flip": (True, False),
}


def tuning(**changes) -> Tuning:
    return Tuning.model_validate({"trials": 200, "space": SPACE} | changes)


def test_points_lie_in_the_space_with_the_likelihood_that_it_gives():
    drawn = draw_points(tuning())
    assert len(drawn) == 200
    rates = [point["learning_rate"] for point in drawn]
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
    assert 70 < sum(rate < 1e-3 for rate in rates) < 130, "with log, each ratio is equally likely"
    assert 70 < sum(point["warmup"] < 0.25 for point in drawn) < 130, "without, each number is"
    assert all(float(f"{rate:.3g}") == rate for rate in rates), "people can read and type three digits"
    for name in ("weight_decay", "clip_norm", "flip"):
        counts = [sum(point[name] is value or point[name] == value for point in drawn) for value in SPACE[name]]
        assert sum(counts) == 200
        assert min(counts) > 0.6 * 200 / len(counts)


def test_settings_are_drawn_independently():
    drawn = draw_points(tuning(trials=400))
    high = [(point["learning_rate"] > 1e-3, point["warmup"] > 0.25) for point in drawn]
    assert all(60 < sum(pair == corner for pair in high) < 140 for corner in set(high))
    assert len(set(high)) == 4


def test_the_same_tuning_gives_the_same_points_and_more_trials_begin_with_those_of_fewer():
    drawn = draw_points(tuning())
    assert draw_points(tuning(required=True, halvings=(0.5,))) == drawn
    assert draw_points(tuning(trials=50)) == drawn[:50]
    assert draw_points(tuning(space=dict(reversed(SPACE.items())))) == drawn, "settings may stand in any order"
    assert not set(map(str, draw_points(tuning(seed=7)))) & set(map(str, drawn))


def test_points_are_those_that_were_drawn_when_trials_were_first_made():
    """The points are kept nowhere but in the trials' records, so no version may draw others."""
    assert draw_points(tuning(trials=2)) == (
        {"clip_norm": None, "flip": True, "learning_rate": 0.00168, "warmup": 0.0102, "weight_decay": 0.0},
        {"clip_norm": None, "flip": True, "learning_rate": 0.000417, "warmup": 0.341, "weight_decay": 0.1},
    )


def test_rounding_keeps_a_number_within_its_range():
    narrow = tuning(trials=20, space={"learning_rate": {"low": 0.00100049, "high": 0.00100051}})
    rates = [point["learning_rate"] for point in draw_points(narrow)]
    assert all(0.00100049 <= rate <= 0.00100051 for rate in rates)
    assert all(math.isfinite(rate) for rate in rates)
