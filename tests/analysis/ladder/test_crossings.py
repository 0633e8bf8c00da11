"""Crossings are where the curves cross, their intervals are what the paired t-test accepts, and none is invented."""

import math

import numpy as np
import pytest
from scipy import stats

from bench.analysis.ladder.crossings import Crossing, Outcome, crossing, extrapolated, fitted_curves
from bench.analysis.stats.scaling import InterpolatedCurve, Law, LawCurve
from bench.analysis.stats.statistics_errors import (
    AnalysisError,
    ConstantError,
    ShapeError,
    SingleSeedError,
    TooFewRungsError,
)

THREE = (256, 1024, 4096)
FIVE = (256, 1024, 4096, 16384, 65536)
SPREAD = np.array([-0.01, 0.002, 0.011, -0.003])
"""Of four seeds."""


def _around(means: list[float], spread: float = 1.0) -> list[np.ndarray]:
    """(seeds, 1, rungs) about these means."""
    return [np.array(means) + spread * SPREAD[:, None, None]]


def _flat(rungs: int, level: float = 0.5) -> list[np.ndarray]:
    """A model whose seeds agree, so that the other's spread is that of the difference."""
    return [np.full((len(SPREAD), 1, rungs), level)]


def _found(first: list[float], second: float = 0.5, **options: float) -> Crossing:
    sizes = FIVE[: len(first)]
    return crossing(*fitted_curves(sizes, _around(first), _flat(len(first), second)), **options)


@pytest.mark.parametrize(
    ("first", "outcome", "sizes"),
    [
        ([0.45, 0.48, 0.52], "passes", (2048,)),
        ([0.55, 0.52, 0.48], "is passed", (2048,)),
        ([0.45, 0.55, 0.45], "several", (512, 2048)),
        ([0.55, 0.56, 0.57], "ahead", ()),
        ([0.41, 0.42, 0.43], "behind", ()),
        ([0.40, 0.50, 0.60], "passes", (1024,)),
        ([0.40, 0.45, 0.50], "behind", ()),
        ([0.45, 0.50, 0.45], "behind", ()),
    ],
)
def test_crossings_are_where_the_lines_cross(first: list[float], outcome: Outcome, sizes: tuple[float, ...]) -> None:
    """Halfway in log n where the difference is halfway; a line that only touches the other does not cross it."""
    found = _found(first)
    assert (found.outcome, found.by_law, found.num_seeds) == (outcome, False, 4)
    assert found.sizes == pytest.approx(sizes)
    assert found.size == (found.sizes[0] if len(sizes) == 1 else None)
    assert not found.is_extrapolated


def test_two_crossings_are_two() -> None:
    """Each with its interval; if the models do not clearly differ between them, the curves have not crossed."""
    up, down = _found([0.45, 0.55, 0.45]).passages
    assert (up.is_upward, down.is_upward) == (True, False)
    assert up.low is not None
    assert up.high is not None
    assert up.low < 512 < up.high <= 1024 * (1 + 1e-4)
    assert down.low is not None
    assert down.low >= up.high * (1 - 1e-4)
    merged = _found([0.45, 0.501, 0.45])
    assert (merged.outcome, merged.passages) == ("behind", ())


def test_a_step_between_two_rungs_stays_within_the_interval() -> None:
    """Wherever it is, since the lines beside it are flat."""
    found = _found([0.45, 0.45, 0.55, 0.55])
    assert (found.low, found.high) == (pytest.approx(1024), pytest.approx(4096))


def test_two_rungs_show_no_shape() -> None:
    found = _found([0.45, 0.56])
    assert (found.outcome, found.size) == ("passes", pytest.approx(256 * 4 ** (5 / 11)))
    assert (found.low, found.high) == (pytest.approx(256), pytest.approx(1024))


