"""Intervals of shares of what counts, such as a shape bias, hold the share that all seeds and images would give.

Whether an answer counts, and whether it is a hit if it does, are probits whose effects have half of their variance in
common: a bivariate normal distribution gives the true share.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from scipy import stats

from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.share_ratios import HitCounts, share_difference, share_estimate
from bench.analysis.stats.verdicts import verdict_interval
from tests.analysis.simulated.experiments import (
    EFFECTS,
    NUM_EXPERIMENTS,
    SHARED,
    Effects,
    answers_of_models,
    thresholds,
)
from tests.analysis.simulated.table import Row, require_documented

pytestmark = pytest.mark.slow

NUM_IMAGES = 200
SEEDS = (3, 6, 10, 20)
OF = {"seeds and images vary alike": EFFECTS[3], "seeds vary most": EFFECTS[5]}
CASES = ((0.8, 0.5), (0.3, 0.7), (0.6, 0.95))
FEW = (0.5, 0.995)
"""The share of answers that count, and the share of those that would be hits if nothing were common."""


def true_share(counted: float, hit: float, effects: Effects) -> float:
    """The share of hits among what counts, over all seeds and images."""
    spread = 1 + effects.seed**2 + effects.image**2
    common = SHARED * (spread - 1) / spread
    upper = thresholds((counted, hit), effects) / np.sqrt(spread)
    both = stats.multivariate_normal(cov=[[1, common], [common, 1]]).cdf(upper)
    return float(both / counted)


def networks(answers: np.ndarray) -> Iterator[HitCounts]:
    """One network per two rows of answers: what counts, and what is a hit if it does."""
    for counted, hit in zip(answers[::2], answers[1::2], strict=True):
        yield HitCounts(tuple(range(len(counted))), counted * hit, counted)


@cache
def held(case: tuple[float, float], name: str, seeds: int) -> float:
    """Return the share of intervals that hold a network's share."""
    truth, generator = true_share(*case, OF[name]), np.random.default_rng(7)
    found = (
        network for one in answers_of_models(case, OF[name], seeds, NUM_IMAGES, generator) for network in networks(one)
    )
    intervals = [share_estimate(network).interval() for network in found]
    return float(np.mean([one.low <= truth <= one.high for one in intervals]))


@cache
def of_two(case: tuple[float, float], name: str, seeds: int) -> tuple[float, float]:
    """Return the share of intervals that hold no difference of two equal networks, and of wrong verdicts of twelve."""
    generator, held, wrong = np.random.default_rng(8), 0, 0
    for one in answers_of_models(case * 2, OF[name], seeds, NUM_IMAGES, generator):
        estimate = share_difference(*networks(one))
        shown, decides = verdict_interval(estimate), verdict_interval(estimate, corrected_level(12))
        held += shown.low <= 0 <= shown.high
        wrong += decides.low > 0 or decides.high < 0
    return held / NUM_EXPERIMENTS, wrong / NUM_EXPERIMENTS


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("name", OF)
@pytest.mark.parametrize("case", CASES)
def test_intervals_hold_the_share(case: tuple[float, float], name: str, seeds: int) -> None:
    assert 0.92 <= held(case, name, seeds) <= 0.985


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("name", OF)
@pytest.mark.parametrize("case", CASES)
def test_equal_networks_do_not_differ(case: tuple[float, float], name: str, seeds: int) -> None:
    inside, wrong = of_two(case, name, seeds)
    assert inside >= 0.935
    assert wrong <= 0.01


@pytest.mark.parametrize("seeds", SEEDS)
def test_few_misses_make_wide_intervals(seeds: int) -> None:
    assert held(FEW, "seeds vary most", seeds) >= 0.95
    assert of_two(FEW, "seeds vary most", seeds)[1] <= 0.004


def rows() -> Iterator[Row]:
    """Yield what the page says of shares of what counts."""
    for case in CASES[:2]:
        for name in OF:
            data = f"{case[0]:.0%} of answers count; {name}".replace("%", " %")
            shares = {str(seeds): held(case, name, seeds) for seeds in SEEDS}
            yield Row("share of what counts", data, "right", "95 % hold", NUM_EXPERIMENTS, shares)
            for of, promised, place in (("difference", "95 % hold", 0), ("verdict, one of twelve", "0.4 % wrong", 1)):
                two = {str(seeds): of_two(case, name, seeds)[place] for seeds in SEEDS}
                of_shares = f"{of} of shares of what counts" if place == 0 else of
                yield Row(of_shares, f"equal shares; {data}", "right", promised, NUM_EXPERIMENTS, two)


def test_rows_of_the_page() -> None:
    require_documented("share_coverage", rows())
