"""The criterion of a failed seed: what it declares, and what it leaves alone."""

import math

import pytest
from scipy import stats

from bench.analysis.failed_seeds import failed_seeds, failed_share
from bench.analysis.stats.statistics_errors import LevelError

HEALTHY = [0.80, 0.81, 0.82, 0.83, 0.81]
CONSTANT = "stayed at the best constant answer"


@pytest.mark.parametrize(
    ("accuracies", "constant_answer", "num_images", "expected"),
    [
        ([*HEALTHY, 0.50], math.nan, 0, {5: "31.0 points below the median of the others"}),
        ([*HEALTHY, 0.72], math.nan, 0, {}),
        ([0.30, *HEALTHY, 0.50], math.nan, 0, {0: 51, 6: 31}),
        ([0.60, 0.65, 0.70, 0.75, 0.80, 0.55], math.nan, 0, {}),
        ([0.80, 0.60], math.nan, 0, {}),
        ([0.80], 0.1, 1000, {}),
        ([0.80, 0.10], 0.1, 1000, {1: CONSTANT}),
        ([0.99, 0.10, 0.12, 0.10], 0.1, 1000, {1: CONSTANT, 2: CONSTANT, 3: CONSTANT}),
        ([0.99, 0.10], 0.1, 0, {}),
        ([0.10, 0.12, 0.10], 0.1, 1000, {}),
        ([0.12, 0.14, 0.15, 0.13], 0.1, 1000, {}),
        ([0.11, 0.12, 0.14, 0.16, 0.21, 0.12], 0.1, 1000, {}),
        ([0.90, 0.97, 0.96], 0.9, 1000, {0: CONSTANT}),
        ([0.90, 0.93, 0.97], 0.9, 1000, {}),
        ([0.55, 0.55, 0.56, 0.35], math.nan, 0, {3: 20}),
        ([0.55, 0.55, 0.56, 0.35], math.nan, 40, {}),
    ],
)
def test_who_failed(
    accuracies: list[float], constant_answer: float, num_images: int, expected: dict[int, str | float]
) -> None:
    """Far below the others, or at the constant answer while another seed learned; not in weak or scattered rows."""
    found = failed_seeds(dict(enumerate(accuracies)), constant_answer, num_images)
    assert found.keys() == expected.keys()
    for seed, why in expected.items():
        assert found[seed] == why or found[seed].startswith(f"{why}.")


@pytest.mark.parametrize(("num_failed", "num_seeds"), [(0, 6), (1, 6), (6, 6), (2, 10)])
def test_the_share_has_the_exact_interval(num_failed: int, num_seeds: int) -> None:
    found = failed_share(num_failed, num_seeds)
    assert found.mean == num_failed / num_seeds
    if num_failed:
        assert stats.binom.sf(num_failed - 1, num_seeds, found.low) == pytest.approx(0.025)
    if num_failed < num_seeds:
        assert stats.binom.cdf(num_failed, num_seeds, found.high) == pytest.approx(0.025)
    assert not failed_share(0, 0).is_known
    with pytest.raises(LevelError):
        failed_share(1, 6, 1.0)
