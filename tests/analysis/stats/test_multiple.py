"""Holm's procedure and the level of a family."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from bench.analysis.stats.multiple import corrected_level, holm
from bench.analysis.stats.statistics_errors import FamilyError, LevelError


def test_holm_by_hand() -> None:
    """The smallest of four by four, the next by three, never below the one before, never above one."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]


def test_a_comparison_without_a_p_value_counts() -> None:
    """It has too few pairs to reject, so the others are corrected as if it did not."""
    assert holm([0.01, None, 0.02]) == [pytest.approx(0.03), None, pytest.approx(0.04)]
    assert holm([None]) == [None]


@settings(max_examples=5)  # each of theirs collects garbage for a tenth of a second
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_bonferroni_does(p_values: list[float]) -> None:
    """And keeps the order of the p-values."""
    adjusted = [p for p in holm(p_values) if p is not None]
    pairs = sorted(zip(p_values, adjusted, strict=True))
    assert all(p <= found <= min(1.0, p * len(p_values)) for p, found in pairs)
    assert [found for _, found in pairs] == sorted(adjusted)


def test_level_of_a_family() -> None:
    assert corrected_level(1) == pytest.approx(0.95)
    assert corrected_level(5, 0.9) == pytest.approx(0.98)


def test_wrong_families_are_named() -> None:
    for p_values in ([], [1.2], [-0.1], [float("nan")]):
        with pytest.raises(FamilyError):
            holm(p_values)
    with pytest.raises(FamilyError):
        corrected_level(0)
    with pytest.raises(LevelError):
        corrected_level(3, 95)
