"""How often intervals hold the truth of simulated experiments, and how often verdicts are wrong."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from bench.analysis.claims.quantities import Difference, words
from bench.analysis.claims.rows import CompleteRow, RowId, Transfer
from bench.analysis.correctness import Correctness
from bench.analysis.stats.crossed import Estimate, accuracy
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.power import Limits
from tests.analysis.conftest import with_correctness
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
IN_WORDS = ("neither seeds nor images vary", "seeds and images vary alike", "seeds vary most")
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
    decided: float = math.nan
    """Of single verdicts on the sign that went either way; NaN of what is never judged."""
    decided_of_family: float = math.nan
    """The same at the level of twelve claims together."""


@cache
def of_accuracy(share: float, effects: Effects, num_seeds: int) -> Found:
    """The accuracy of one model."""
    experiments = answers_of_models((share,), effects, num_seeds, NUM_IMAGES, _generator(num_seeds))
    return _covered((accuracy(Correctness(tuple(range(num_seeds)), one[0], "images")) for one in experiments), share)


@cache
def of_difference(shares: tuple[float, float], effects: Effects, num_seeds: int) -> Found:
    """The difference of two models on one target."""
    experiments = answers_of_models(shares, effects, num_seeds, NUM_IMAGES, _generator(num_seeds))
    truth = shares[0] - shares[1]
    return _judged((_difference({"target": one[:, None]}, truth) for one in experiments), truth)


@cache
def of_ladder(effects: Effects, num_seeds: int, *, as_if_independent: bool = False) -> Found:
    """Two equal models on three rungs and two targets.

    Where rows are taken `as_if_independent`, each row's seeds are counted as if they were others, which is what must
    not be done.
    """
    by_target = _as_if_independent if as_if_independent else _by_target
    ladders = answers_on_ladders(0.7, effects, num_seeds, LADDER, _generator(num_seeds))
    return _judged((_difference(by_target(one), 0.0) for one in ladders), 0.0)


def _by_target(ladder: np.ndarray) -> dict[str, np.ndarray]:
    """Of (targets, rungs, models, seeds, images), a target each: (models, rungs, seeds, images)."""
    return {f"target {number}": of_target.swapaxes(0, 1) for number, of_target in enumerate(ladder)}


def _as_if_independent(ladder: np.ndarray) -> dict[str, np.ndarray]:
    """Every row's seeds as seeds of their own, on one rung of one target."""
    targets, rungs, models, seeds, images = ladder.shape
    return {"target": ladder.transpose(2, 0, 1, 3, 4).reshape(models, 1, targets * rungs * seeds, images)}


def _difference(answers: Mapping[str, np.ndarray], truth: float) -> Difference:
    """The first of two models less the second, rungs and targets weighing the same; claimed to lie above the truth."""
    rows = {
        target: [_row(one, target) for model in of_target for one in model] for target, of_target in answers.items()
    }
    rungs = next(iter(answers.values())).shape[1]
    return Difference("first less second", rows, (1 / rungs,) * rungs + (-1 / rungs,) * rungs, Limits(truth, math.inf))


def _row(correct: np.ndarray, images: str) -> CompleteRow:
    row_id = RowId("model", "fractals", 1000, Transfer("fine-tune"))
    return CompleteRow(row_id, with_correctness(correct, images), (), ())


def _judged(differences: Iterable[Difference], truth: float) -> Found:
    """Coverage of the intervals, and verdicts as claims have them."""
    shares = [
        (
            _holds(one.interval(LEVEL), truth),
            *(_is_decided(one, corrected_level(family)) for family in (1, FAMILY)),
        )
        for one in differences
    ]
    assert len(shares) == NUM_EXPERIMENTS
    return Found(*np.mean(shares, axis=0).tolist())


def _is_decided(difference: Difference, level: float) -> bool:
    return words([difference], [difference.interval(level)], level) != ["undecided"]


def _covered(estimates: Iterable[Estimate], truth: float) -> Found:
    held = [_holds(one.interval(LEVEL), truth) for one in estimates]
    assert len(held) == NUM_EXPERIMENTS
    return Found(float(np.mean(held)))


def _holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def _generator(num_seeds: int) -> np.random.Generator:
    return np.random.default_rng(num_seeds)
