"""Simulated experiments whose truth is known: models that answer test images, over and over.

Whether a seed gets an image right is a threshold on a sum of normal effects (a probit): of the seed, of the image, and
of the rest, which has variance 1. Two models share half of the variance of each effect, as models of one seed share the
order of images, and all models find the same images hard. `Effects` says how strong seeds and images are. The true
accuracy, over all seeds and images that there could be, is what is asked for, exactly.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

NUM_EXPERIMENTS = 1000
SHARED = 0.5
"""Of the variance of an effect, what two models have in common."""


@dataclass(frozen=True)
class Effects:
    """Standard deviations of a seed's and an image's effect, beside 1 of the rest."""

    name: str
    seed: float
    image: float


EFFECTS = (
    Effects("rest alone", 0.0, 0.0),
    Effects("images", 0.0, 1.0),
    Effects("mostly images", 0.05, 1.0),
    Effects("both alike", 0.1, 1.0),
    Effects("mostly seeds", 0.25, 1.0),
    Effects("seeds", 0.5, 1.0),
)


def answers_of_models(
    accuracies: tuple[float, ...],
    effects: Effects,
    num_seeds: int,
    num_images: int,
    generator: np.random.Generator,
    num_experiments: int = NUM_EXPERIMENTS,
) -> Iterator[np.ndarray]:
    """Experiments, one by one: (models, seeds, images), 1 where an answer is right."""
    models = len(accuracies)
    chunk = max(1, 200_000 // (models * num_seeds * num_images))
    for done in range(0, num_experiments, chunk):
        size = min(chunk, num_experiments - done)
        effect = _effect((size, models, num_seeds, 1), effects.seed, generator)
        effect = effect + _effect((size, models, 1, num_images), effects.image, generator)
        middle = thresholds(accuracies, effects)[:, None, None] + effect
        rest = generator.standard_normal((size, models, num_seeds, num_images), dtype=np.float32)
        yield from (rest < middle).astype(np.float64)


def answers_on_ladders(
    accuracy: float, effects: Effects, num_seeds: int, ladder: tuple[int, int, int], generator: np.random.Generator
) -> Iterator[np.ndarray]:
    """Experiments of two equal models, one by one: (targets, rungs, 2, seeds, images), 1 where an answer is right.

    Half of the variance of a seed's effect on a model is the same on all rungs and targets, the other half is each
    row's own. Rungs of a target share its images.
    """
    targets, rungs, images = ladder
    common = own = effects.seed * np.sqrt(0.5)
    chunk = max(1, 200_000 // (2 * targets * rungs * num_seeds * images))
    for done in range(0, NUM_EXPERIMENTS, chunk):
        size = min(chunk, NUM_EXPERIMENTS - done)
        of_seeds = _effect((size, 2, num_seeds, 1), common, generator)[:, None, None]
        of_rows = _effect((size * targets * rungs, 2, num_seeds, 1), own, generator)
        of_images = _effect((size * targets, 2, 1, images), effects.image, generator)
        middle = (
            of_seeds
            + of_rows.reshape(size, targets, rungs, 2, num_seeds, 1)
            + of_images.reshape(size, targets, 1, 2, 1, images)
            + thresholds((accuracy,), effects)[0]
        )
        rest = generator.standard_normal(middle.shape, dtype=np.float32)
        yield from (rest < middle).astype(np.float64)


def thresholds(accuracies: tuple[float, ...], effects: Effects) -> np.ndarray:
    """(models,): what gives a model its accuracy over all seeds and images."""
    spread = np.sqrt(1 + effects.seed**2 + effects.image**2)
    return (special.ndtri(np.array(accuracies)) * spread).astype(np.float32)


def _effect(shape: tuple[int, int, int, int], deviation: float, generator: np.random.Generator) -> np.ndarray:
    """An effect of each model, half of whose variance all models share."""
    shared = generator.standard_normal((shape[0], 1, *shape[2:]), dtype=np.float32)
    own = generator.standard_normal(shape, dtype=np.float32)
    return np.float32(deviation) * (np.sqrt(np.float32(SHARED)) * shared + np.sqrt(np.float32(1 - SHARED)) * own)
