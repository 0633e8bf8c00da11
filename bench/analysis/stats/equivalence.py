"""Equivalence: whether a difference lies within a margin of zero, by two one-sided tests.

Schuirmann, A comparison of the two one-sided tests procedure and the power approach (1987). A test that finds no
difference shows no equality; this one has to show that the difference is smaller than the margin on both sides, and
what is too loosely known is not shown to be equal.
"""

import math
from dataclasses import dataclass

from scipy import optimize

from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.permutation import ALPHA
from bench.analysis.stats.statistics_errors import LevelError, MarginError


@dataclass(frozen=True)
class Equivalence:
    """Both one-sided tests together."""

    margin: float
    p_value: float
    """The greater one of the two tests': below alpha, the difference is within the margin."""
    interval: Interval
    """At 1 - 2 alpha, such as 90 %: it lies within the margin if and only if the p-value is below alpha."""
    is_equivalent: bool


def equivalence_test(
    estimate: Estimate, margin: float, alpha: float = ALPHA, most_degrees: float = math.inf
) -> Equivalence:
    """Test whether a difference lies within a margin of zero.

    Args:
        estimate: of the difference.
        margin: above zero, in its units.
        alpha: the risk of calling equal what is not.
        most_degrees: of freedom, as verdicts allow themselves where seeds are few.

    Raises:
        MarginError: the margin is not a finite number above zero.
        LevelError: alpha is not between 0 and 0.5.
    """
    if not (math.isfinite(margin) and margin > 0):
        raise MarginError(f"margin {margin}: equality needs a finite one above zero")
    if not 0 < alpha < 0.5:
        raise LevelError(f"alpha {alpha}: the risk of a one-sided test lies between 0 and 0.5, such as 0.05")
    p_value = max(_upper_tail(estimate, margin + side, most_degrees) for side in (estimate.mean, -estimate.mean))
    return Equivalence(margin, p_value, estimate.interval(1 - 2 * alpha, most_degrees), p_value < alpha)


def _upper_tail(estimate: Estimate, distance: float, most_degrees: float) -> float:
    """The p-value of a difference that lies this far inside the margin: where its one-sided limit would meet it."""
    errors = distance / estimate.standard_error
    if errors <= 0:
        return 1 - _upper_tail(estimate, -distance, most_degrees) if errors < 0 else 0.5
    most = 1 - 1e-15
    if estimate.quantile(most, most_degrees) < errors:
        return 1 - most

    def beyond(probability: float) -> float:
        return estimate.quantile(probability, most_degrees) - errors

    return 1 - float(optimize.brentq(beyond, 0.5, most))
