"""Draw ladders of every shape: rising, flat, falling, bent, at 0 and 1, with few and many seeds, rungs and images."""

import numpy as np

from bench.analysis.ladder.rungs import LadderModel, LadderResults

FAMILIES = {"vit": "vit", "r+vit": "hybrid", "resnet": "cnn"}


def random_ladder(seed: int) -> LadderResults:
    """Return a ladder of two or three models with two to seven rungs, one to ten seeds, and answers or accuracies."""
    draws = np.random.default_rng(seed)
    num_rungs, num_seeds = int(draws.integers(2, 8)), int(draws.integers(1, 11))
    num_images = int(draws.choice([1, 20, 200]))
    num_targets = int(draws.integers(1, 3))
    rungs = np.arange(num_rungs)
    sizes = tuple(int(size) for size in 256 * np.cumprod(draws.choice([2, 4, 16], num_rungs)))
    spreads = 10.0 ** draws.uniform(-6, -1, 2)
    models = []
    for name in draws.permutation(list(FAMILIES))[: draws.integers(2, 4)]:
        common = _shape(draws, rungs) + draws.normal(0, spreads[0], (num_targets, num_seeds, 1, 1))
        accuracy = np.clip(common + draws.normal(0, spreads[1], (num_targets, num_seeds, 1, num_rungs)), 0, 1)
        if num_images > 1:
            accuracy = (draws.random((num_targets, num_seeds, num_images, num_rungs)) < accuracy).astype(float)
        images = tuple(f"images-{number}" if num_images > 1 else "" for number in range(num_targets))
        models.append(LadderModel(str(name), FAMILIES[str(name)], tuple(accuracy), images))
    targets = tuple(f"target-{number}" for number in range(num_targets))
    setting = (32, "fine-tune", None, "images")
    return LadderResults("fractals", 32, targets, *setting, sizes, tuple(range(num_seeds)), tuple(models))


def _shape(draws: np.random.Generator, rungs: np.ndarray) -> np.ndarray:
    """Return (rungs,): the true accuracies of one model."""
    start, change, middle = draws.uniform(0, 1), draws.uniform(-0.6, 0.6), draws.uniform(0, len(rungs))
    shapes = [
        start + 0 * rungs,
        start + 1e-4 * change * rungs,
        start + change * rungs / len(rungs),
        start + change * (1 - np.exp(-rungs / (0.2 + middle))),
        start + change / (1 + np.exp(-3 * (rungs - middle))),
        np.where(rungs < middle, start, start + change),
        start + change * np.exp(-((rungs - middle) ** 2)),
        np.round(start) + 0 * rungs,
        start + draws.normal(0, 0.2, len(rungs)),
    ]
    return np.clip(shapes[draws.integers(len(shapes))], 0, 1)