def test_laws_that_contradict_a_rung_are_not_used() -> None:
    """They fit within the spread of the other rungs, but one rung is known so well that it has the other sign."""
    law = np.array([1 - Law(0.1, 0.4, 0.3, 256).error(size) for size in FIVE])
    noise = np.array([[4, 3, 0.01, -4, 3], [-4, 4, -0.01, 3, -4], [3, -4, 0.01, 4, -3], [-3, -3, -0.01, -3, 4]]) / 100
    first = [(law + np.array([0, 0, 0.01, 0, 0]) + noise - noise.mean(axis=0))[:, None]]
    pair = fitted_curves(FIVE, first, [np.tile(law + 0.005, (4, 1, 1))])
    assert isinstance(pair[0].curve, LawCurve)
    found = crossing(*pair)
    assert not found.by_law
    up, down = found.passages
    assert (up.high, down.low) == (pytest.approx(4096, rel=1e-3), pytest.approx(4096, rel=1e-3))
    assert (up.verb, down.verb) == ("may pass", "may be passed")
    assert extrapolated(*pair) is None


def test_an_interval_is_what_the_paired_t_test_accepts() -> None:
    """At its ends SciPy's interval of the interpolated differences lies as far from zero as the lines may bend."""
    seeds = np.random.default_rng(2).normal(0, 0.02, (2, 6, 1, 3))
    first, second = seeds + np.array([[0.40, 0.50, 0.62], [0.5, 0.52, 0.54]])[:, None, None]
    found = crossing(*fitted_curves(THREE, [first], [second]), 0.9)
    assert found.low is not None
    assert found.high is not None
    assert found.size is not None
    assert THREE[0] < found.low < found.size < found.high < THREE[-1]

    change = np.diff((first - second).mean(axis=(0, 1)), 2)
    for end in (found.low, found.high):
        differences = [np.interp(math.log(end), np.log(THREE), seed) for seed in (first - second)[:, 0]]
        interval = stats.ttest_1samp(differences, 0).confidence_interval(0.9)
        assert max(interval.low, -interval.high) == pytest.approx(abs(float(change[0])) / 2, abs=1e-5)


def test_what_the_data_do_not_bound_is_open() -> None:
    """Where the smallest or the largest rung can't be told from equal either."""
    below, above = _found([0.495, 0.52, 0.55]), _found([0.45, 0.48, 0.505])
    assert (below.outcome, below.low) == ("passes", None)
    assert below.high is not None
    assert (above.outcome, above.high) == ("passes", None)
    assert above.low is not None


def test_a_crossing_beyond_the_range_has_a_bound() -> None:
    """Behind everywhere: at the earliest where it can't be told from equal up to the end, else beyond the last rung."""
    near, far = _found([0.40, 0.45, 0.495]), _found([0.40, 0.42, 0.44])
    assert (near.outcome, far.outcome) == ("behind", "behind")
    assert near.low is not None
    assert 1024 < near.low < 4096
    assert far.low == 4096
    ahead, long_ahead = _found([0.505, 0.55, 0.60]), _found([0.56, 0.58, 0.60])
    assert (ahead.outcome, long_ahead.outcome) == ("ahead", "ahead")
    assert ahead.high is not None
    assert 256 < ahead.high < 1024
    assert long_ahead.high == 256
    level = _found([0.499, 0.499, 0.499])
    assert (level.outcome, level.low, level.high) == ("no difference", None, None)


def test_from_five_rungs_on_laws_cross() -> None:
    """Between the rungs, at the size where the planted laws are equal; below five, lines do."""
    vit, cnn = Law(0.05, 0.5, 0.3, 256), Law(0.2, 0.2, 0.3, 256)
    first, second = ([1 - law.error(size) for size in FIVE] for law in (vit, cnn))
    one, other = fitted_curves(FIVE, _around(first), _around(second, 0.1))
    assert isinstance(one.curve, LawCurve)
    found = crossing(one, other)
    assert (found.outcome, found.by_law) == ("passes", True)
    assert found.size == pytest.approx(256 * 2 ** (1 / 0.3), rel=1e-3)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 256 * 2 ** (1 / 0.3) < found.high
    four = fitted_curves(FIVE[:4], _around(first[:4]), _around(second[:4], 0.1))
    assert isinstance(four[0].curve, InterpolatedCurve)
    assert not crossing(*four).by_law


def test_a_curve_without_a_law_is_interpolated_on_both_sides() -> None:
    """An error that does not fall has none."""
    one, other = fitted_curves(FIVE, _around([0.3, 0.4, 0.5, 0.55, 0.6]), _flat(5))
    assert isinstance(one.curve, InterpolatedCurve)
    assert isinstance(other.curve, InterpolatedCurve)
    assert crossing(one, other).size == pytest.approx(4096)


