"""Suites without any difference hardly ever get a false verdict, at one look, over several looks, and in a new suite.

And advice on a new suite leads to about as many decisions as it promises.
"""

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from scipy import stats

from bench.analysis.claims.looks import Looks
from bench.analysis.stats.crossed import crossed_mean, seeds_mean
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.power import Limits, seeds_needed
from bench.analysis.stats.verdicts import verdict_interval
from tests.analysis.simulated.experiments import EFFECTS, Effects, answers_of_models
from tests.analysis.simulated.table import Row, require_documented

pytestmark = pytest.mark.slow

CLAIMS, SUITES, IMAGES, NUM_DRAWS = 12, 600, 200, 40_000
SEEDS, VARYING = (3, 6, 10), (EFFECTS[3], EFFECTS[4], EFFECTS[5])
IN_WORDS = ("seeds and images vary alike", "seeds vary more", "seeds vary most")
LOOKS, EFFECT = ((6, 10, 20), (3, 6, 10), (6, 12)), 0.9
ADVISED = (0.5, 0.75, 1.0, 1.5)
"""Effects, in standard deviations of a seed."""
MOST_WRONG = 0.069
"""5 % of suites, and what 600 suites may differ from it by chance."""
ABOVE = Limits(0.0, math.inf)


def _decides(values: np.ndarray, level: float) -> np.ndarray:
    """Whether the interval of each experiment, (experiments, seeds), lies on one side of zero."""
    reach = stats.t.ppf((1 + level) / 2, values.shape[1] - 1) * stats.sem(values, axis=1)
    return np.abs(values.mean(axis=1)) > reach


@cache
def suites_with_an_error(effects: Effects, num_seeds: int) -> float:
    """Return the share of suites with a false verdict among twelve claims on pairs of equal models.

    One model of each pair differs four times less from seed to seed than the other.
    """
    generator = np.random.default_rng(num_seeds)
    calm = Effects("calm", effects.seed / 4, effects.image)
    sides = [answers_of_models((0.7,) * CLAIMS, one, num_seeds, IMAGES, generator, SUITES) for one in (effects, calm)]
    wrong = 0
    for wild, steady in zip(*sides, strict=True):
        intervals = [verdict_interval(crossed_mean([one]), corrected_level(CLAIMS)) for one in wild - steady]
        wrong += any(one.low > 0 or one.high < 0 for one in intervals)
    return wrong / SUITES


@cache
def decided_at_looks(at: tuple[int, ...], effect: float) -> tuple[float, float, float]:
    """Return the shares of one claim of twelve that are decided: at declared looks, at the last, after each seed.

    Args:
        at: The looks.
        effect: The true effect, in standard deviations of a seed.
    """
    looks, draws = Looks(tuple(range(at[-1])), at, at[-1]), np.random.default_rng(0)
    seeds = draws.normal(effect, 1, (NUM_DRAWS, at[-1]))
    of_looks = [_decides(seeds[:, :look], corrected_level(CLAIMS, looks.level(look))) for look in at]
    each = [_decides(seeds[:, :number], corrected_level(CLAIMS)) for number in range(3, at[-1] + 1)]
    at_looks, once, always = (float(np.mean(np.any(one, axis=0))) for one in (of_looks, each[-1:], each))
    return at_looks, once, always


@cache
def decided_as_advised(effect: float) -> tuple[float, int]:
    """Return the share of new suites that are decided, of as many seeds as was advised, and their number."""
    draws, level = np.random.default_rng(int(100 * effect)), corrected_level(CLAIMS)
    results = []
    for num_seeds in (3, 6, 10):
        for values in draws.normal(effect, 1, (300, num_seeds)):
            needed = seeds_needed(seeds_mean(values.tolist()), ABOVE, level).seeds
            if needed is not None and not _decides(values[None], level)[0]:
                results.append(bool(_decides(draws.normal(effect, 1, (1, needed)), level)[0]))
    return float(np.mean(results)), len(results)


@pytest.mark.parametrize("num_seeds", SEEDS)
@pytest.mark.parametrize("effects", VARYING, ids=lambda effects: effects.name)
def test_suites_without_any_difference(effects: Effects, num_seeds: int) -> None:
    assert suites_with_an_error(effects, num_seeds) <= MOST_WRONG


@pytest.mark.parametrize("at", LOOKS)
def test_several_looks_err_no_more_than_one(at: tuple[int, ...]) -> None:
    """They decide nearly as often, and stop earlier. To look at each seed errs far more."""
    at_looks, _, always = decided_at_looks(at, 0.0)
    assert at_looks <= 0.0052
    assert always > 0.008
    at_looks, once, _ = decided_at_looks(at, EFFECT)
    assert at_looks > 0.75 * once


def test_following_the_advice() -> None:
    """A new suite errs as seldom as the first."""
    share, number = decided_as_advised(0.0)
    assert share <= 0.0042 + 3 * math.sqrt(0.0042 / number)
    assert np.mean([decided_as_advised(effect)[0] for effect in ADVISED]) > 0.77


def rows() -> Iterator[Row]:
    """Yield what the pages say of suites, looks and advice."""
    for effects, words in zip(VARYING, IN_WORDS, strict=True):
        shares = {str(seeds): suites_with_an_error(effects, seeds) for seeds in SEEDS}
        data = f"12 pairs of equal models, one varies four times less; {words}"
        yield Row("any verdict of a suite", data, "right", "5 % of suites wrong", SUITES, shares)
    for at in LOOKS:
        yield _looks("no effect", "right", "0.4 % wrong", at, decided_at_looks(at, 0.0)[0])
    yield _looks("no effect", "wrong", "0.4 % wrong", LOOKS[0], decided_at_looks(LOOKS[0], 0.0)[2], is_each=True)
    strong = f"effect of {EFFECT} standard deviations"
    for at in LOOKS:
        at_looks, once, _ = decided_at_looks(at, EFFECT)
        yield _looks(strong, "right", "share decided", at, at_looks)
        yield _looks(strong, "right", "share decided", at[-1:], once)
    for effect in ADVISED:
        share, number = decided_as_advised(effect)
        data = f"a new suite of as many seeds as was advised; effect of {effect:g}"
        yield Row("verdict, one of twelve", data, "right", "80 % decided", number, {"as advised": share})


def _looks(
    effect: str, assumptions: str, promised: str, at: tuple[int, ...], share: float, *, is_each: bool = False
) -> Row:
    numbers = "each from 3 on until decided, which is not done" if is_each else " and ".join(map(str, at))
    data = f"{effect}; looks at {numbers}"
    return Row("verdict, one of twelve", data, assumptions, promised, NUM_DRAWS, {str(at[-1]): share})


def test_rows_of_the_pages() -> None:
    require_documented("looks", rows())
