"""Pairs beside a difference: how many, of how many that a test needs, and its p-value."""

import math

import pandas as pd
import pytest

from bench.analysis.format import decimal, pairs_and_p, percent, points, signed
from bench.analysis.frames import rounded
from bench.report.layout import interval_over


@pytest.mark.parametrize(
    ("num_pairs", "needed", "p_value", "words"),
    [
        (1, 6, math.nan, "1 of 6 pairs"),
        (5, 6, math.nan, "5 of 6 pairs"),
        (6, 9, math.nan, "6 of 9 pairs"),
        (6, 6, 0.03125, "6 pairs, p = 0.031"),
        (20, 6, 0.00002, "20 pairs, p < 0.001"),
        (6, 6, math.nan, "6 pairs"),
    ],
)
def test_pairs_and_p(num_pairs: int, needed: int, p_value: float, words: str) -> None:
    assert pairs_and_p(num_pairs, needed, p_value) == words


def test_interval_over() -> None:
    assert interval_over(["seeds", "", "seeds"]) == interval_over([]) == "seeds"
    assert interval_over(["", "seeds and images"]) == "seeds and test images"
    assert (
        interval_over(["seeds", "seeds and images"]) == "seeds, and over test images if per-image correctness is kept"
    )


@pytest.mark.parametrize("mean", [0.7535 - 1e-16, 0.7535, 0.7535 + 1e-16])
def test_the_last_bits_of_a_mean_decide_no_digit(mean: float) -> None:
    assert percent(mean) == "75.3 %"
    assert points(mean - 0.5) == "+25.4"


def test_intervals_are_given_by_their_ends() -> None:
    """Which need not be equally far from the mean; ends of differences have signs unless both are positive."""
    assert percent(0.753, 0.608, 0.857) == "75.3 % (60.8 to 85.7)"
    assert percent(0.753, 0.608, 0.857, places=0) == "75 % (61 to 86)"
    assert points(0.029, 0.018, 0.04) == "+2.9 (1.8 to 4.0)"
    assert points(0.004, -0.01, 0.018) == "+0.4 (\N{MINUS SIGN}1.0 to +1.8)"
    assert points(-0.159, -0.19, -0.128) == "\N{MINUS SIGN}15.9 (\N{MINUS SIGN}19.0 to \N{MINUS SIGN}12.8)"
    assert (percent(0.5, math.nan, math.nan), points(0.5, math.nan, math.nan)) == ("50.0 %", "+50.0")


@pytest.mark.parametrize("value", [0.0, -0.0, 0.04, -0.04, -1e-12])
def test_what_rounds_to_zero_has_no_sign(value: float) -> None:
    assert (decimal(value, 1), signed(value), decimal(value, 0)) == ("0.0", "0.0", "0")
    assert points(value / 100, -0.0004, 0.01) == "0.0 (0.0 to +1.0)"
    assert (decimal(-0.06, 1), signed(-10.0), signed(10.0), signed(0.05)) == (
        "\N{MINUS SIGN}0.1",
        "\N{MINUS SIGN}10.0",
        "+10.0",
        "+0.1",
    )


def test_what_is_computed_is_rounded_and_the_rest_is_kept() -> None:
    table = pd.DataFrame({"mean": [1 / 3, math.nan], "p": [2 / 3, 1e-9 / 3], "n": [1, 2], "name": ["a", None]})
    found = rounded(table, fitted=["p"])
    pd.testing.assert_frame_equal(found, table.assign(mean=[0.333333333, math.nan], p=[0.666667, 3.33333e-10]))
    pd.testing.assert_frame_equal(rounded(found, fitted=["p"]), found)
