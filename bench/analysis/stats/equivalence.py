"""Test equivalence: whether a difference lies within a margin of zero, by two one-sided tests.

Schuirmann, A comparison of the two one-sided tests procedure and the power approach (1987). A test that finds no
difference shows no equality. This one has to show that the difference is smaller than the margin on both sides, so a
difference that is known too loosely is not shown to be equal.
"""

import math

from scipy import optimize

from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.statistics_errors import MarginError


def equivalence_p_value(estimate: Estimate, margin: float, most_degrees: float = math.inf) -> float:
    """Return the greater p-value of the two one-sided tests: below alpha, the difference is within the margin.

    It is below alpha if and only if the interval at 1 - 2 alpha lies within the margin.

    Args:
        estimate: Of the difference.
        margin: Above zero, in its units.
        most_degrees: Of freedom, as verdicts allow themselves if seeds are few.

    Raises:
        MarginError: The margin is not a finite number above zero.
    """
    if not (math.isfinite(margin) and margin > 0):
        raise MarginError(f"margin {margin}: equality needs a finite one above zero")
    return max(_upper_tail(estimate, margin + side, most_degrees) for side in (estimate.mean, -estimate.mean))


def _upper_tail(estimate: Estimate, distance: float, most_degrees: float) -> float:
    """Return the p-value of a difference that lies this far inside the margin: its one-sided limit meets it there."""
    errors = distance / estimate.standard_error
    if errors <= 0:
        return 1 - _upper_tail(estimate, -distance, most_degrees) if errors < 0 else 0.5
    most = 1 - 1e-15
    if estimate.quantile(most, most_degrees) < errors:
        return 1 - most

    def beyond(probability: float) -> float:
        return estimate.quantile(probability, most_degrees) - errors

    return 1 - float(optimize.brentq(beyond, 0.5, most))
