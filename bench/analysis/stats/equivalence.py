"""Test equivalence: whether a difference lies within a margin of zero, by two one-sided tests.

Schuirmann, A comparison of the two one-sided tests procedure and the power approach (1987). A test that finds no
difference does not show equality. This test must show that the difference is smaller than the margin on both sides, so
an imprecise estimate never passes it.
"""

import math

from scipy import optimize

from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.statistics_errors import MarginError


def equivalence_p_value(estimate: Estimate, margin: float, most_degrees: float = math.inf) -> float:
    """Return the greater p-value of the two one-sided tests.

    It is below alpha if and only if the interval at 1 - 2 alpha lies within the margin.

    Args:
        estimate: The estimate of the difference.
        margin: The margin, above zero, in the units of the estimate.
        most_degrees: The most degrees of freedom to use; verdicts limit them if seeds are few.

    Raises:
        MarginError: The margin is not a finite number above zero.
    """
    if not (math.isfinite(margin) and margin > 0):
        raise MarginError(f"margin {margin}: it must be finite and above zero")
    return max(_upper_tail(estimate, margin - side * estimate.mean, side, most_degrees) for side in (-1, 1))


def _upper_tail(estimate: Estimate, distance: float, side: int, most_degrees: float) -> float:
    """Return the p-value of a difference at this distance inside the margin, by inverting the one-sided limit."""
    if distance <= 0:
        return 1 - _upper_tail(estimate, -distance, -side, most_degrees) if distance < 0 else 0.5

    def beyond(probability: float) -> float:
        half_width = estimate.quantile(probability, most_degrees) * estimate.standard_error
        return half_width + estimate.lengthened(probability, side) - distance

    most = 1 - 1e-15
    return 1 - most if beyond(most) < 0 else 1 - float(optimize.brentq(beyond, 0.5, most))
