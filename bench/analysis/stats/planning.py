"""Plan the interval of a suite from the spread of pilot seeds, which the suite does not use.

The seeds' part of a pilot's variance shrinks with more seeds, the images' part with more test images, and the rest with
both (`crossed.py`). The smallest difference that a suite decides is drawn: the truth lies beyond a limit by a distance,
and the suite decides if its estimate, less half of its interval's width, still lies beyond. Error and width are drawn
from what the true variance may be, given the pilot's own degrees of freedom. Without a part of the images, the distance
over the pilot's standard error is pivotal, so that the chance of a decision, averaged over pilots, is the one stated.
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import stats

from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.power import MOST_SEEDS, POWER
from bench.analysis.stats.verdicts import most_degrees, verdict_interval

MOST_TIMES = 1000
"""The most times as many test images that are looked at."""
_DRAWS = 20_000


def planned(pilot: Estimate, num_seeds: int, times_images: float = 1.0) -> Estimate:
    """Return an estimate with the variance that a suite will have.

    Args:
        pilot: The estimate from pilot seeds.
        num_seeds: The number of the suite's seeds, two or more.
        times_images: How many times as many test images the suite has.
    """
    fewer_seeds = pilot.num_seeds / num_seeds
    seeds = pilot.seeds_variance - pilot.rest_variance * (1 - 1 / times_images)
    return replace(
        pilot,
        num_seeds=num_seeds,
        seeds_variance=seeds * fewer_seeds,
        seeds_degrees=num_seeds - 1,
        images_variance=pilot.images_variance / times_images,
        images_degrees=pilot.images_degrees * times_images,
        rest_variance=pilot.rest_variance * fewer_seeds / times_images,
    )


def planned_half_width(pilot: Estimate, num_seeds: int, level: float) -> float:
    """Return half of the width of the interval that verdicts of a suite will use, if its spread is the pilot's."""
    interval = verdict_interval(planned(pilot, num_seeds), level)
    return (interval.high - interval.low) / 2


def smallest_difference(pilot: Estimate, num_seeds: int, level: float, power: float = POWER) -> float:
    """Return the smallest distance of the truth from a limit that a suite decides with a probability of `power`."""
    half_widths, errors = _drawn(pilot, num_seeds, 1.0, level)
    return float(np.quantile(half_widths - errors, power))


def narrowest_margin(
    pilot: Estimate, num_seeds: int, level: float, times_images: float = 1.0, power: float = POWER
) -> float:
    """Return half of the distance of two limits within which a truth in their middle is found with that probability."""
    half_widths, errors = _drawn(pilot, num_seeds, times_images, level)
    return float(np.quantile(half_widths + np.abs(errors), power))


def seeds_for_margin(pilot: Estimate, margin: float, level: float) -> int | None:
    """Return the fewest seeds whose `narrowest_margin` is a margin; None if more than `MOST_SEEDS` are needed."""
    return _fewest(MOST_SEEDS, lambda number: narrowest_margin(pilot, number, level) <= margin)


def images_for_margin(pilot: Estimate, num_seeds: int, num_images: int, margin: float, level: float) -> int | None:
    """Return the fewest test images for a margin, to a hundredth; None if more than `MOST_TIMES` as many are needed.

    Args:
        pilot: The estimate from pilot seeds.
        num_seeds: The number of the suite's seeds.
        num_images: The number of the pilot's test images.
        margin: The margin.
        level: The confidence level of the interval.
    """

    def is_enough(hundredths: int) -> bool:
        return narrowest_margin(pilot, num_seeds, level, hundredths / 100) <= margin

    hundredths = _fewest(100 * MOST_TIMES, is_enough)
    return None if hundredths is None else math.ceil(num_images * hundredths / 100)


def _fewest(most: int, is_enough: Callable[[int], bool]) -> int | None:
    """Return the fewest from 2 to `most` that are enough, if the most are."""
    if not is_enough(most):
        return None
    numbers = range(2, most + 1)
    return numbers[bisect_left(numbers, True, key=is_enough)]


def _drawn(pilot: Estimate, num_seeds: int, times_images: float, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw half of the interval's width and the error of the estimate, (draws,) each; the draws are always the same."""
    suite, draws = planned(pilot, num_seeds, times_images), np.random.default_rng(0)
    normal, of_pilot = draws.standard_normal(_DRAWS), draws.chisquare(pilot.seeds_degrees, _DRAWS)
    true = suite.seeds_variance * pilot.seeds_degrees / of_pilot
    seen = true * draws.chisquare(suite.seeds_degrees, _DRAWS) / suite.seeds_degrees
    total = seen + suite.images_variance
    degrees = [min(one, most_degrees(suite)) for one in (suite.seeds_degrees, suite.images_degrees)]
    of_seeds, of_images = (float(stats.t.ppf((1 + level) / 2, one)) for one in degrees)
    # Cochran's quantile, as verdicts use it: the average of both by their shares of the variance.
    half_widths = (seen * of_seeds + suite.images_variance * of_images) / np.sqrt(total)
    return half_widths, normal * np.sqrt(true + suite.images_variance)
