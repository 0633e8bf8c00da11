"""Suites without any difference hardly ever get a false verdict, at one look, over several looks, and in a new suite.

And advice on a new suite leads to about as many decisions as it promises.
"""

import math

import numpy as np
import pytest
from scipy import stats

from bench.analysis.claims.looks import Looks
from bench.analysis.stats.crossed import crossed_mean, seeds_mean
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.power import Limits, seeds_needed
from bench.analysis.stats.verdicts import verdict_interval
from tests.analysis.simulated.experiments import EFFECTS, Effects, answers_of_models

pytestmark = pytest.mark.slow

CLAIMS, SUITES, IMAGES = 12, 600, 200
MOST_WRONG = 0.069
"""5 % of suites, and what 600 suites may differ from it by chance."""
ABOVE = Limits(0.0, math.inf)


def _decides(values: np.ndarray, level: float) -> np.ndarray:
    """Whether the interval of each experiment, (experiments, seeds), lies on one side of zero."""
    reach = stats.t.ppf((1 + level) / 2, values.shape[1] - 1) * stats.sem(values, axis=1)
    return np.abs(values.mean(axis=1)) > reach


@pytest.mark.parametrize("num_seeds", [3, 6, 10])
@pytest.mark.parametrize("effects", [EFFECTS[3], EFFECTS[4], EFFECTS[5]], ids=lambda effects: effects.name)
def test_suites_without_any_difference(effects: Effects, num_seeds: int) -> None:
    """Twelve claims on pairs of models, one of which differs four times less from seed to seed than the other."""
    generator = np.random.default_rng(num_seeds)
    calm = Effects("calm", effects.seed / 4, effects.image)
    sides = [answers_of_models((0.7,) * CLAIMS, one, num_seeds, IMAGES, generator, SUITES) for one in (effects, calm)]
    wrong = 0
    for wild, steady in zip(*sides, strict=True):
        intervals = [verdict_interval(crossed_mean([one]), corrected_level(CLAIMS)) for one in wild - steady]
        wrong += any(one.low > 0 or one.high < 0 for one in intervals)
    assert wrong / SUITES <= MOST_WRONG


@pytest.mark.parametrize("at", [(6, 10, 20), (3, 6, 10), (6, 12)])
def test_several_looks_err_no_more_than_one(at: tuple[int, ...]) -> None:
    """For one claim of twelve; they decide nearly as often, and stop earlier. To look at each seed errs far more."""
    looks, draws = Looks(tuple(range(at[-1])), at, at[-1]), np.random.default_rng(0)
    shares = {}
    for effect in (0.0, 0.9):
        seeds = draws.normal(effect, 1, (40_000, at[-1]))
        of_looks = [_decides(seeds[:, :look], corrected_level(CLAIMS, looks.level(look))) for look in at]
        each = [_decides(seeds[:, :number], corrected_level(CLAIMS)) for number in range(3, at[-1] + 1)]
        shares[effect] = [np.mean(np.any(one, axis=0)) for one in (of_looks, each[-1:], each)]
    assert shares[0.0][0] <= 0.0052
    assert shares[0.0][2] > 0.008
    assert shares[0.9][0] > 0.75 * shares[0.9][1]


def test_following_the_advice() -> None:
    """From 3, 6 and 10 seeds, at the level of twelve claims; a new suite errs as seldom as the first."""
    draws, level = np.random.default_rng(0), corrected_level(CLAIMS)
    decided: dict[float, list[bool]] = {effect: [] for effect in (0.0, 0.5, 0.75, 1.0, 1.5)}
    for effect, results in decided.items():
        for num_seeds in (3, 6, 10):
            for values in draws.normal(effect, 1, (300, num_seeds)):
                needed = seeds_needed(seeds_mean(values.tolist()), ABOVE, level).seeds
                if needed is not None and not _decides(values[None], level)[0]:
                    results.append(bool(_decides(draws.normal(effect, 1, (1, needed)), level)[0]))
    shares = {effect: np.mean(results) for effect, results in decided.items()}
    assert shares[0.0] <= 0.0042 + 3 * math.sqrt(0.0042 / len(decided[0.0]))
    assert np.mean([shares[effect] for effect in (0.5, 0.75, 1.0, 1.5)]) > 0.77
