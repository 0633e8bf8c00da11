"""The largest rung is predicted from the smaller ones where they follow a law, whatever comes."""

import numpy as np
import pytest

from bench.analysis.ladder.extrapolation import Prediction, predict_largest

RUNGS = np.arange(5)
LAW = 0.95 - 0.5 * 4.0 ** (-0.3 * RUNGS)


def predicted(accuracy: np.ndarray, spread: float = 1e-3, num_seeds: int = 6) -> Prediction:
    noise = np.random.default_rng(1).normal(0, spread, (num_seeds, 1, len(accuracy)))
    found = predict_largest([256 * 4**rung for rung in range(len(accuracy))], [accuracy + noise])
    assert found is not None
    assert found.size == 256 * 4 ** (len(accuracy) - 1)
    assert found.measured == pytest.approx((accuracy + noise)[:, 0, -1].mean())
    return found


@pytest.mark.parametrize("comes", [0.0, -0.1])
def test_the_law_of_the_smaller_rungs_predicts_the_largest(comes: float) -> None:
    """Whether what comes follows the law or not, though then no law fits all rungs."""
    found = predicted(LAW + comes * (RUNGS == 4))
    assert found.reason == ""
    assert found.predicted is not None
    assert found.predicted.mean == pytest.approx(LAW[-1], abs=0.005)
    assert found.predicted.low < LAW[-1] < found.predicted.high
    assert found.predicted.n == 6
    assert found.is_held == (comes == 0)


def test_the_interval_holds_the_noise_of_the_new_rung() -> None:
    """With smaller rungs that are almost the same in all seeds, the largest varies by 2 points."""
    parts = LAW + np.random.default_rng(2).normal(0, 1e-4, (6, 1, 5))
    parts[:, 0, -1] += np.array([-0.02, 0.02] * 3)
    found = predict_largest([256 * 4**rung for rung in range(5)], [parts])
    assert found is not None
    assert found.predicted is not None
    # The standard error of the six is 0.9 points, and Student's quantile 2.57.
    assert found.predicted.high - found.predicted.low == pytest.approx(2 * 2.57 * 0.0089, rel=0.05)


@pytest.mark.parametrize(
    ("accuracy", "reason"),
    [
        (np.full(5, 0.6), "the accuracy does not clearly rise from 256 to 16,384 images"),
        (0.4 + 0.3 * (RUNGS > 1), "the best law lies up to"),
    ],
)
def test_without_a_law_nothing_is_predicted(accuracy: np.ndarray, reason: str) -> None:
    found = predicted(accuracy)
    assert (found.predicted, found.is_held) == (None, None)
    assert found.reason.startswith(reason)


def test_four_rungs_are_too_few() -> None:
    assert predict_largest([1, 2, 4, 8], [np.tile(LAW[:4], (3, 1, 1))]) is None
    assert predicted(LAW, num_seeds=1).reason == "one seed shows no spread; an interval needs two"
