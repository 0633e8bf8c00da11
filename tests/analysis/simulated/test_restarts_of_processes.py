"""Speeds of processes that differ by 2 %: what rounds and what restarts say of a change that is not there.

Deliberately wrong for intervals over rounds, which take the rounds of one process for independent. With one process in
twelve that is 30 % slower, also wrong for intervals over restarts, which take their logarithms for normal.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from scipy import stats

from bench.analysis.stats.intervals import LEVEL
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.ratios import FEWEST_RESTARTS, change_over_restarts, logs_of_restarts, ratio_over_restarts
from tests.analysis.simulated.table import Row, require_documented

SPREAD, NOISE = 0.02, 0.012
"""Standard deviations of the logarithm of a row's time over its reference's: of processes, and of rounds."""
ROUNDS = (10, 50, 200)
SLOW = (0.0, 1 / 12)
NUM_DRAWS, ROWS = 2400, 12
"""Pairs of measurements, and the rows that a comparison has."""


def processes(num: int, rounds: int, slow: float = 0.0) -> np.ndarray:
    """Return (num, rounds): log times over the reference's, of which 0 is the typical process'.

    Args:
        num: The number of processes.
        rounds: The rounds of each process.
        slow: The share of processes that are slower by 30 %.
    """
    generator = np.random.default_rng(rounds)
    of_process = generator.normal(0, SPREAD, (num, 1)) + np.log(1.3) * (generator.random((num, 1)) < slow)
    return of_process + generator.normal(0, NOISE, (num, rounds))


@cache
def called_different_by_rounds(rounds: int) -> float:
    """Return the share of pairs of one process each that the Mann-Whitney test of their rounds calls different."""
    old, new = processes(2 * NUM_DRAWS, rounds).reshape(2, NUM_DRAWS, rounds)
    return float(np.mean(stats.mannwhitneyu(new, old, axis=1).pvalue < 1 - LEVEL))


@cache
def over_restarts(rounds: int, slow: float) -> tuple[float, float, float]:
    """Return three shares of measurements of six processes.

    They are the changes and the ratios whose interval holds the truth, and the comparisons that call a row different.
    """
    medians = np.median(processes(2 * NUM_DRAWS * FEWEST_RESTARTS, rounds, slow), axis=1)
    old, new = medians.reshape(2, NUM_DRAWS, FEWEST_RESTARTS)
    changes = [change_over_restarts(*pair) for pair in zip(old, new, strict=True)]
    level = corrected_level(ROWS)
    of_rows = [change_over_restarts(*pair, level) for pair in zip(old, new, strict=True)]
    different = np.array([not change.low <= 1 <= change.high for change in of_rows]).reshape(-1, ROWS).any(axis=1)
    ratios = [ratio_over_restarts(one) for one in new]
    of_change, of_ratio = (np.mean([one.low <= 1 <= one.high for one in found]) for found in (changes, ratios))
    return float(of_change), float(of_ratio), float(different.mean())


@pytest.mark.slow
@pytest.mark.parametrize(("rounds", "least"), [(10, 0.60), (50, 0.80), (200, 0.88)])
def test_rounds_of_one_process_each_call_equal_code_different(rounds: int, least: float) -> None:
    """The more so the more rounds there are, so a change of one process each has no verdict."""
    assert called_different_by_rounds(rounds) > least


@pytest.mark.slow
@pytest.mark.parametrize("slow", SLOW)
@pytest.mark.parametrize("rounds", ROUNDS)
def test_restarts_hold_their_level(rounds: int, slow: float) -> None:
    """However many rounds each has, for one row and for the rows of a comparison together."""
    of_change, of_ratio, different = over_restarts(rounds, slow)
    assert of_change > 0.94
    assert of_ratio > 0.93
    assert different < 0.08


def test_more_rounds_do_not_narrow_an_interval_over_restarts() -> None:
    """Its width is that of the processes."""
    for rounds in (50, 5000):
        times = np.exp(processes(FEWEST_RESTARTS, rounds))
        restarts = np.repeat(np.arange(FEWEST_RESTARTS), rounds)
        found = ratio_over_restarts(logs_of_restarts(times.ravel(), np.ones(times.size), restarts))
        assert np.log(found.high / found.low) > SPREAD


def rows() -> Iterator[Row]:
    """Yield what the page says of equal code that is measured twice, by the number of rounds."""
    wrong = {rounds: called_different_by_rounds(rounds) for rounds in ROUNDS}
    data = "one process each, over its rounds, which is not done"
    yield _row("change of a speed", data, "wrong", "5 % called different", wrong)
    for slow, data, assumptions in (
        (0.0, "six processes each", "right"),
        (SLOW[1], "six processes each, 1 in 12 slower by 30 %", "wrong"),
    ):
        change, ratio, different = ({one: over_restarts(one, slow)[place] for one in ROUNDS} for place in range(3))
        yield _row("change of a speed", data, assumptions, "95 % hold", change)
        yield _row("ratio of speeds, of the typical process", data, assumptions, "95 % hold", ratio)
        draws = NUM_DRAWS // ROWS
        of_table = "any change of twelve rows"
        yield _row(of_table, data, assumptions, "5 % called different", different, draws)


def _row(of: str, data: str, assumptions: str, promised: str, found: dict[int, float], draws: int = NUM_DRAWS) -> Row:
    shares = {f"{rounds} rounds": share for rounds, share in found.items()}
    return Row(of, data, assumptions, promised, draws, shares)


@pytest.mark.slow
def test_rows_of_the_page() -> None:
    require_documented("restarts_of_processes", rows())
