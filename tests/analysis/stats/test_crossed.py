"""Crossed means equal the textbook's mean squares and SciPy's tests where one source of variation is left."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from bench.analysis.correctness import Correctness
from bench.analysis.stats.crossed import (
    CROSSED,
    SEEDS,
    accuracy,
    crossed_mean,
    mean_interval,
    paired_difference,
    paired_interval,
    seeds_mean,
)
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.statistics_errors import (
    AnalysisError,
    ConstantError,
    EmptySampleError,
    LevelError,
    NotFiniteError,
    SingleSeedError,
    UnpairedError,
)

accuracies = st.lists(st.integers(0, 1000).map(lambda correct: correct / 1000), min_size=2, max_size=12)
VALUES = np.array([[1.0, 0, 1, 1, 0], [1, 0, 0, 1, 1], [1, 1, 1, 1, 0]])


def test_variance_is_the_two_way_analysis() -> None:
    """Sums of squares by hand, in exact fractions.

    Row means 3/5, 3/5, 4/5; column means 1, 1/3, 2/3, 1, 1/3; grand mean 2/3.
    Seeds: 5 (2 (1/15)^2 + (2/15)^2) = 2/15 on 2 degrees, images: 3 (4/9) = 4/3 on 4, total 10/3, so the rest is
    28/15 on 8. Mean squares 1/15, 1/3, 7/30: variance (1/15 + 1/3 - 7/30) / 15 = 1/90.
    """
    found = crossed_mean([VALUES])
    assert found.mean == pytest.approx(2 / 3)
    assert found.standard_error == pytest.approx(math.sqrt(1 / 90))
    assert (found.seeds_variance, found.images_variance) == (pytest.approx(1 / 225), pytest.approx(1 / 150))
    assert (found.seeds_degrees, found.images_degrees) == (2, 4)
    assert (found.num_seeds, found.method) == (3, CROSSED)
    cochran = 0.4 * stats.t.ppf(0.975, 2) + 0.6 * stats.t.ppf(0.975, 4)
    satterthwaite = stats.t.ppf(0.975, 1 / (0.4**2 / 2 + 0.6**2 / 4))
    half_width = (cochran + satterthwaite) / 2 / math.sqrt(90)
    assert found.interval().low == pytest.approx(2 / 3 - half_width)


def test_mean_squares_are_statsmodels() -> None:
    """Its analysis of variance of two crossed factors."""
    generator = np.random.default_rng(0)
    values = generator.normal(size=(4, 1)) + generator.normal(size=(1, 30)) + generator.normal(size=(4, 30))
    table = pd.DataFrame({"seed": np.repeat(range(4), 30), "image": list(range(30)) * 4, "value": values.ravel()})
    squares = anova_lm(ols("value ~ C(seed) + C(image)", table).fit())["mean_sq"].to_numpy()
    found = crossed_mean([values])
    assert found.seeds_variance == pytest.approx(squares[0] / 120)
    assert found.images_variance == pytest.approx((squares[1] - squares[2]) / 120)


def test_images_that_all_behave_alike_leave_the_seeds_t_test() -> None:
    """SciPy's paired t test over seeds is the same interval."""
    of_seeds = np.array([0.1, -0.05, 0.2, 0.15])
    found = crossed_mean([np.tile(of_seeds[:, None], 50)])
    theirs = stats.ttest_1samp(of_seeds, 0).confidence_interval(0.9)
    ours = found.interval(0.9)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert ours.n == 4


@pytest.mark.parametrize("scale", [1.0, 0.3, 1 / 7])
def test_mean_squares_that_are_equal_but_for_rounding_leave_the_seeds_alone(scale: float) -> None:
    """One value that differs gives images and rest the same mean square, whose last bits depend on the processor."""
    for image in range(0, 2000, 99):
        part = np.full((6, 2000), scale)
        part[image % 6, image] = 0.0
        assert crossed_mean([part]).images_degrees == math.inf


