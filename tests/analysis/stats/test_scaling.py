"""Laws are found again, equal SciPy's least squares, move as their derivatives say, and refuse what is no curve."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from bench.analysis.stats.scaling import (
    InterpolatedCurve,
    Law,
    LawCurve,
    fit_curve,
    fit_law,
    interpolate,
    mean_accuracy,
    parameters,
    weighted,
)
from bench.analysis.stats.statistics_errors import (
    AnalysisError,
    NoLawError,
    NotFiniteError,
    ShapeError,
    SingleSeedError,
    TooFewRungsError,
)

SIZES = (256, 1024, 4096, 16384, 65536)
WOBBLE = np.array([0.01, -0.012, 0.004, 0.009, -0.006])


def _accuracy(law: Law, sizes: tuple[int, ...] = SIZES) -> np.ndarray:
    return np.array([1 - law.error(size) for size in sizes])


@settings(deadline=None)
@given(floor=st.floats(0.02, 0.3), drop=st.floats(0.05, 0.6), exponent=st.floats(0.1, 1.0))
def test_a_law_without_noise_is_found_again(floor: float, drop: float, exponent: float) -> None:
    """Its parameters, and its value beyond the rungs."""
    law = Law(floor, drop, exponent, SIZES[0])
    found = fit_law(SIZES, _accuracy(law))
    assert (found.law.floor, found.law.drop) == (pytest.approx(floor, abs=1e-4), pytest.approx(drop, abs=1e-4))
    assert found.law.exponent == pytest.approx(exponent, rel=1e-3)
    assert found.accuracy(10 * SIZES[-1]) == pytest.approx(1 - law.error(10 * SIZES[-1]), abs=1e-5)
    assert found.misfit < 1e-6


@pytest.mark.parametrize(("floor", "drop", "exponent"), [(0.1, 0.4, 0.3), (0.02, 0.5, 0.2), (0.2, 0.3, 0.8)])
def test_a_law_with_noise_is_scipys(floor: float, drop: float, exponent: float) -> None:
    """The same parameters as `curve_fit` within its bounds, with no starting value."""
    accuracy = _accuracy(Law(floor, drop, exponent, SIZES[0])) + WOBBLE
    found = fit_law(SIZES, accuracy)
    scipys, _ = optimize.curve_fit(
        lambda x, a, b, c: a + b * x**-c,
        np.divide(SIZES, SIZES[0]),
        1 - accuracy,
        p0=(floor, drop, exponent),
        bounds=(0, [1, 2, 4]),
        ftol=1e-14,
        xtol=1e-14,
        gtol=1e-14,
    )
    assert (found.law.floor, found.law.drop, found.law.exponent) == pytest.approx(tuple(scipys), rel=1e-4, abs=1e-7)
    residuals = np.array([found.accuracy(size) for size in SIZES]) - accuracy
    assert found.misfit == pytest.approx(np.abs(residuals).max())


def _of_seeds(accuracy: np.ndarray, num_seeds: int, spread: float = 0.006) -> list[np.ndarray]:
    """(seeds, 1, rungs): each seed has an effect on all rungs and one on each run."""
    rng = np.random.default_rng(num_seeds)
    noise = rng.normal(0, 3 * spread, (num_seeds, 1, 1)) + rng.normal(0, spread, (num_seeds, 1, len(accuracy)))
    return [accuracy + noise]


@pytest.mark.parametrize("num_seeds", [2, 3, 6])
def test_a_law_is_used_if_it_fits(num_seeds: int) -> None:
    curve, why = fit_curve(SIZES, _of_seeds(_accuracy(Law(0.1, 0.4, 0.3, SIZES[0])), num_seeds))
    assert isinstance(curve, LawCurve)
    assert why == ""


@pytest.mark.parametrize("num_seeds", [2, 3, 6])
@pytest.mark.parametrize(
    "accuracy",
    [
        [0.31, 0.38, 0.66, 0.82, 0.85],
        [0.3, 0.3, 0.3, 0.8, 0.8],
        [0.5, 0.7, 0.55, 0.75, 0.85],
        [0.3, 0.3, 0.4, 0.6, 0.95],
    ],
)
def test_a_law_that_does_not_fit_is_not_used(accuracy: list[float], num_seeds: int) -> None:
    """A sigmoid, a step, a double descent, and an error that falls ever faster have lines, and a reason."""
    parts = _of_seeds(np.array(accuracy), num_seeds)
    curve, why = fit_curve(SIZES, parts)
    assert isinstance(curve, InterpolatedCurve)
    assert curve.at_rungs == pytest.approx(mean_accuracy(parts))
    assert "points from its rungs (p " in why or "along a line in log n, or ever faster" in why


def test_one_seed_shows_no_fit() -> None:
    curve, why = fit_curve(SIZES, [_accuracy(Law(0.1, 0.4, 0.3, SIZES[0]))[None, None]])
    assert isinstance(curve, InterpolatedCurve)
    assert why == "one seed cannot show whether a law fits"


def test_an_exponent_that_the_seeds_leave_open_has_no_upper_end() -> None:
    """A curve that is nearly flat."""
    flat = _accuracy(Law(0.4, 1e-5, 0.5, SIZES[0]))
    parts = _of_seeds(flat, 2, 0.02)
    parts[0] += flat - mean_accuracy(parts)
    found = parameters(fit_law(SIZES, flat), parts)
    assert found.exponent.high == math.inf
    assert found.exponent.low >= 0


def test_a_floor_is_never_below_zero() -> None:
    """An error that falls ever faster has none, and is a pure power."""
    accuracy = np.array([0.5, 0.6, 0.72, 0.86, 0.99])
    law = fit_law(SIZES, accuracy).law
    assert law.floor == 0
    assert law.error(1e12) < 0.05


def test_weights_are_what_the_curve_moves_by() -> None:
    """A law's accuracy at any size moves with a rung's as refitting says, and lines weigh the rungs beside a size."""
    law = Law(0.1, 0.4, 0.3, SIZES[0])
    accuracy = _accuracy(law)
    found = fit_law(SIZES, accuracy)
    for size in (300, 4096, 262_144):
        moved = [
            (fit_law(SIZES, accuracy + step).accuracy(size) - fit_law(SIZES, accuracy - step).accuracy(size)) / 2e-4
            for step in 1e-4 * np.eye(len(SIZES))
        ]
        assert found.weights(size) == pytest.approx(np.array(moved), abs=0.01)
    line = interpolate((256, 1024, 4096), np.array([0.2, 0.4, 0.5]))
    assert line.weights(512) == pytest.approx([0.5, 0.5, 0])
    assert [line.accuracy(size) for size in (256, 512, 2048, 4096)] == pytest.approx([0.2, 0.3, 0.45, 0.5])


def test_an_estimate_between_rungs_is_students(rng: np.random.Generator) -> None:
    """Halfway in log n it is of each seed's mean of the two rungs, targets averaged."""
    targets = [rng.random((5, 1, 3)) for _ in range(2)]
    curve = interpolate((256, 1024, 4096), mean_accuracy(targets))
    found = weighted(targets, curve.weights(2048), curve.accuracy(2048))
    halfway = np.mean([target[:, 0, 1:].mean(axis=1) for target in targets], axis=0)
    assert (found.mean, found.standard_error) == (pytest.approx(halfway.mean()), pytest.approx(stats.sem(halfway)))
    theirs = stats.ttest_1samp(halfway, 0).confidence_interval()
    interval = found.interval()
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high))


