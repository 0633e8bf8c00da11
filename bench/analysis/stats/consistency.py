"""Measure error consistency: how much more often two models err on the same images than their accuracies explain.

Geirhos, Meding and Wichmann, Beyond accuracy: quantifying trial-by-trial behaviour of CNNs and humans by measuring
error consistency (2020): Cohen's kappa of right and wrong. With accuracies p and q,

    observed = share of images that both have right or both wrong
    expected = p q + (1 - p) (1 - q)
    kappa = (observed - expected) / (1 - expected)

A kappa of 1 means the same errors; 0 means as many common errors as expected by chance; below 0 there are fewer. Kappa
is computed within each seed and averaged. Its interval is over seeds and test images. Kappa is not a mean over images,
so each image contributes its influence on kappa (delta method), and a cluster of images the sum of theirs. For one seed
and images without clusters this gives the standard error of Fleiss, Cohen and Everitt (1969). The method needs `FEWEST`
errors and as many right answers of each model: in simulations with 3 errors among 300 images, intervals of 95 % held
the truth in 55 to 89 %.
"""

from dataclasses import dataclass

import numpy as np

from bench.analysis.correctness import Correctness, common_clusters, require_paired
from bench.analysis.stats.clusters import of_clusters
from bench.analysis.stats.crossed import Estimate, crossed_mean
from bench.analysis.stats.statistics_errors import (
    ConstantError,
    CorrectnessError,
    FewErrorsError,
    SingleSeedError,
)

FEWEST = 20
"""The fewest errors, and the fewest right answers, of a model in its mean seed; with fewer, kappa is refused."""


@dataclass(frozen=True)
class Consistency:
    """The error consistency of two models, averaged over seeds."""

    kappa: Estimate
    observed: float
    """The share of images that both models have right or both have wrong."""
    expected: float
    """The same share if errors were independent, from the accuracies alone."""


def error_consistency(first: Correctness, second: Correctness) -> Consistency:
    """Return the error consistency of two models with the same seeds and test images.

    Raises:
        UnpairedError, DifferentImagesError: Seeds or images differ.
        CorrectnessError: Correctness was averaged over draws, so that an image is neither right nor wrong.
        FewErrorsError: A model has fewer than `FEWEST` errors or right answers in its mean seed.
        ConstantError: In some seed both models have every image right, or every image wrong: kappa is not defined.
        SingleSeedError: There is only one seed.
    """
    require_paired([first, second])
    _require_binary(first, second)
    _require_errors(first, second)
    of_seeds = [_of_pair(*seed) for seed in zip(first.correct, second.correct, strict=True)]
    values, observed, expected = (np.array(column) for column in zip(*of_seeds, strict=True))
    kappa = crossed_mean([of_clusters(values, common_clusters([first, second]))], of_answers=False)
    return Consistency(kappa, float(observed.mean()), float(expected.mean()))


def self_consistency(row: Correctness) -> Consistency:
    """Return the error consistency between the seeds of one model: a baseline in which only chance differs.

    It is the mean over all pairs of seeds. A seed is part of several pairs, so the interval uses the jackknife's
    pseudo-values, with the seed as the independent unit.

    Raises:
        SingleSeedError: There are fewer than three seeds; the only pair of two seeds shows no spread.
        CorrectnessError, FewErrorsError, ConstantError: As for `error_consistency`.
    """
    num_seeds = len(row.seeds)
    if num_seeds < 3:
        raise SingleSeedError(f"{num_seeds} seeds; pairs of seeds show their spread from three on")
    _require_binary(row)
    _require_errors(row)
    pairs = list(zip(*np.triu_indices(num_seeds, 1), strict=True))
    by_pair = {pair: _of_pair(*row.correct[list(pair)]) for pair in pairs}
    total = np.sum([values for values, _, _ in by_pair.values()], axis=0)
    of_seed = np.array(
        [np.sum([by_pair[pair][0] for pair in pairs if seed in pair], axis=0) for seed in range(num_seeds)]
    )
    without = (total - of_seed) / ((num_seeds - 1) * (num_seeds - 2) / 2)
    pseudo_values = num_seeds * total / len(pairs) - (num_seeds - 1) * without
    observed, expected = (float(np.mean([numbers[place] for numbers in by_pair.values()])) for place in (1, 2))
    kappa = crossed_mean([of_clusters(pseudo_values, row.clusters)], of_answers=False)
    return Consistency(kappa, observed, expected)


def _of_pair(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return (images,) values whose mean is kappa and whose spread is its spread; observed and expected agreement."""
    p, q = float(first.mean()), float(second.mean())
    agree = (first == second).astype(np.float64)
    observed, expected = float(agree.mean()), p * q + (1 - p) * (1 - q)
    if expected == 1:
        raise ConstantError(f"both models have {'every' if p == 1 else 'no'} image right: errors can't be compared")
    kappa = (observed - expected) / (1 - expected)
    # The influence of an image is the derivative of kappa by its weight, through observed, p and q.
    of_chance = (2 * q - 1) * (first - p) + (2 * p - 1) * (second - q)
    influence = (agree - observed - (1 - kappa) * of_chance) / (1 - expected)
    return kappa + influence, observed, expected


def _require_binary(*rows: Correctness) -> None:
    if not all(np.isin(row.correct, (0.0, 1.0)).all() for row in rows):
        raise CorrectnessError("correctness is averaged over draws; each image must be right (1) or wrong (0)")


def _require_errors(*rows: Correctness) -> None:
    for row in rows:
        num_right, num_images = float(row.correct.sum(axis=1).mean()), row.correct.shape[1]
        for number, answers in ((num_images - num_right, "errors"), (num_right, "right answers")):
            if number < FEWEST:
                raise FewErrorsError(
                    f"{number:.3g} {answers} in {num_images} test images, on average over seeds; kappa needs {FEWEST} "
                    "errors and as many right answers of each model"
                )