def test_seeds_that_all_behave_alike_leave_the_images_t_test() -> None:
    """Weights from outside under a deterministic probe: SciPy's t test over images is the same interval."""
    of_images = np.array([1.0, 0, 1, 1, 0, 1, 0, 0])
    found = crossed_mean([np.tile(of_images, (3, 1))]).interval()
    theirs = stats.ttest_1samp(of_images, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


def test_seeds_alone_are_scipys() -> None:
    """If no per-image correctness is kept."""
    values = [0.81, 0.86, 0.80]
    found = seeds_mean(values)
    theirs = stats.ttest_1samp(values, 0).confidence_interval()
    assert (found.interval().low, found.interval().high) == pytest.approx((theirs.low, theirs.high))
    assert (found.method, found.images_variance) == (SEEDS, 0.0)


def test_targets_weigh_the_same_and_share_their_seeds() -> None:
    """A seed that is good on both targets is not counted as two: its effect does not shrink with the targets."""
    generator = np.random.default_rng(0)
    shared = np.array([-0.1, 0.0, 0.1])[:, None]
    first, second = (shared + generator.normal(size=(1, images)) * 0.01 for images in (400, 100))
    one, both = crossed_mean([first]), crossed_mean([first, second])
    assert both.mean == pytest.approx((first.mean() + second.mean()) / 2)
    assert both.seeds_variance == pytest.approx(one.seeds_variance) == pytest.approx(0.01 / 3)


def test_seeds_that_agree_by_chance_still_have_an_interval() -> None:
    """Three seeds of equal accuracy on different images: the rest speaks, and the interval is not zero wide."""
    found = crossed_mean([np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])])
    assert found.standard_error == pytest.approx(math.sqrt(1 / 2 / 9))
    assert found.seeds_degrees == 2


def test_a_wider_interval_of_fewer_degrees() -> None:
    """As verdicts of few seeds use; a level is checked."""
    found = crossed_mean([VALUES])
    assert found.interval(most_degrees=0.5).high == pytest.approx(2 / 3 + stats.t.ppf(0.975, 0.5) / math.sqrt(90))
    with pytest.raises(LevelError):
        found.interval(95)


def test_an_accuracys_interval_is_one_of_log_odds() -> None:
    """It ends before 1, where the plain one does not, and is longer towards the middle."""
    correct = np.ones((3, 20))
    correct[0, :3] = correct[1, 2] = correct[2, 5] = 0
    found, plain = accuracy(Correctness((3, 5, 9), correct, "h")).interval(), crossed_mean([correct]).interval()
    assert plain.high > 1
    slope = 1 / (found.mean * (1 - found.mean))
    for side, end in ((-1, found.low), (1, found.high)):
        half_width = crossed_mean([correct]).quantile(0.975) * crossed_mean([correct]).standard_error
        assert special.logit(end) - special.logit(found.mean) == pytest.approx(slope * side * half_width)
    assert 0 < found.low < 2 * found.mean - found.high


@pytest.mark.parametrize("level", [0.95, 0.9958])
def test_the_side_on_which_a_count_grows_is_as_long_as_the_exact_one(level: float) -> None:
    """Some images of 10,000 that one model alone has right: a Poisson count; the other side stays as it is."""
    for count in (1, 4, 10, 30, 100, 1000):
        values = np.zeros((10, 10_000))
        values[:, :count] = 1
        estimate = crossed_mean([values])
        found, mirrored = estimate.interval(level), crossed_mean([-values]).interval(level)
        exact = stats.chi2.ppf((1 + level) / 2, 2 * (count + 1)) / 2 / 10_000
        assert 0.95 * exact < found.high < 1.25 * exact
        plain = estimate.quantile((1 + level) / 2) * estimate.standard_error
        assert found.low == pytest.approx(found.mean - plain)
        assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


