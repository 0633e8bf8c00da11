"""Intervals are as wide as was planned from pilot seeds, and the smallest planned difference is decided as promised."""

import numpy as np
import pytest

from bench.analysis.stats.crossed import crossed_mean
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.planning import planned_half_width, smallest_difference
from bench.analysis.stats.verdicts import verdict_interval
from tests.analysis.simulated.experiments import EFFECTS, Effects, answers_of_models

pytestmark = pytest.mark.slow

SUITES, IMAGES, LEVEL = 400, 200, corrected_level(12)


@pytest.mark.parametrize(("pilot_seeds", "num_seeds"), [(3, 6), (6, 6), (4, 12)])
@pytest.mark.parametrize("effects", EFFECTS, ids=lambda effects: effects.name)
def test_from_a_pilot_to_a_suite(effects: Effects, pilot_seeds: int, num_seeds: int) -> None:
    """At the level of twelve claims. Two models of equal accuracy: so the distance of the truth is that of the limit.

    Planned and found widths are root mean squares, since a pilot of three seeds knows its spread badly.
    """
    generator = np.random.default_rng([pilot_seeds, num_seeds])
    planned, found, decided = [], [], []
    for first, second in answers_of_models((0.7, 0.7), effects, pilot_seeds + num_seeds, IMAGES, generator, SUITES):
        pilot = crossed_mean([(first - second)[:pilot_seeds]])
        interval = verdict_interval(crossed_mean([(first - second)[pilot_seeds:]]), LEVEL)
        planned.append(planned_half_width(pilot, num_seeds, LEVEL))
        found.append((interval.high - interval.low) / 2)
        decided.append(interval.low > -smallest_difference(pilot, num_seeds, LEVEL))
    ratio = np.sqrt(np.mean(np.square(planned)) / np.mean(np.square(found)))
    assert 0.85 <= ratio <= 1.15
    assert 0.72 <= np.mean(decided) <= 0.92
