"""Ratios and intervals are what SciPy's exact tests accept, hold their level, and refuse what makes no sense."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.analysis.stats.ratios import (
    FEWEST_RESTARTS,
    change_over_restarts,
    logs_of_restarts,
    paired_ratio,
    ratio_over_restarts,
)
from bench.analysis.stats.statistics_errors import (
    AnalysisError,
    EmptySampleError,
    LevelError,
    NotPositiveError,
    UnpairedError,
)

seeds = st.integers(0, 10_000)
levels = st.sampled_from([0.5, 0.8, 0.95, 0.99])


def _times(seed: int, number: int, scale: float = 1.0) -> list[float]:
    return list(scale * np.exp(np.random.default_rng(seed).standard_t(3, number) * 0.1))


@settings(deadline=None)
@given(seed=seeds, number=st.integers(2, 25), level=levels)
def test_the_paired_interval_is_what_the_signed_rank_test_accepts(seed: int, number: int, level: float) -> None:
    """Just inside its ends SciPy's exact test does not reject the ratio, just outside it does."""
    old, new = _times(seed, number), _times(seed + 1, number, 1.3)
    found = paired_ratio(new, old, level)
    if not found.is_known:
        assert 2 * 0.5**number > 1 - level
        return
    for end, outwards in ((found.low, 1 - 1e-9), (found.high, 1 + 1e-9)):
        outside, inside = (
            stats.wilcoxon(np.log(new) - np.log(old) - math.log(end * way), method="exact").pvalue
            for way in (outwards, 1 / outwards)
        )
        assert outside <= 1 - level + 1e-12 < inside + 1e-12


def test_hand_made_ratios() -> None:
    """Of three pairs the median of six Walsh averages."""
    found = paired_ratio([2.0, 4.0, 8.0], [1.0, 1.0, 1.0])
    assert (found.mean, found.n) == (pytest.approx(4.0), 3)


@pytest.mark.parametrize("rounds", [20, 60, 61, 200])
def test_a_slow_round_hardly_counts(rounds: int) -> None:
    """One that takes ten times as long leaves the ratio about where it was, and the interval still holds the truth."""
    reference = _times(3, rounds)
    row = [2 * value for value in _times(4, rounds)]
    found = paired_ratio(row, reference)
    assert found.low < 2 < found.high
    row[0] *= 10
    disturbed = paired_ratio(row, reference)
    assert disturbed.mean == pytest.approx(found.mean, rel=0.05)
    assert disturbed.low < 2 < disturbed.high


def test_six_pairs_are_the_fewest() -> None:
    """At 95 %: of five, all on one side happens once in sixteen times by chance."""
    row, reference = _times(9, 6), _times(10, 6)
    assert paired_ratio(row, reference).is_known
    assert not paired_ratio(row[:5], reference[:5]).is_known
    assert paired_ratio(row[:5], reference[:5], 0.9).is_known


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [8, 20, 80])
def test_intervals_hold_their_level(rounds: int) -> None:
    """Over 1,000 draws of noise with heavy tails, some 95 % of the intervals hold the truth."""
    noise = np.random.default_rng(rounds).standard_t(2, (1000, 2, rounds)) * 0.05
    found = [paired_ratio(np.exp(one), np.exp(other)) for one, other in noise]
    assert 0.93 <= np.mean([ratio.low <= 1 <= ratio.high for ratio in found]) <= 0.985


def test_exact_and_normal_places_meet() -> None:
    """Where counting ends, the interval does not jump: a round more makes it hardly other."""
    row, reference = _times(5, 61), _times(6, 61)
    counted, approximated = paired_ratio(row[:60], reference[:60]), paired_ratio(row, reference)
    widths = [math.log(found.high / found.low) for found in (counted, approximated)]
    assert widths[0] == pytest.approx(widths[1], rel=0.1)


