"""Measure error consistency: whether two models err on the same images more often than their accuracies explain.

Geirhos, Meding and Wichmann, Beyond accuracy: quantifying trial-by-trial behaviour of CNNs and humans by measuring
error consistency (2020): Cohen's kappa of right and wrong. With accuracies p and q,

    observed = share of images that both have right or both wrong
    expected = p q + (1 - p) (1 - q)
    kappa = (observed - expected) / (1 - expected)

A kappa of 1 is the same errors, 0 as many in common as chance gives, below 0 fewer. It is taken within each seed and
averaged.
Its interval is from seeds and test images: kappa is no mean over images, so each image counts by its influence on it
(delta method), which for one seed gives the standard error of Fleiss, Cohen and Everitt (1969).
"""

from dataclasses import dataclass

import numpy as np

from bench.analysis.correctness import Correctness, require_paired
from bench.analysis.stats.crossed import Estimate, crossed_mean
from bench.analysis.stats.statistics_errors import ConstantError, CorrectnessError, SingleSeedError


@dataclass(frozen=True)
class Consistency:
    """What two models' errors have in common; means over seeds."""

    kappa: Estimate
    observed: float
    """Share of images that both have right or both wrong."""
    expected: float
    """What their accuracies alone would make it."""


def error_consistency(first: Correctness, second: Correctness) -> Consistency:
    """Return the consistency between two models of the same seeds, which saw the same images in the same order.

    Raises:
        UnpairedError, DifferentImagesError: Seeds and images do not pair them.
        CorrectnessError: Draws were averaged, so that an image is neither right nor wrong.
        ConstantError: In a seed both models have no errors, or nothing else: no chance is left to correct for.
        SingleSeedError: There is one seed.
    """
    require_paired([first, second])
    _require_binary(first, second)
    of_seeds = [_of_pair(*seed) for seed in zip(first.correct, second.correct, strict=True)]
    values, observed, expected = (np.array(column) for column in zip(*of_seeds, strict=True))
    return Consistency(crossed_mean([values]), float(observed.mean()), float(expected.mean()))


def self_consistency(row: Correctness) -> Consistency:
    """Return the consistency between the seeds of one model: how alike its errors are if only chance differs.

    It is the mean over all pairs of seeds. A seed stands in several pairs: its part is that of the jackknife, so that
    the independent unit is the seed.

    Raises:
        SingleSeedError: There are fewer than three seeds: the one pair of two shows no spread.
        CorrectnessError, ConstantError: As for `error_consistency`.
    """
    num_seeds = len(row.seeds)
    if num_seeds < 3:
        raise SingleSeedError(f"{num_seeds} seeds; pairs of seeds show their spread from three on")
    _require_binary(row)
    pairs = list(zip(*np.triu_indices(num_seeds, 1), strict=True))
    by_pair = {pair: _of_pair(*row.correct[list(pair)]) for pair in pairs}
    total = np.sum([values for values, _, _ in by_pair.values()], axis=0)
    of_seed = np.array(
        [np.sum([by_pair[pair][0] for pair in pairs if seed in pair], axis=0) for seed in range(num_seeds)]
    )
    without = (total - of_seed) / ((num_seeds - 1) * (num_seeds - 2) / 2)
    pseudo_values = num_seeds * total / len(pairs) - (num_seeds - 1) * without
    observed, expected = (float(np.mean([numbers[place] for numbers in by_pair.values()])) for place in (1, 2))
    return Consistency(crossed_mean([pseudo_values]), observed, expected)


def _of_pair(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return (images,) values whose mean and spread are those of kappa; agreement observed and expected."""
    p, q = float(first.mean()), float(second.mean())
    agree = (first == second).astype(np.float64)
    observed, expected = float(agree.mean()), p * q + (1 - p) * (1 - q)
    if expected == 1:
        raise ConstantError(f"both models have {'every' if p == 1 else 'no'} image right: errors can't be compared")
    kappa = (observed - expected) / (1 - expected)
    of_chance = (2 * q - 1) * (first - p) + (2 * p - 1) * (second - q)
    influence = (agree - observed - (1 - kappa) * of_chance) / (1 - expected)
    return kappa + influence, observed, expected


def _require_binary(*rows: Correctness) -> None:
    if not all(np.isin(row.correct, (0.0, 1.0)).all() for row in rows):
        raise CorrectnessError("images averaged over draws: each must be right (1) or wrong (0)")
