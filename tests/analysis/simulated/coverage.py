"""How often intervals hold the truth of simulated experiments, and how often verdicts are wrong.

`python -m tests.analysis.simulated.coverage` prints the tables of `docs/statistics.md`.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from bench.analysis.answers import Answers
from bench.analysis.crossed import Estimate, accuracy, crossed_mean
from bench.analysis.paired import Pair, mean_difference, paired_difference
from bench.analysis.resampled import over_seeds_and_images
from bench.analysis.verdicts import judge
from tests.analysis.simulated.experiments import (
    EFFECTS,
    NUM_EXPERIMENTS,
    Effects,
    answers_of_models,
    answers_on_ladders,
)

SEEDS = (3, 5, 10, 20)
FEW_EFFECTS = tuple(EFFECTS[place] for place in (0, 3, 5))
"""For what takes longer."""
EFFECTS_NEAR_ONE = EFFECTS[:-1]
"""Without the strongest effect of seeds, which spreads accuracies of 95 % from 85 to 99 %."""
NUM_IMAGES = 200
LADDER = (2, 3, 100)
"""Targets, rungs, and images of each target."""
FAMILY = 12
"""Claims judged together."""


@dataclass(frozen=True)
class Found:
    """Shares of the experiments."""

    coverage: float
    """Of 95 % intervals that hold the truth."""
    decided: float
    """Of single verdicts on the sign that went either way."""
    decided_of_family: float
    """The same at the level of twelve claims together."""


@cache
def of_accuracy(share: float, effects: Effects, num_seeds: int) -> Found:
    """The accuracy of one model."""
    experiments = answers_of_models((share,), effects, num_seeds, NUM_IMAGES, _generator(num_seeds))
    return _found((accuracy(_answers(one[0])) for one in experiments), share)


@cache
def of_difference(shares: tuple[float, float], effects: Effects, num_seeds: int) -> Found:
    """The difference of two models on one target."""
    experiments = answers_of_models(shares, effects, num_seeds, NUM_IMAGES, _generator(num_seeds))
    estimates = (paired_difference(*map(_answers, one)) for one in experiments)
    return _found(estimates, shares[0] - shares[1])


@cache
def of_ladder(effects: Effects, num_seeds: int, *, as_if_independent: bool = False) -> Found:
    """Two equal models on three rungs and two targets.

    Where rows are taken `as_if_independent`, each row's seeds are counted as if they were others, which is what must
    not be done.
    """
    combine = _as_if_independent if as_if_independent else mean_difference
    ladders = answers_on_ladders(0.7, effects, num_seeds, LADDER, _generator(num_seeds))
    return _found((combine(_pairs(one)) for one in ladders), 0.0)


@cache
def of_log_ratio(effects: Effects, num_seeds: int) -> Found:
    """A statistic without a formula: the log of how many times another's errors a model makes."""
    shares = (0.8, 0.7)
    experiments = answers_of_models(shares, effects, num_seeds, NUM_IMAGES, _generator(num_seeds))
    estimates = (over_seeds_and_images(1 - one, _log_ratio) for one in experiments)
    return _found(estimates, math.log(0.2 / 0.3))


def _log_ratio(errors: np.ndarray) -> np.ndarray:
    return np.log(errors[0].mean(axis=0) / errors[1].mean(axis=0))


def _pairs(ladder: np.ndarray) -> list[Pair]:
    """Both models on each rung and target of (targets, rungs, models, seeds, images)."""
    return [
        Pair(*(_answers(model, f"target {target}") for model in rung))
        for target, rungs in enumerate(ladder)
        for rung in rungs
    ]


def _as_if_independent(pairs: list[Pair]) -> Estimate:
    """Every row's seeds as seeds of their own."""
    return crossed_mean([np.concatenate([pair.differences for pair in pairs])])


def _answers(correct: np.ndarray, images: str = "images") -> Answers:
    return Answers(tuple(range(len(correct))), correct, images)


def _found(estimates: Iterable[Estimate], truth: float) -> Found:
    shares = [_judged(one, truth) for one in estimates]
    assert len(shares) == NUM_EXPERIMENTS
    return Found(*np.mean(shares, axis=0).tolist())


def _judged(estimate: Estimate, truth: float) -> tuple[float, float, float]:
    interval = estimate.interval()
    verdicts = (judge(estimate, "above", truth, family=family).is_decided for family in (1, FAMILY))
    return (float(interval.low <= truth <= interval.high), *map(float, verdicts))


def _generator(num_seeds: int) -> np.random.Generator:
    return np.random.default_rng(num_seeds)


def _print_tables() -> None:
    rows: dict[str, tuple[Callable[[Effects, int], Found], tuple[Effects, ...]]] = {
        "accuracy, 70 %": (lambda effects, seeds: of_accuracy(0.7, effects, seeds), EFFECTS),
        "accuracy, 95 %": (lambda effects, seeds: of_accuracy(0.95, effects, seeds), EFFECTS),
        "difference, 75 less 70 %": (lambda effects, seeds: of_difference((0.75, 0.7), effects, seeds), EFFECTS),
        "no difference, at 70 %": (lambda effects, seeds: of_difference((0.7, 0.7), effects, seeds), EFFECTS),
        "no difference, three rungs on two targets": (of_ladder, FEW_EFFECTS),
        "log ratio of errors": (of_log_ratio, FEW_EFFECTS),
    }
    for name, (measure, all_effects) in rows.items():
        for effects in all_effects:
            found = [measure(effects, seeds) for seeds in SEEDS]
            cells = [f"{100 * one.coverage:.1f} ({100 * one.decided:.1f})" for one in found]
            print(f"| {name} | {effects.name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    _print_tables()
