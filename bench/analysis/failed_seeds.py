"""Tell seeds that failed to train from the others, by a criterion that was fixed before any result was seen.

A seed of a row failed to train if its run diverged, if it stayed at the best constant answer while every other seed
either stayed, too, or lies clearly above, or if it lies far below the others. Runs that ran out of memory, raised an
exception or are missing did not fail to train: nothing is known of them. A row whose seeds all stay at the constant
answer did not fail either: it cannot do the task, and its accuracy says so.

Failures are an estimand of their own: the share of failed seeds, and accuracy given success.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import median

from scipy import stats

from bench.analysis.format import decimal
from bench.analysis.stats.intervals import LEVEL, Interval, require_level, unknown

DIVERGED = "diverged"
DISTANCE = 0.10
"""The least distance of a failed seed below the median of the row's other seeds, as a share of 1.

Also the least distance of seeds that learned above those that stayed, as a share of the constant answer's errors."""
TIMES = 4
"""A failed seed is also this many times as far below that median as the best of the others is above it."""
STANDARD_ERRORS = 3
"""What the chance of the test images allows an accuracy to differ, in standard errors of a single share."""


def failed_seeds(accuracy: Mapping[int, float], constant_answer: float, num_images: int) -> dict[int, str]:
    """Return the seeds of a row that failed to train, with the reason in words.

    Args:
        accuracy: Seed -> test accuracy, 0 to 1.
        constant_answer: The test accuracy of the best constant answer; NaN if unknown.
        num_images: The number of test images; 0 if unknown. Without it no seed stays at the constant answer.
    """
    reasons = {
        seed: _reason(value, [other for key, other in accuracy.items() if key != seed], constant_answer, num_images)
        for seed, value in accuracy.items()
    }
    return {seed: reason for seed, reason in reasons.items() if reason}


def failed_share(num_failed: int, num_seeds: int, level: float = LEVEL) -> Interval:
    """Return the share of failed seeds with its exact interval (Clopper and Pearson); NaN without a seed."""
    require_level(level)
    if not num_seeds:
        return unknown(0)
    ends = stats.binomtest(num_failed, num_seeds).proportion_ci(level, "exact")
    return Interval(num_failed / num_seeds, float(ends.low), float(ends.high), num_seeds)


def _reason(value: float, others: Sequence[float], constant_answer: float, num_images: int) -> str:
    """Return why a seed failed, given the accuracies of the row's other seeds; empty if it did not."""
    if not others:
        return ""
    if num_images and not math.isnan(constant_answer):
        chance = _chance(constant_answer, num_images)
        limit = constant_answer + chance
        learned = [other for other in others if other > limit]
        # A gap must lie between, or the seeds of a weak model, which vary around the limit, would be split by luck.
        gap = max(chance, DISTANCE * (1 - constant_answer))
        if value <= limit and learned and min(learned) > limit + gap:
            return "stayed at the best constant answer"
    middle = median(others)
    least = max(DISTANCE, TIMES * (max(others) - middle), _chance(middle, num_images) if num_images else 0.0)
    if len(others) > 1 and middle - value > least:
        return f"{decimal(100 * (middle - value), 1)} points below the median of the others"
    return ""


def _chance(share: float, num_images: int) -> float:
    return STANDARD_ERRORS * math.sqrt(share * (1 - share) / num_images)