@pytest.mark.parametrize("num_images", [200, 10_000, 50_000])
@pytest.mark.parametrize("level", [0.95, 0.9958, 0.999])
def test_no_case_in_many_images_has_about_the_exact_interval(num_images: int, level: float) -> None:
    """Models that answer alike, and seeds that have every image right; one case more moves the interval a little."""
    alike = np.zeros((5, num_images))
    exact = stats.binomtest(0, num_images).proportion_ci(level, "exact").high
    none = crossed_mean([alike]).interval(level)
    assert none.mean == 0
    assert 0.9 * exact < none.high == -none.low < 1.25 * exact
    alike[0, 0] = 1
    one = crossed_mean([alike]).interval(level)
    assert 0 < one.high - none.high < 0.3 * none.high
    assert one.low < 0.9 * none.low
    right = Correctness((0, 1, 2, 3, 4), np.ones_like(alike), "h")
    assert accuracy(right).interval(level) == Interval(1.0, 1.0 - none.high, 1.0, 5)
    with pytest.raises(ConstantError):
        crossed_mean([np.ones_like(alike)], of_answers=False)


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ([], EmptySampleError),
        ([np.zeros((3, 0))], EmptySampleError),
        ([VALUES, VALUES[:2]], UnpairedError),
        ([np.where(VALUES > 0, np.nan, 0)], NotFiniteError),
        ([VALUES[:1]], SingleSeedError),
        ([np.ones((3, 1))], ConstantError),
    ],
)
def test_wrong_input_is_named(parts: list[np.ndarray], error: type[AnalysisError]) -> None:
    """No NaN is passed on."""
    with pytest.raises(error):
        crossed_mean(parts)


def test_wrong_seeds_are_named() -> None:
    """Of the mean over seeds alone."""
    for values, error in (([0.5], SingleSeedError), ([0.5, 0.5], ConstantError), ([], EmptySampleError)):
        with pytest.raises(error):
            seeds_mean(values)


def test_paired_differences_are_those_of_the_matrices(rng: np.random.Generator) -> None:
    """Each seed and image with itself; backwards it is the same with the other sign."""
    row, reference = (Correctness((0, 1, 2), (rng.random((3, 6)) < 0.6).astype(float), "h") for _ in range(2))
    difference = paired_difference(row, reference)
    assert difference == crossed_mean([row.correct - reference.correct])
    assert difference.interval().low == pytest.approx(-paired_difference(reference, row).interval().high)


@given(values=accuracies.filter(lambda values: np.ptp(values) > 0), level=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_mean_interval_is_scipys(values: list[float], level: float) -> None:
    """SciPy's confidence interval of a one-sample t test."""
    theirs = stats.ttest_1samp(values, 0).confidence_interval(level)
    ours = mean_interval(values, level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert (ours.mean, ours.n) == (pytest.approx(np.mean(values)), len(values))


def test_paired_interval_is_scipys_and_pairs_by_seed() -> None:
    """The order of seeds does not matter; a seed on one side only is never dropped in silence."""
    ours = paired_interval({0: 0.81, 1: 0.86, 2: 0.80}, {2: 0.75, 0: 0.78, 1: 0.79})
    theirs = stats.ttest_rel([0.81, 0.86, 0.80], [0.78, 0.79, 0.75]).confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert (ours.mean, ours.n) == (pytest.approx(0.05), 3)
    with pytest.raises(UnpairedError, match=r"seeds \[2\]"):
        paired_interval({0: 0.5, 1: 0.6, 2: 0.7}, {0: 0.4, 1: 0.5})


@pytest.mark.parametrize("values", [[0.7], [0.1 + 0.2, 0.3, 0.3]])
def test_no_spread_no_interval(values: list[float]) -> None:
    """One seed, or seeds that agree up to rounding: the mean stands, the interval is absent and not zero wide."""
    interval = mean_interval(values)
    assert interval.mean == pytest.approx(values[-1])
    assert not interval.is_known


@pytest.mark.parametrize(
    ("values", "level", "error"),
    [
        ([], 0.95, EmptySampleError),
        ([0.5, math.nan], 0.95, NotFiniteError),
        ([0.5, math.inf], 0.95, NotFiniteError),
        ([0.5, 0.6], 95, LevelError),
        ([0.5], 0.0, LevelError),
    ],
)
def test_wrong_values_of_seeds_are_named(values: list[float], level: float, error: type[AnalysisError]) -> None:
    with pytest.raises(error):
        mean_interval(values, level)