def test_an_extrapolation_is_marked() -> None:
    """Laws that cross within ten times the largest rung; farther ones, and lines, have none."""
    vit, cnn = Law(0.05, 0.5, 0.2, 256), Law(0.2, 0.1, 0.6, 256)
    first, second = ([1 - law.error(size) for size in FIVE] for law in (vit, cnn))
    pair = fitted_curves(FIVE, _around(first, 0.3), _around(second, 0.1))
    within, beyond = crossing(*pair), extrapolated(*pair)
    assert within.outcome == "behind"
    assert beyond is not None
    assert beyond.size is not None
    assert beyond.size > FIVE[-1]
    assert beyond.is_extrapolated
    assert vit.error(beyond.size) == pytest.approx(cnn.error(beyond.size), abs=1e-3)
    assert extrapolated(*pair, reach=1.05) is None
    never = fitted_curves(FIVE, _around([value - 0.2 for value in first]), _around(second, 0.1))
    assert extrapolated(*never) is None
    lines = fitted_curves(THREE, _around(first[:3]), _around(second[:3], 0.1))
    assert extrapolated(*lines) is None
    with pytest.raises(ShapeError, match="ends at its last rung"):
        crossing(*lines, reach=2)


def test_a_crossing_that_was_measured_is_not_extrapolated() -> None:
    """The laws' next one, if there were any, would be another."""
    pair = fitted_curves(FIVE, _around([0.3, 0.45, 0.55, 0.61, 0.64]), _around([0.5, 0.52, 0.53, 0.535, 0.537], 0.1))
    assert crossing(*pair).outcome == "passes"
    assert extrapolated(*pair) is None


def test_swapping_the_models_turns_the_outcome() -> None:
    """At the same size and with the same interval."""
    first, second = _around([0.44, 0.49, 0.53]), _flat(3)
    there, back = crossing(*fitted_curves(THREE, first, second)), crossing(*fitted_curves(THREE, second, first))
    assert (there.outcome, back.outcome) == ("passes", "is passed")
    assert (there.sizes, there.low, there.high) == (
        (pytest.approx(back.sizes), pytest.approx(back.low), pytest.approx(back.high))
    )


def test_targets_are_averaged_within_a_seed() -> None:
    """Two targets with opposite differences have none between them."""
    first = [*_around([0.4, 0.5, 0.7]), *_around([0.6, 0.5, 0.5])]
    found = crossing(*fitted_curves(THREE, first, [*_flat(3), *_flat(3)]))
    assert found.outcome == "ahead"
    one, other = fitted_curves(THREE, first, [*_flat(3), *_flat(3)])
    assert one.curve.accuracy(4096) - other.curve.accuracy(4096) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("first", "second", "sizes", "error"),
    [
        (_flat(1, 0.4), _flat(1), (256,), TooFewRungsError),
        ([np.full((1, 1, 3), 0.4)], [np.full((1, 1, 3), 0.5)], THREE, SingleSeedError),
        (_flat(3, 0.4), _flat(3), THREE, ConstantError),
        ([np.ones((3, 2, 3))], [np.ones((3, 4, 3))], THREE, ShapeError),
        ([np.ones((3, 2, 3))], [np.ones((2, 2, 3))], THREE, ShapeError),
        (_flat(2), _flat(2), THREE, ShapeError),
    ],
)
def test_wrong_input_is_named(
    first: list[np.ndarray], second: list[np.ndarray], sizes: tuple[int, ...], error: type[AnalysisError]
) -> None:
    """One rung, one seed, seeds that never differ, other images, other seeds, other rungs."""
    with pytest.raises(error):
        crossing(*fitted_curves(sizes, first, second))


def test_curves_on_other_rungs_are_named() -> None:
    """One ends where the other begins."""
    one, other = (fitted_curves(sizes, _around([0.4, 0.5]), _flat(2))[0] for sizes in ((256, 512), (512, 1024)))
    with pytest.raises(ShapeError, match="both need the same rungs"):
        crossing(one, other)
