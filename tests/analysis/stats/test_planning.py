"""Planned intervals: exact where the parts of the variance are known, and wider for fewer seeds and images."""

import math

import numpy as np
import pytest
from scipy import stats

from bench.analysis.stats.crossed import CROSSED, Estimate, crossed_mean, seeds_mean
from bench.analysis.stats.planning import (
    images_for_margin,
    narrowest_margin,
    planned,
    planned_half_width,
    seeds_for_margin,
    smallest_difference,
)

PILOT = Estimate(0.0, 3, 3e-4, 2, 1e-4, 400, CROSSED, rest_variance=1e-4)


def test_parts_of_the_variance_shrink_with_seeds_and_images() -> None:
    suite = planned(PILOT, 6, 4.0)
    assert suite.seeds_variance == pytest.approx((2e-4 + 1e-4 / 4) / 2)
    assert suite.rest_variance == pytest.approx(1e-4 / 8)
    assert (suite.images_variance, suite.seeds_degrees) == pytest.approx((1e-4 / 4, 5))
    assert planned(PILOT, 3) == PILOT


def test_the_rest_is_found_in_answers() -> None:
    """Seeds that differ by ten points, beside answers that vary by themselves."""
    draws = np.random.default_rng(0)
    answers = (draws.random((40, 500)) < draws.normal(0.6, 0.1, (40, 1))).astype(float)
    pilot = crossed_mean([answers])
    assert pilot.rest_variance == pytest.approx((0.24 - 0.01) / answers.size, rel=0.05)
    assert pilot.seeds_variance > 5 * pilot.rest_variance


def test_students_interval_over_seeds() -> None:
    pilot = seeds_mean([0.1, 0.2, 0.4])
    half = stats.t.ppf(0.975, 9) * np.std([0.1, 0.2, 0.4], ddof=1) / math.sqrt(10)
    assert planned_half_width(pilot, 10, 0.95) == pytest.approx(half)


def test_the_smallest_difference_has_the_power_of_a_noncentral_t_test() -> None:
    """As a pilot of very many seeds knows its spread."""
    pilot = Estimate(0.0, 100_000, 1e-5, 99_999, 0.0, math.inf, "seeds")
    found = smallest_difference(pilot, 8, 0.95) / math.sqrt(1e-5 * 100_000 / 8)
    power = stats.nct.sf(stats.t.ppf(0.975, 7), 7, found)
    assert power == pytest.approx(0.8, abs=0.01)


def test_what_a_narrow_margin_takes() -> None:
    margin = 0.9 * narrowest_margin(PILOT, 6, 0.99)
    seeds = seeds_for_margin(PILOT, margin, 0.99)
    images = images_for_margin(PILOT, 6, 401, margin, 0.99)
    assert seeds is not None
    assert images is not None
    assert narrowest_margin(PILOT, seeds, 0.99) <= margin < narrowest_margin(PILOT, seeds - 1, 0.99)
    assert narrowest_margin(PILOT, 6, 0.99, images / 401) <= 1.001 * margin
    assert 401 < images < 2000


def test_a_point_takes_more_than_900_digits() -> None:
    """If one answer in ten differs between two models, and seeds differ in nothing."""
    pilot = Estimate(0.0, 3, 1e-9, 2, 0.1 / 900, 899, CROSSED)
    assert seeds_for_margin(pilot, 0.01, 0.99) is None
    assert (images_for_margin(pilot, 6, 900, 0.01, 0.99) or 0) > 10_000
    only_seeds = Estimate(0.0, 3, 1e-3, 2, 1e-9, 899, CROSSED)
    assert images_for_margin(only_seeds, 6, 900, 0.01, 0.99) is None
