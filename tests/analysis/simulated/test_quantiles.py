"""Intervals and verdicts miss the truth as seldom as they say if seeds and images both vary, as normal numbers do.

So many draws resolve the small risk of a verdict, which a thousand whole experiments do not.
"""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pytest

from bench.analysis.stats.crossed import CROSSED, Estimate
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.verdicts import verdict_interval
from tests.analysis.simulated.table import Row, require_documented

pytestmark = pytest.mark.slow

NUM_DRAWS, IMAGES = 20_000, 200
SEEDS, SHARES = (3, 5, 10), (0.2, 0.5, 0.9)
"""Numbers of seeds, and the seeds' share of the variance of a mean."""
FAMILY = corrected_level(12)


@cache
def missed(num_seeds: int, share: float) -> tuple[float, float, float]:
    """Return how often an accuracy's interval, a difference's, and that of one verdict of twelve miss the truth, 0."""
    draws = np.random.default_rng(num_seeds)
    means = draws.standard_normal(NUM_DRAWS)
    degrees = (num_seeds - 1, IMAGES - 1)
    of_seeds, of_images = (draws.chisquare(number, NUM_DRAWS) / number for number in degrees)
    estimates = [
        Estimate(mean, num_seeds, share * seeds, degrees[0], (1 - share) * images, degrees[1], CROSSED)
        for mean, seeds, images in zip(means.tolist(), of_seeds.tolist(), of_images.tolist(), strict=True)
    ]
    of_difference = (_missed(estimates, verdict_interval, level) for level in (LEVEL, FAMILY))
    return _missed(estimates, Estimate.interval, LEVEL), *of_difference


def _missed(estimates: list[Estimate], interval_of: Callable[[Estimate, float], Interval], level: float) -> float:
    intervals = [interval_of(one, level) for one in estimates]
    return float(np.mean([one.low > 0 or one.high < 0 for one in intervals]))


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("num_seeds", SEEDS)
def test_intervals_and_verdicts_seldom_miss(num_seeds: int, share: float) -> None:
    """Those of accuracies may miss a little more often at three seeds; those of differences never do."""
    of_accuracy, of_difference, of_verdict = missed(num_seeds, share)
    assert of_accuracy <= (0.066 if num_seeds == 3 else 0.055)
    assert of_difference <= 0.05 + 2 * (0.05 / NUM_DRAWS) ** 0.5
    assert of_verdict <= 0.0042 + 2 * (0.0042 / NUM_DRAWS) ** 0.5


def rows() -> Iterator[Row]:
    """Yield what the page says of quantiles."""
    for share in SHARES:
        data = f"normal effects, seeds are {100 * share:.0f} % of the variance"
        for place, of in enumerate(("accuracy", "difference")):
            held = {str(seeds): 1 - missed(seeds, share)[place] for seeds in SEEDS}
            yield Row(of, data, "right", "95 % hold", NUM_DRAWS, held)
        wrong = {str(seeds): missed(seeds, share)[2] for seeds in SEEDS}
        yield Row("verdict, one of twelve", data, "right", "0.4 % wrong", NUM_DRAWS, wrong)


def test_rows_of_the_page() -> None:
    require_documented("quantiles", rows())
