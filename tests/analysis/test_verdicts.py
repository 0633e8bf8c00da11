"""A verdict is where the whole interval lies, at the level of its family."""

import math

import pytest
from scipy import stats

from bench.analysis.crossed import SEEDS, Estimate
from bench.analysis.errors import FamilyError, LevelError, MarginError
from bench.analysis.verdicts import Sense, Word, judge, undecided


def _estimate(mean: float, half_width: float, seeds: int = 6, degrees: float = 5.0) -> Estimate:
    """With a 95 % interval of mean ± half_width."""
    error = half_width / stats.t.ppf(0.975, degrees)
    return Estimate(mean, seeds, error**2, degrees, 0.0, math.inf, SEEDS)


@pytest.mark.parametrize(
    ("mean", "sense", "margin", "word"),
    [
        (0.03, "above", 0.0, "supported"),
        (0.03, "above", 0.02, "undecided"),
        (0.03, "above", 0.045, "refuted"),
        (0.03, "below", 0.0, "refuted"),
        (-0.03, "below", 0.0, "supported"),
        (-0.03, "below", -0.02, "undecided"),
        (0.005, "about equal", 0.02, "supported"),
        (-0.005, "about equal", 0.02, "supported"),
        (0.015, "about equal", 0.02, "undecided"),
        (0.05, "about equal", 0.02, "refuted"),
        (-0.05, "about equal", 0.02, "refuted"),
    ],
)
def test_the_interval_decides(mean: float, sense: Sense, margin: float, word: Word) -> None:
    """The interval is the mean ± 0.014."""
    verdict = judge(_estimate(mean, 0.014), sense, margin)
    assert verdict.word == word
    assert verdict.is_decided == (word != "undecided") == (verdict.reason == "")
    assert verdict.interval.n == 6


def test_a_family_widens_the_interval() -> None:
    """Bonferroni's: of ten claims, each at 99.5 %."""
    alone, of_ten = judge(_estimate(0.03, 0.02), "above"), judge(_estimate(0.03, 0.02), "above", family=10)
    assert (alone.word, of_ten.word) == ("supported", "undecided")
    assert of_ten.level == pytest.approx(0.995)
    wider = stats.t.ppf(0.9975, 5) / stats.t.ppf(0.975, 5)
    assert of_ten.interval.high - 0.03 == pytest.approx(0.02 * wider)
    assert of_ten.reason == "the interval reaches zero"


def test_few_seeds_have_few_degrees_of_freedom() -> None:
    """Below five seeds no more than seeds less one, whatever the images add."""
    four, five = (_estimate(0.03, 0.02, seeds=seeds, degrees=100.0) for seeds in (4, 5))
    assert judge(five, "above").word == "supported"
    verdict = judge(four, "above")
    assert verdict.word == "undecided"
    assert verdict.interval.high - 0.03 == pytest.approx(0.02 * stats.t.ppf(0.975, 3) / stats.t.ppf(0.975, 100))


def test_reasons_name_the_limits() -> None:
    """What the interval reaches."""
    assert judge(_estimate(0.0, 0.05), "about equal", 0.01).reason == "the interval reaches -0.01 or +0.01"
    assert judge(_estimate(0.0, 0.05), "above", 0.01).reason == "the interval reaches +0.01"
    nothing = undecided("seed 3 diverged", 2)
    assert (nothing.word, nothing.reason, nothing.interval.n) == ("undecided", "seed 3 diverged", 2)
    assert math.isnan(nothing.interval.mean)


def test_wrong_input_is_named() -> None:
    """Margins, families, levels."""
    estimate = _estimate(0.0, 0.01)
    for sense, margin in (("above", math.nan), ("about equal", 0.0), ("about equal", -0.1)):
        with pytest.raises(MarginError):
            judge(estimate, sense, margin)  # type: ignore[arg-type]
    with pytest.raises(FamilyError):
        judge(estimate, "above", family=0)
    with pytest.raises(LevelError):
        judge(estimate, "above", level=1.0)
