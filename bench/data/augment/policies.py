"""Which operations an image gets: RandAugment (Cubuk et al. 2020) and AutoAugment's CIFAR-10 policy (2019).

Operations, magnitudes, signs and probabilities are those of torchvision's classes of these names.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms import AutoAugment as TorchvisionAutoAugment
from torchvision.transforms import AutoAugmentPolicy

from bench.data.augment.operations import Operation
from bench.data.random import below, hash_words, uniform

SIGNED = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast", "Sharpness")
"""Operations whose magnitude is negative half of the time."""
RANDAUGMENT = ("Identity", *SIGNED, "Posterize", "Solarize", "AutoContrast", "Equalize")


@dataclass(frozen=True)
class RandAugment:
    """`num_ops` operations one after the other, any of 14 with equal chance, all of one magnitude."""

    num_ops: int = 2
    magnitude: int = 9
    """0 to num_magnitude_bins - 1"""
    num_magnitude_bins: int = 31

    def operations(self, size: int) -> tuple[Operation, ...]:
        """List all that an image of `size` pixels may get; for each name positive, then negative."""
        strengths = [strength(name, self.magnitude, self.num_magnitude_bins, size) for name in RANDAUGMENT]
        return _both_signs(RANDAUGMENT, strengths)

    def draw(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return (num_ops, n) indices into `operations`, first operation first."""
        layers = hash_words(hashes, np.arange(self.num_ops)[:, None])
        names, signs = below(hash_words(layers, "operation"), len(RANDAUGMENT)), below(hash_words(layers, "sign"), 2)
        return 2 * names + signs


@dataclass(frozen=True)
class AutoAugment:
    """One of the 25 pairs of operations of the policy that was found on CIFAR-10, each applied with its probability."""

    def operations(self, size: int) -> tuple[Operation, ...]:
        """List all that an image of `size` pixels may get: nothing, then the policy's, positive, then negative."""
        names, _, levels = zip(*(step for pair in cifar10_policy() for step in pair), strict=True)
        strengths = [strength(name, level or 0, 10, size) for name, level in zip(names, levels, strict=True)]
        return (Operation("Identity"), *_both_signs(names, strengths))

    def draw(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return (2, n) indices into `operations`, first operation first."""
        probabilities = np.array([[probability for _, probability, _ in pair] for pair in cifar10_policy()])
        pair = below(hash_words(hashes, "pair"), len(probabilities))
        layers = hash_words(hashes, np.arange(2)[:, None])
        applied = uniform(hash_words(layers, "whether")) < probabilities[pair].T
        steps = 2 * pair + np.arange(2)[:, None]
        return np.where(applied, 1 + 2 * steps + below(hash_words(layers, "sign"), 2), 0)


@lru_cache(maxsize=1)
def cifar10_policy() -> tuple[tuple[tuple[str, float, int | None], ...], ...]:
    """Return 25 pairs of name, probability and level of ten (None for an operation without magnitude)."""
    return tuple(TorchvisionAutoAugment(AutoAugmentPolicy.CIFAR10).policies)


def strength(name: str, level: int, num_levels: int, size: int) -> float:
    """Return the magnitude of a level, 0 to num_levels - 1, in the units of `Operation`; 0 if there is none."""
    if name == "Posterize":
        return float(8 - (torch.arange(num_levels) / ((num_levels - 1) / 4)).round()[level])
    ends = {
        **dict.fromkeys(("ShearX", "ShearY"), (0.0, 0.3)),
        **dict.fromkeys(("TranslateX", "TranslateY"), (0.0, 150.0 / 331.0 * size)),
        **dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), (0.0, 0.9)),
        "Rotate": (0.0, 30.0),
        "Solarize": (255.0, 0.0),
    }.get(name, (0.0, 0.0))
    return float(torch.linspace(*ends, num_levels)[level])


def _both_signs(names: tuple[str, ...], strengths: list[float]) -> tuple[Operation, ...]:
    return tuple(
        Operation(name, sign * magnitude if name in SIGNED else magnitude)
        for name, magnitude in zip(names, strengths, strict=True)
        for sign in (1.0, -1.0)
    )
