"""Policies that choose the operations for each image: RandAugment (Cubuk et al. 2020) and AutoAugment (2019).

Operations, magnitudes, signs and probabilities are those of torchvision's classes with these names. AutoAugment has the
policy for CIFAR-10.
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
"""Operations whose magnitude is negative with probability 1/2."""
RANDAUGMENT = ("Identity", *SIGNED, "Posterize", "Solarize", "AutoContrast", "Equalize")


@dataclass(frozen=True)
class RandAugment:
    """A sequence of `num_ops` operations, each any of 14 with equal probability, all with the same magnitude."""

    num_ops: int = 2
    magnitude: int = 9
    """Level of the magnitude, from 0 to num_magnitude_bins - 1."""
    num_magnitude_bins: int = 31

    def operations(self, size: int) -> tuple[Operation, ...]:
        """Return all operations that an image of `size` pixels may get: per name, positive and then negative."""
        strengths = [strength(name, self.magnitude, self.num_magnitude_bins, size) for name in RANDAUGMENT]
        return _both_signs(RANDAUGMENT, strengths)

    def draw(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return (num_ops, n) indices into `operations`, first operation first."""
        layers = hash_words(hashes, np.arange(self.num_ops)[:, None])
        names, signs = below(hash_words(layers, "operation"), len(RANDAUGMENT)), below(hash_words(layers, "sign"), 2)
        return 2 * names + signs


@dataclass(frozen=True)
class AutoAugment:
    """One of the 25 pairs of operations of the CIFAR-10 policy, each applied with its probability."""

    def operations(self, size: int) -> tuple[Operation, ...]:
        """Return all operations that an image may get: identity, then the policy's, each positive and then negative."""
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
    """Return 25 pairs of (name, probability, level from 0 to 9 or None for an operation without magnitude)."""
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