def test_swapping_the_sides_inverts_the_ratio() -> None:
    """And its interval with it."""
    row, reference = _times(7, 12, 1.2), _times(8, 12)
    there, back = paired_ratio(row, reference), paired_ratio(reference, row)
    assert (there.mean, there.low, there.high) == pytest.approx((1 / back.mean, 1 / back.high, 1 / back.low))


def test_rounds_that_agree_have_no_interval() -> None:
    """To the last digit they show only that the clock is too coarse."""
    assert paired_ratio([2.0] * 10, [1.0] * 10).mean == 2
    assert not paired_ratio([2.0] * 10, [1.0] * 10).is_known
    assert not ratio_over_restarts(np.full(6, math.log(2))).is_known
    assert not change_over_restarts(np.zeros(6), np.ones(6)).is_known


def test_each_restart_counts_once_with_its_median_round() -> None:
    """However many rounds it has, and however slow one of them is."""
    logs = logs_of_restarts([2.0, 2.0, 9.0, 6.0, 6.0, 6.0], [1.0, 1.0, 1.0, 1.0, 1.0, 2.0], [0, 0, 0, 1, 1, 1])
    assert np.exp(logs) == pytest.approx([2.0, 6.0])
    found = ratio_over_restarts(logs)
    assert (found.mean, found.n, found.is_known) == (pytest.approx(math.sqrt(12)), 2, False)
    with pytest.raises(UnpairedError, match="2 rounds, of which 1 have a restart"):
        logs_of_restarts([1.0, 2.0], [1.0, 2.0], [0])


def test_intervals_over_restarts_are_student_s_and_welch_s() -> None:
    """Of logarithms; one restart fewer than six on a side has none."""
    old, new = np.log(_times(1, FEWEST_RESTARTS)), np.log(_times(2, FEWEST_RESTARTS + 3, 1.3))
    found, changed = ratio_over_restarts(new, 0.9), change_over_restarts(old, new, 0.99)
    half = stats.t.ppf(0.95, len(new) - 1) * new.std(ddof=1) / math.sqrt(len(new))
    assert np.log([found.low, found.high]) == pytest.approx([new.mean() - half, new.mean() + half])
    variances = [side.var(ddof=1) / len(side) for side in (old, new)]
    degrees = sum(variances) ** 2 / sum(v**2 / (len(side) - 1) for v, side in zip(variances, (old, new), strict=True))
    half = stats.t.ppf(0.995, degrees) * math.sqrt(sum(variances))
    middle = new.mean() - old.mean()
    assert np.log([changed.low, changed.high]) == pytest.approx([middle - half, middle + half])
    assert (found.n, changed.n) == (FEWEST_RESTARTS + 3, FEWEST_RESTARTS)
    assert not ratio_over_restarts(new[:5]).is_known
    assert not change_over_restarts(old[:5], new).is_known
    assert not change_over_restarts(old, new[:5]).is_known


@pytest.mark.parametrize(
    ("one", "other", "level", "error"),
    [
        ([], [], 0.95, EmptySampleError),
        ([1.0, math.nan], [1.0, 1.0], 0.95, NotPositiveError),
        ([1.0, math.inf], [1.0, 1.0], 0.95, NotPositiveError),
        ([1.0, 1.0], [0.0, 1.0], 0.95, NotPositiveError),
        ([1.0, -1.0], [1.0, 1.0], 0.95, NotPositiveError),
        ([1.0, 1.1], [1.0, 1.2], 95, LevelError),
    ],
)
def test_wrong_input_is_named(one: list[float], other: list[float], level: float, error: type[AnalysisError]) -> None:
    """No NaN is passed on."""
    with pytest.raises(error):
        paired_ratio(one, other, level)


def test_rounds_without_a_partner_are_refused() -> None:
    """None is left out in silence."""
    with pytest.raises(UnpairedError, match="3 rounds and 2 rounds"):
        paired_ratio([1.0, 2.0, 3.0], [1.0, 2.0])
