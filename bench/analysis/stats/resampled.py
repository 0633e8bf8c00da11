"""Intervals of statistics that have no formula for them, by leaving out or drawing again seeds and test images.

Over seeds and images: the jackknife's pseudo-values (Tukey 1958) of leaving out one seed, one group of images, or both,
which for a mean are the values themselves, go through the same two-way analysis as accuracies do. Over seeds alone: the
jackknife with Student's t, and from `BOOTSTRAP_FROM` seeds on the bootstrap BCa (Efron, Better bootstrap confidence
intervals, 1987), which covers too seldom below: simulated, 95 % intervals of a mean held it in 73, 84, 90 and 94 % at
3, 5, 10 and 20 seeds. Drawing seeds and images again at once counts the rest of the variance thrice (Owen, The
pigeonhole bootstrap, 2007), so it is not done.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import special

from bench.analysis.stats.crossed import Estimate, crossed_mean, seeds_mean
from bench.analysis.stats.intervals import LEVEL, Interval, require_level
from bench.analysis.stats.statistics_errors import ConstantError, EmptySampleError, NotFiniteError, SingleSeedError

BOOTSTRAP_FROM = 50
"""Seeds from which on the bootstrap is used."""
_GROUPS = 20
_DRAWS = 10_000

OfSeeds = Callable[[np.ndarray], float]
"""A statistic of some seeds: from their places, each any number of times."""
OfMeans = Callable[[np.ndarray], np.ndarray]
"""A statistic of each seed's means over some images: (quantities, seeds, choices) to (choices,)."""


def over_seeds_and_images(values: np.ndarray, statistic: OfMeans) -> Estimate:
    """A statistic of means over images, such as a ratio or a kappa, and how well it is known.

    It has to be smooth, and to take all of the seeds that it is given alike. Images are left out in 20 groups, which
    are drawn with a fixed seed, and seeds one by one.

    Args:
        values: (quantities, seeds, images) finite numbers, such as the answers of two models.
        statistic: of each quantity's and seed's mean over images; called once for each seed that is left out, with a
            choice for each group of images that is.

    Raises:
        EmptySampleError, SingleSeedError: there are no images, or fewer than two seeds.
        NotFiniteError: a value is not a number, or the statistic is none without some seed or group of images.
        ConstantError: no seed and no image makes any difference to it.
    """
    _, num_seeds, num_images = values.shape
    _require_seeds(num_seeds)
    if num_images < 2:
        raise EmptySampleError(f"{num_images} images: an interval over them needs two")
    means = _without_groups(_finite(values))
    kept = [np.arange(num_seeds), *(np.delete(np.arange(num_seeds), seed) for seed in range(num_seeds))]
    found = _finite(np.array([statistic(means[:, seeds]) for seeds in kept]))
    s, g = num_seeds, means.shape[2] - 1
    pseudo = s * g * found[0, 0] - (s - 1) * g * found[1:, :1] - s * (g - 1) * found[:1, 1:]
    return replace(crossed_mean([pseudo + (s - 1) * (g - 1) * found[1:, 1:]]), mean=float(found[0, 0]))


def over_seeds(statistic: OfSeeds, num_seeds: int, generator: np.random.Generator, level: float = LEVEL) -> Interval:
    """A statistic of all seeds with its interval over them, the test images being taken as they are.

    Args:
        statistic: smooth; called once a seed below 50 of them, and 10,000 times from then on.
        num_seeds: how many there are.
        generator: draws seeds for the bootstrap.
        level: of the interval.

    Raises:
        SingleSeedError: there are fewer than two seeds.
        NotFiniteError: the statistic is not a number, or not of some choice of seeds.
        ConstantError: no seed makes any difference to it.
    """
    if num_seeds < BOOTSTRAP_FROM:
        return jackknife(statistic, num_seeds).interval(level)
    return bootstrap(statistic, num_seeds, generator, level)


def jackknife(statistic: OfSeeds, num_seeds: int) -> Estimate:
    """A statistic of all seeds, and how well it is known from leaving out one at a time.

    Raises:
        SingleSeedError, NotFiniteError, ConstantError: as for `over_seeds`.
    """
    _require_seeds(num_seeds)
    whole, without = _leave_one_out(statistic, num_seeds)
    pseudo = num_seeds * whole - (num_seeds - 1) * without
    return replace(seeds_mean(pseudo.tolist()), mean=whole)


def bootstrap(
    statistic: OfSeeds, num_seeds: int, generator: np.random.Generator, level: float = LEVEL, draws: int = _DRAWS
) -> Interval:
    """A statistic of all seeds with the interval BCa of the bootstrap over them.

    Raises:
        LevelError: the level is not between 0 and 1.
        SingleSeedError, NotFiniteError, ConstantError: as for `over_seeds`.
    """
    require_level(level)
    _require_seeds(num_seeds)
    whole, without = _leave_one_out(statistic, num_seeds)
    lean = without.mean() - without
    if not (np.abs(lean) > 1e-12).any():
        raise ConstantError(f"the statistic is {whole:g} whichever seed is left out; it has no interval")
    chosen = generator.integers(0, num_seeds, (draws, num_seeds))
    drawn = _finite(np.array([statistic(some) for some in chosen]))
    below = ((drawn < whole).mean() + (drawn <= whole).mean()) / 2
    bias = special.ndtri(np.clip(below, 1 / draws, 1 - 1 / draws))
    acceleration = (lean**3).sum() / (6 * (lean**2).sum() ** 1.5)
    ends = bias + special.ndtri([(1 - level) / 2, (1 + level) / 2])
    low, high = np.quantile(drawn, special.ndtr(bias + ends / (1 - acceleration * ends)))
    return Interval(whole, float(low), float(high), num_seeds)


def _without_groups(values: np.ndarray) -> np.ndarray:
    """(quantities, seeds, 1 + groups): means over all images, then without each group of them."""
    num_images = values.shape[2]
    order = np.random.default_rng(0).permutation(num_images)
    starts = np.linspace(0, num_images, min(_GROUPS, num_images), endpoint=False).astype(int)
    sums = np.add.reduceat(values[:, :, order], starts, axis=2)
    whole = sums.sum(axis=2, keepdims=True)
    others = num_images - np.diff(starts, append=num_images)
    return np.concatenate([whole / num_images, (whole - sums) / others], axis=2)


def _leave_one_out(statistic: OfSeeds, num_seeds: int) -> tuple[float, np.ndarray]:
    """The statistic of all seeds, and (seeds,) without each."""
    places = np.arange(num_seeds)
    whole = _finite(np.array([statistic(places)]))
    return float(whole[0]), _finite(np.array([statistic(np.delete(places, seed)) for seed in places]))


def _require_seeds(num_seeds: int) -> None:
    if num_seeds < 2:
        raise SingleSeedError(f"{num_seeds} seeds: an interval over them needs two")


def _finite(found: np.ndarray) -> np.ndarray:
    values = found.astype(np.float64)
    if not np.isfinite(values).all():
        raise NotFiniteError("the statistic is not a finite number for some choice of seeds and images")
    return values