def test_parameters_have_intervals_around_them(rng: np.random.Generator) -> None:
    """Of the floor within 0 to 1, and of the exponent above zero."""
    answers = _accuracy(Law(0.1, 0.4, 0.3, SIZES[0])) + rng.normal(0, 0.02, (5, 1, len(SIZES)))
    curve = fit_law(SIZES, mean_accuracy([answers]))
    found = parameters(curve, [answers])
    assert 0 <= found.floor.low < curve.law.floor < found.floor.high < 1
    assert found.floor.mean == pytest.approx(curve.law.floor)
    assert 0 < found.exponent.low < curve.law.exponent < found.exponent.high
    assert found.exponent.mean == pytest.approx(curve.law.exponent)
    assert found.floor.n == found.exponent.n == 5


def test_images_count_in_a_curves_interval(rng: np.random.Generator) -> None:
    """Seeds that answer almost alike still leave what other test images would have answered."""
    answers = np.repeat(rng.random((1, 400, 1)) < _accuracy(Law(0.1, 0.4, 0.3, SIZES[0])), 4, axis=0).astype(float)
    answers[1, 0], answers[2, 1] = 1 - answers[1, 0], 1 - answers[2, 1]
    curve = fit_law(SIZES, mean_accuracy([answers]))
    found, of_seeds = (
        weighted([part], curve.weights(4096), curve.accuracy(4096))
        for part in (answers, answers.mean(axis=1, keepdims=True))
    )
    assert found.mean == pytest.approx(of_seeds.mean)
    assert found.standard_error > 5 * of_seeds.standard_error
    assert found.standard_error == pytest.approx(math.sqrt(0.75 * 0.25 / 400), rel=0.5)


@pytest.mark.parametrize(
    ("sizes", "accuracy", "error", "said"),
    [
        (SIZES[:4], [0.1, 0.2, 0.3, 0.4], TooFewRungsError, "4 rungs; a power law needs 5"),
        (SIZES, [0.5] * 5, NoLawError, "does not fall from 256 to 65,536 images"),
        (SIZES, [0.5, 0.4, 0.3, 0.2, 0.1], NoLawError, "does not fall"),
        (SIZES, [0.2, 0.5, 0.5, 0.5, 0.5], NoLawError, "first step only"),
        (SIZES, [0.1, 0.2, math.nan, 0.4, 0.5], NotFiniteError, "finite"),
        (SIZES, [0.1, 0.2], ShapeError, "expected one per rung"),
        ((0, *SIZES[1:]), [0.1, 0.2, 0.3, 0.4, 0.5], ShapeError, "above zero"),
        ((256, 256, 512, 1024, 2048), [0.1, 0.2, 0.3, 0.4, 0.5], ShapeError, "larger"),
    ],
)
def test_what_is_no_law_is_named(
    sizes: tuple[int, ...], accuracy: list[float], error: type[AnalysisError], said: str
) -> None:
    """No NaN is passed on."""
    with pytest.raises(error, match=said):
        fit_law(sizes, np.array(accuracy))


def test_what_is_no_line_is_named() -> None:
    """One rung, a size outside the rungs, targets that are not alike, one seed."""
    with pytest.raises(TooFewRungsError):
        interpolate((256,), np.array([0.5]))
    line = interpolate((256, 1024), np.array([0.5, 0.6]))
    for size in (255, 1025):
        with pytest.raises(ShapeError, match="outside the rungs"):
            line.weights(size)
    with pytest.raises(ShapeError, match="with equal seeds and rungs"):
        mean_accuracy([np.zeros((3, 1, 2)), np.zeros((2, 1, 2))])
    with pytest.raises(ShapeError):
        mean_accuracy([])
    with pytest.raises(SingleSeedError):
        weighted([np.ones((1, 1, 2))], np.array([0.5, 0.5]), 1.0)
