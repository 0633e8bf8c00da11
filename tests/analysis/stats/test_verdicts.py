"""A verdict is where the whole interval lies, at the level of its family."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from bench.analysis.claims.quantities import judged, words
from bench.analysis.format import Unit
from bench.analysis.stats.crossed import SEEDS, Estimate, crossed_mean
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.power import Limits, Needed, seeds_needed
from bench.analysis.stats.statistics_errors import FamilyError, LevelError
from bench.analysis.stats.verdicts import Word, verdict_interval


@dataclass(frozen=True)
class Known:
    """A quantity of which there is an estimate."""

    estimate: Estimate
    limits: Limits
    name: str = "it"
    question: str = "it"
    unit: Unit = "points"
    equivalence: None = None

    def interval(self, level: float) -> Interval:
        return verdict_interval(self.estimate, level)

    def needed(self, level: float) -> Needed:
        return seeds_needed(self.estimate, self.limits, level)


def _estimate(mean: float, half_width: float, seeds: int = 6, degrees: float = 5.0) -> Estimate:
    """With a 95 % interval of mean ± half_width."""
    error = half_width / stats.t.ppf(0.975, degrees)
    return Estimate(mean, seeds, error**2, degrees, 0.0, math.inf, SEEDS)


def _words(quantity: Known, level: float) -> list[Word]:
    return words([quantity], [quantity.interval(level)], level)


@pytest.mark.parametrize("num_different", [0, 1, 9, 10, 40])
@pytest.mark.parametrize(("num_images", "word"), [(10_000, "supported"), (100, "undecided")])
def test_models_that_answer_almost_alike(num_images: int, num_different: int, word: Word) -> None:
    """Are about equal, also if no answer differs at all; the fewer images, the less that says."""
    correct = np.zeros((5, num_images))
    correct[0, : min(num_different, num_images // 20)] = 1
    assert _words(Known(crossed_mean([correct]), Limits(-0.01, 0.01)), corrected_level(12)) == [word]


def _above(margin: float) -> Limits:
    return Limits(margin, math.inf)


@pytest.mark.parametrize(
    ("mean", "limits", "word"),
    [
        (0.03, _above(0.0), "supported"),
        (0.03, _above(0.02), "undecided"),
        (0.03, _above(0.045), "refuted"),
        (0.03, Limits(-math.inf, 0.0), "refuted"),
        (-0.03, Limits(-math.inf, 0.0), "supported"),
        (-0.03, Limits(-math.inf, -0.02), "undecided"),
        (0.005, Limits(-0.02, 0.02), "supported"),
        (-0.005, Limits(-0.02, 0.02), "supported"),
        (0.015, Limits(-0.02, 0.02), "undecided"),
        (0.05, Limits(-0.02, 0.02), "refuted"),
        (-0.05, Limits(-0.02, 0.02), "refuted"),
    ],
)
def test_the_interval_decides(mean: float, limits: Limits, word: Word) -> None:
    """The interval is the mean ± 0.014."""
    quantity = Known(_estimate(mean, 0.014), limits)
    assert _words(quantity, LEVEL) == [word]
    (found,) = judged([quantity], LEVEL)
    assert (found.word, found.interval.n) == (word, 6)
    assert (found.needed == "") == (word != "undecided")


def test_a_family_widens_the_interval() -> None:
    """Bonferroni's: of ten claims, each at 99.5 %."""
    quantity = Known(_estimate(0.03, 0.02), _above(0.0))
    (alone,), (of_ten,) = (judged([quantity], corrected_level(family)) for family in (1, 10))
    assert (alone.word, of_ten.word) == ("supported", "undecided")
    wider = stats.t.ppf(0.9975, 5) / stats.t.ppf(0.975, 5)
    assert of_ten.interval.high - 0.03 == pytest.approx(0.02 * wider)


def test_few_seeds_have_few_degrees_of_freedom() -> None:
    """Below five seeds no more than seeds less one, whatever the images add."""
    four, five = (Known(_estimate(0.03, 0.02, seeds=seeds, degrees=100.0), _above(0.0)) for seeds in (4, 5))
    assert _words(five, LEVEL) == ["supported"]
    (found,) = judged([four], LEVEL)
    assert found.word == "undecided"
    assert found.interval.high - 0.03 == pytest.approx(0.02 * stats.t.ppf(0.975, 3) / stats.t.ppf(0.975, 100))


def test_wrong_input_is_named() -> None:
    """Families, levels."""
    quantity = Known(_estimate(0.0, 0.01), _above(0.0))
    with pytest.raises(FamilyError):
        _words(quantity, corrected_level(0))
    with pytest.raises(LevelError):
        _words(quantity, 1.0)
