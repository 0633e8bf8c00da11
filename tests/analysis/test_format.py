"""Pairs beside a difference: how many, of how many that a test needs, and its p-value."""

import math

import pytest

from bench.analysis.format import pairs_and_p
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
