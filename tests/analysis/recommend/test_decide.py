"""The decision on plain numbers: by hand, and rules that hold for any numbers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import pytest

from bench.analysis.recommend.decide import (
    NOT_MEASURED,
    Alternative,
    Amount,
    Decision,
    Gap,
    decide,
    judge,
    within_limit,
)
from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.multiple import corrected_level, step_down
from bench.analysis.stats.verdicts import failures_agree

Gaps = Mapping[tuple[int, int], Gap]
Drawn = tuple[list[Alternative], dict[tuple[int, int], Gap], dict[str, float]]
NUM_DRAWS = 300


def alternative(mean: float, price: float, **amounts: Amount) -> Alternative:
    return Alternative(mean, price, amounts)


def gap(mean: float, *half_widths: float) -> Gap:
    """Of a half width for each number of comparisons."""
    return Gap(mean, tuple((mean - half, mean + half) for half in half_widths))


def standings(
    alternatives: Sequence[Alternative], gaps: Gaps, most: Mapping[str, float] = {}, within: float = 0.01
) -> Decision:
    return decide(alternatives, gaps, most, within)


def test_the_cheapest_of_those_shown_as_good_is_recommended() -> None:
    alternatives = [alternative(0.901, 30.0), alternative(0.90, 20.0), alternative(0.80, 1.0)]
    gaps = {
        (0, 1): gap(0.0, 0.005, 0.008),
        (0, 2): gap(0.1, 0.02, 0.03),
        (1, 2): gap(0.1, 0.02, 0.03),
    }
    found = standings(alternatives, gaps)
    assert found == Decision(("best", "as good", "worse"), best=0, recommended=1, compared=(0, 2, 2))


def test_what_cannot_be_told_never_wins_by_its_price() -> None:
    """Its mean is 15 points below, three seeds do not exclude one point, and it costs next to nothing."""
    alternatives = [alternative(0.90, 30.0), alternative(0.75, 0.001)]
    found = standings(alternatives, {(0, 1): gap(0.15, 0.2)})
    assert found == Decision(("best", "cannot tell"), best=0, recommended=0, compared=(0, 1))


def test_levels_step_down() -> None:
    """The second interval is wide at two comparisons; the first is decided there, so one comparison is left."""
    alternatives = [alternative(0.9, 3.0), alternative(0.7, 2.0), alternative(0.895, 1.0)]
    gaps = {(0, 1): gap(0.2, 0.01, 0.02), (0, 2): gap(0.005, 0.004, 0.006), (1, 2): gap(-0.195, 0.01, 0.02)}
    found = standings(alternatives, gaps)
    assert found == Decision(("best", "worse", "as good"), best=0, recommended=2, compared=(0, 2, 1))
    alone = standings([alternatives[0], alternatives[2]], {(0, 1): gap(0.005, 0.006)})
    assert alone.standings == ("best", "cannot tell")


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (Amount(4.0, 3.0, 5.0), "fits"),
        (Amount(4.9, 4.8, 5.1), "cannot tell"),
        (Amount(5.2, 5.1, 5.3), "does not fit"),
        (Amount(9.0, 0.0, 9.9), "cannot tell"),
        (Amount(4.0, 3.0, math.inf), "cannot tell"),
        (NOT_MEASURED, "cannot tell"),
    ],
)
def test_limits_are_met_by_bounds(amount: Amount, expected: str) -> None:
    assert within_limit(amount, 5.0) == expected


def test_only_what_fits_is_compared() -> None:
    """The best of those that fit sets the mark; nobody fits if it cannot be told of anybody."""
    amounts = (Amount(9.0, 8.0, 10.0), Amount(3.0, 2.0, 4.0), Amount(5.0, 4.0, 6.0))
    alternatives = [alternative(0.9 - 0.1 * place, 1.0, ms=amount) for place, amount in enumerate(amounts)]
    gaps = {pair: gap(0.1, 0.01, 0.01) for pair in combinations(range(3), 2)}
    assert standings(alternatives, gaps, {"ms": 5.0}) == Decision(
        ("does not fit", "best", "fit unknown"), 1, 1, (0, 0, 0)
    )
    assert standings(alternatives, gaps, {"ms": 1.0}).recommended is None
    assert standings(alternatives, gaps, {"watts": 1.0}).standings == ("fit unknown",) * 3


def test_failed_seeds_object() -> None:
    """Given success the alternatives are alike; with a failure counted, the second is far behind."""
    alike = gap(0.0, 0.005)
    assert judge(alike, 1, 0.01) == "as good"
    assert judge(replace(alike, counted_mean=0.2, counted_bounds=((-0.3, 0.7),)), 1, 0.01) == "cannot tell"
    assert judge(replace(alike, counted_mean=-0.2, counted_bounds=((-0.7, 0.3),)), 1, 0.01) == "as good"
    worse = gap(0.1, 0.02)
    assert judge(replace(worse, counted_mean=0.3, counted_bounds=((-0.3, 0.9),)), 1, 0.01) == "worse"
    assert judge(replace(worse, counted_mean=0.05, counted_bounds=((0.0, 0.1),)), 1, 0.01) == "cannot tell"


def test_failed_seeds_object_as_they_do_to_verdicts() -> None:
    rng = np.random.default_rng(3)
    for _ in range(NUM_DRAWS):
        mean, counted = rng.normal(0.01, 0.05, 2)
        estimate = Estimate(float(counted), 6, float(rng.exponential(0.02)) ** 2, 5, 0.0, math.inf, "seeds")
        interval, half = estimate.interval(0.95, is_strict=True), float(rng.exponential(0.03))
        found = gap(float(mean), half)
        with_failures = replace(found, counted_mean=float(counted), counted_bounds=((interval.low, interval.high),))
        given_success = Interval(found.mean, *found.bounds[0], 6)
        agree = failures_agree(given_success, estimate, -math.inf, 0.01, 0.95)
        assert judge(with_failures, 1, 0.01) == (judge(found, 1, 0.01) if agree else "cannot tell")


def test_an_interval_that_is_not_known_decides_nothing() -> None:
    found = standings([alternative(0.91, 2.0), alternative(0.90, 1.0)], {(0, 1): Gap(0.01, ())})
    assert (found.standings, found.recommended) == (("best", "cannot tell"), 0)


def drawn() -> Iterator[Drawn]:
    """Options with random means, prices, latencies and intervals that grow with the number of comparisons."""
    rng = np.random.default_rng(20)
    for _ in range(NUM_DRAWS):
        number = int(rng.integers(1, 8))
        means, prices = rng.normal(0.8, 0.015, number), rng.exponential(1.0, number)
        centres, spreads = rng.exponential(5.0, number), rng.exponential(0.5, number)
        amounts = [
            NOT_MEASURED if rng.random() < 0.1 else Amount(float(at), float(at - by), float(at + by))
            for at, by in zip(centres, spreads, strict=True)
        ]
        alternatives = [alternative(float(m), float(p), ms=a) for m, p, a in zip(means, prices, amounts, strict=True)]
        gaps = {
            (first, second): gap(
                float(means[first] - means[second]),
                *np.cumsum(rng.exponential(0.004) * np.array([1.0, *([0.1] * (number - 2))])[: max(number - 1, 0)]),
            )
            for first, second in combinations(range(number), 2)
        }
        yield alternatives, gaps, {"ms": float(rng.exponential(8.0))}


def gap_to(gaps: Gaps, best: int, other: int) -> Gap:
    return gaps[best, other] if best < other else -gaps[other, best]


def test_what_is_recommended_fits_and_is_as_good() -> None:
    """Never one that is worse by its interval, at any level; never one that does not fit; the cheapest of the good."""
    num_cheaper = 0
    for alternatives, gaps, most in drawn():
        found = decide(alternatives, gaps, most, 0.01)
        fitting = [number for number, each in enumerate(alternatives) if each.amounts["ms"].high <= most["ms"]]
        assert (found.recommended is None) == (not fitting)
        if found.recommended is None or found.best is None:
            continue
        chosen = alternatives[found.recommended]
        assert found.recommended in fitting
        assert alternatives[found.best].mean == max(alternatives[number].mean for number in fitting)
        if found.recommended != found.best:
            num_cheaper += 1
            bounds = gap_to(gaps, found.best, found.recommended).bounds
            assert bounds[found.compared[found.recommended] - 1][1] <= 0.01
            assert all(low <= 0.01 for low, _ in bounds)
        good = [number for number, word in enumerate(found.standings) if word in ("best", "as good")]
        assert chosen.price == min(alternatives[number].price for number in good)
    assert num_cheaper > 20


def test_a_tighter_limit_admits_nobody_new() -> None:
    for alternatives, gaps, most in drawn():
        loose, tight = (decide(alternatives, gaps, {"ms": share * most["ms"]}, 0.01) for share in (1.0, 0.6))
        fit = [{n for n, word in enumerate(one.standings) if "fit" not in word} for one in (loose, tight)]
        assert fit[1] <= fit[0]
        none = [{n for n, word in enumerate(one.standings) if word == "does not fit"} for one in (loose, tight)]
        assert none[0] <= none[1]
        if tight.best is not None and loose.best is not None:
            assert alternatives[tight.best].mean <= alternatives[loose.best].mean


def test_giving_up_everything_takes_the_cheapest() -> None:
    for alternatives, gaps, _ in drawn():
        found = [decide(alternatives, gaps, {}, within) for within in (0.0, 0.01, 0.05, 1.0)]
        best = found[0].best
        prices = [alternatives[one.recommended].price for one in found if one.recommended is not None]
        assert {one.best for one in found} == {best}
        assert prices[-1] == min(each.price for each in alternatives)


def test_the_order_of_alternatives_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    for alternatives, gaps, most in drawn():
        order = rng.permutation(len(alternatives)).tolist()
        shuffled = {
            (first, second): gap_to(gaps, order[first], order[second])
            for first, second in combinations(range(len(order)), 2)
        }
        found, other = (
            decide(alternatives, gaps, most, 0.01),
            decide([alternatives[n] for n in order], shuffled, most, 0.01),
        )
        assert [found.standings[number] for number in order] == list(other.standings)
        assert (other.recommended is None) == (found.recommended is None)
        assert other.recommended is None or order[other.recommended] == found.recommended


def test_levels_are_those_of_holms_procedure() -> None:
    for alternatives, gaps, _ in drawn():
        found = decide(alternatives, gaps, {}, 0.01)
        assert found.best is not None
        others = [gap_to(gaps, found.best, other) for other in range(len(alternatives)) if other != found.best]
        told = step_down(len(others), partial(is_told, others))
        words = [word for word in found.standings if word != "best"]
        assert told == {place for place, word in enumerate(words) if word != "cannot tell"}


def is_told(others: Sequence[Gap], place: int, level: float) -> bool:
    """Whether an interval at the level that is corrected over some number of comparisons lies on one side."""
    (compared,) = (n for n in range(1, len(others) + 1) if corrected_level(n) == level)
    low, high = others[place].bounds[compared - 1]
    return low > 0.01 or high <= 0.01
