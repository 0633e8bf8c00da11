"""Correct for multiple comparisons: p-values by Holm's procedure, levels of intervals by Bonferroni's."""

from collections.abc import Callable, Sequence

import numpy as np

from bench.analysis.stats.intervals import LEVEL, require_level
from bench.analysis.stats.statistics_errors import FamilyError


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return Holm's adjusted p-values of a family, which control the risk of any false rejection.

    Holm, A simple sequentially rejective multiple test procedure (1979). None stands for a comparison with too few
    pairs for a p-value: it counts as a member that cannot be rejected, and stays None.

    Raises:
        FamilyError: There is no member, or a p-value is not between 0 and 1.
    """
    known = [1.0 if p is None else float(p) for p in p_values]
    if not known or not all(0 <= p <= 1 for p in known):
        raise FamilyError(f"p-values {list(p_values)}: there must be at least one, and each from 0 to 1 or None")
    order = np.argsort(known, kind="stable")
    stepped = np.maximum.accumulate(np.asarray(known)[order] * (len(known) - np.arange(len(known))))
    adjusted = np.empty(len(known))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [None if p is None else float(value) for p, value in zip(p_values, adjusted, strict=True)]


def step_down(size: int, is_rejected: Callable[[int, float], bool], level: float = LEVEL) -> set[int]:
    """Return which members of a family are rejected by Holm's procedure, whose level gets milder at each step.

    Args:
        size: The number of members.
        is_rejected: Tells whether the interval of a member, by its number, rejects at a level.
        level: The level at which no member is rejected wrongly.
    """
    rejected: set[int] = set()
    while left := [number for number in range(size) if number not in rejected]:
        strict = corrected_level(len(left), level)
        step = {number for number in left if is_rejected(number, strict)}
        if not step:
            break
        rejected |= step
    return rejected


def corrected_level(family: int, level: float = LEVEL) -> float:
    """Return the level of each interval at which all intervals of a family together cover the truth at `level`.

    This is Bonferroni's correction, which is valid for any dependence between the comparisons.

    Raises:
        FamilyError: There is no member.
        LevelError: The level is not between 0 and 1.
    """
    if family < 1:
        raise FamilyError(f"a family of {family} comparisons: it must have at least one")
    require_level(level)
    return 1 - (1 - level) / family
