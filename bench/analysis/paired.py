"""Paired differences: each seed and test image of one row less the same seed and image of another.

Pairing takes out what both rows share: the image's difficulty, and the seed's order of images. The seed stays the
independent unit. Where differences of several rungs and targets are put together, they are weighed within each seed
and image first, so that what they share is never counted as if it were independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.analysis.answers import Answers, require_paired
from bench.analysis.crossed import Estimate, crossed_mean
from bench.analysis.errors import EmptySampleError, UnpairedError


@dataclass(frozen=True)
class Pair:
    """A row and what it is compared with."""

    row: Answers
    reference: Answers

    def __post_init__(self) -> None:
        """Refuse rows that seeds and images do not pair."""
        require_paired([self.row, self.reference])

    @property
    def differences(self) -> np.ndarray:
        """(seeds, images), -1 to 1: row less reference."""
        return self.row.correct - self.reference.correct

    @property
    def by_seed(self) -> dict[int, float]:
        """The difference of accuracies of each seed."""
        return dict(zip(self.row.seeds, self.differences.mean(axis=1).tolist(), strict=True))


def paired_difference(row: Answers, reference: Answers) -> Estimate:
    """How far a row's accuracy lies above its reference's, in shares of 1.

    Raises:
        UnpairedError, DifferentImagesError: the rows do not pair.
        SingleSeedError, ConstantError: there is no interval.
    """
    return crossed_mean([Pair(row, reference).differences])


def mean_difference(pairs: Sequence[Pair]) -> Estimate:
    """The mean of some pairs' differences, such as those of all rungs and targets of two models.

    Each target weighs the same, and within it each pair does. Targets are told apart by their test images: slices
    of one target share them.

    Raises:
        EmptySampleError: there is no pair.
        UnpairedError: the pairs differ in their seeds.
        SingleSeedError, ConstantError: there is no interval.
    """
    return crossed_mean([np.mean([pair.differences for pair in same], axis=0) for same in by_images(pairs).values()])


def by_images(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """Pairs that were tested on the same images, in the order of their first.

    Raises:
        EmptySampleError: there is no pair.
        UnpairedError: the pairs differ in their seeds.
    """
    if not pairs:
        raise EmptySampleError("no pairs: a difference needs at least one")
    if len(seeds := {pair.row.seeds for pair in pairs}) > 1:
        raise UnpairedError(f"pairs of different seeds: {', '.join(str(list(some)) for some in sorted(seeds))}")
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(pair.row.images, []).append(pair)
    return found


def seed_differences(pairs: Sequence[Pair]) -> dict[int, float]:
    """The mean difference of each seed, weighed as in `mean_difference`; what a permutation test flips."""
    targets = by_images(pairs).values()
    means = [[np.mean([pair.by_seed[seed] for pair in same]) for seed in pairs[0].row.seeds] for same in targets]
    return dict(zip(pairs[0].row.seeds, np.mean(means, axis=0).tolist(), strict=True))
