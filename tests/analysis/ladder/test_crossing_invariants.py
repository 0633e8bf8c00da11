"""On ladders of any shape nothing fails without a reason, and no crossing contradicts a rung."""

import math
import warnings

import pytest

from bench.analysis.ladder.crossings import Crossing
from bench.analysis.ladder.growth import PairGrowth, growth, pair_growths
from bench.analysis.stats.intervals import Interval
from bench.report.findings import Findings, OnTarget
from bench.report.sections.more_data import more_data
from bench.report.sections.scaling import crossing_in_words
from tests.analysis.ladder.random_ladders import random_ladder


@pytest.mark.parametrize(
    "seeds", [range(120), pytest.param(range(1000, 3500), marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_no_ladder_ends_in_an_exception_or_a_contradiction(seeds: range) -> None:
    """Every model and pair has numbers or a reason, and the sections of the page show each of them."""
    for seed in seeds:
        ladder = random_ladder(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            models, pairs = growth(ladder), pair_growths(ladder)
            findings = Findings("fine-tune", (OnTarget("target", ladder, models, pairs),), (), ())
            assert more_data([findings], {}).tables
        assert all(model.slope or model.reason for model in models)
        for pair in pairs:
            assert (pair.crossing is None) == bool(pair.reason)
            _require_no_contradiction(pair)


def _require_no_contradiction(pair: PairGrowth) -> None:
    clear = [(rung.size, rung.interval.low > 0) for rung in pair.rungs if _is_clear(rung.interval)]
    if pair.crossing:
        for size, is_ahead in clear:
            assert _agrees(pair.crossing, size, is_ahead=is_ahead), (size, crossing_in_words(pair.crossing))


def _is_clear(interval: Interval | None) -> bool:
    return interval is not None and (interval.low > 0 or interval.high < 0)


def _agrees(found: Crossing, size: float, *, is_ahead: bool) -> bool:
    """Whether what is said of a crossing allows that the first model is clearly ahead, or behind, at a size."""
    if found.outcome == "no difference":
        return False
    if found.outcome == "ahead":
        assert found.high is not None
        return is_ahead and size >= found.high * (1 - 1e-5)
    if found.outcome == "behind":
        assert found.low is not None
        return not is_ahead and size <= found.low * (1 + 1e-5)
    if any((one.low or 0) * (1 + 1e-5) < size < (one.high or math.inf) * (1 - 1e-5) for one in found.passages):
        return False
    passed = [one for one in found.passages if one.size <= size]
    return is_ahead == (passed[-1].is_upward if passed else not found.passages[0].is_upward)
