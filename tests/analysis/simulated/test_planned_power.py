"""Intervals are as wide as was planned from pilot seeds, and the smallest planned difference is decided as promised."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from bench.analysis.stats.crossed import crossed_mean
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.planning import planned_half_width, smallest_difference
from bench.analysis.stats.verdicts import verdict_interval
from tests.analysis.simulated.coverage import FEW_EFFECTS, IN_WORDS
from tests.analysis.simulated.experiments import EFFECTS, Effects, answers_of_models
from tests.analysis.simulated.table import Row, require_documented

pytestmark = pytest.mark.slow

SUITES, IMAGES, LEVEL = 400, 200, corrected_level(12)
DESIGNS = ((3, 6), (6, 6), (4, 12))
"""Seeds of the pilot, and of the suite."""


@cache
def from_pilots_to_suites(effects: Effects, pilot_seeds: int, num_seeds: int) -> tuple[float, float]:
    """Return the ratio of planned to found widths, and how often a suite decides the smallest planned difference.

    At the level of twelve claims. Two models of equal accuracy: so the distance of the truth is that of the limit.
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
    return float(ratio), float(np.mean(decided))


@pytest.mark.parametrize(("pilot_seeds", "num_seeds"), DESIGNS)
@pytest.mark.parametrize("effects", EFFECTS, ids=lambda effects: effects.name)
def test_from_a_pilot_to_a_suite(effects: Effects, pilot_seeds: int, num_seeds: int) -> None:
    ratio, decided = from_pilots_to_suites(effects, pilot_seeds, num_seeds)
    assert 0.85 <= ratio <= 1.15
    assert 0.72 <= decided <= 0.92


def rows() -> Iterator[Row]:
    """Yield what the page says of plans, by the numbers of seeds of pilot and suite."""
    for effects, words in zip(FEW_EFFECTS, IN_WORDS, strict=True):
        shares = {f"{one} and {other}": from_pilots_to_suites(effects, one, other)[1] for one, other in DESIGNS}
        data = f"a difference as large as planned from a pilot; {words}"
        yield Row("verdict, one of twelve", data, "right", "80 % decided", SUITES, shares)


def test_rows_of_the_page() -> None:
    require_documented("planned_power", rows())
