"""Predict the largest rung of a ladder from the smaller ones, to show how far an extrapolation can be trusted.

A power law is fitted to all rungs but the largest, with the same test of fit. Whether the law fits all rungs does not
matter: otherwise the failures would be passed over. The interval of the prediction is that of its difference from what
came. Both are of the same seeds and test images, so it holds the uncertainty of the fit and the noise of the new rung.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.scaling import FEWEST_RUNGS, Parts, fit_law, mean_accuracy, require_fit, weighted
from bench.analysis.stats.statistics_errors import AnalysisError, NotRisingError
from bench.analysis.stats.trends import require_rise


@dataclass(frozen=True)
class Prediction:
    """The accuracy at the largest rung, as predicted from the smaller ones and as it came."""

    size: int
    """The pretraining images of the largest rung."""
    measured: float
    predicted: Interval | None = None
    """The prediction with its interval for what comes, 0 to 1."""
    reason: str = ""
    """Why nothing is predicted; empty if something is."""

    @property
    def is_held(self) -> bool | None:
        """Tell whether the interval holds what came; None without a prediction."""
        return None if self.predicted is None else self.predicted.low <= self.measured <= self.predicted.high


def predict_largest(sizes: Sequence[int], parts: Parts, level: float = LEVEL) -> Prediction | None:
    """Return the prediction of the largest rung; None if there are fewer than five rungs.

    Args:
        sizes: The pretraining images of the rungs, ascending.
        parts: (seeds, images, rungs) for each target, 0 to 1.
        level: The confidence level of the prediction's interval.
    """
    if len(sizes) < FEWEST_RUNGS:
        return None
    known, accuracy = [part[:, :, :-1] for part in parts], mean_accuracy(parts)
    largest = Prediction(int(sizes[-1]), float(accuracy[-1]))
    try:
        require_rise(sizes[:-1], known, level)
        law = fit_law(sizes[:-1], accuracy[:-1], fewest=FEWEST_RUNGS - 1)
        require_fit(law, known)
        value = law.accuracy(largest.size)
        apart = weighted(parts, np.append(law.weights(largest.size), -1.0), value - largest.measured).interval(level)
    except NotRisingError as error:
        return Prediction(largest.size, largest.measured, reason=f"the accuracy {error}")
    except AnalysisError as error:
        return Prediction(largest.size, largest.measured, reason=str(error))
    low, high = max(0.0, value - (apart.high - apart.mean)), min(1.0, value + apart.mean - apart.low)
    return Prediction(largest.size, largest.measured, Interval(value, low, high, apart.n))
