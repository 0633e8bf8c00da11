"""Compare models that differ on few images, in one direction, by as much as the margin of equality."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from bench.analysis.stats.crossed import crossed_mean
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.verdicts import verdict_interval
from tests.analysis.simulated.table import Row, require_documented

NUM_DRAWS = 1000
LEVEL = corrected_level(12, 0.95)


pytestmark = pytest.mark.slow


@cache
def of_few(num_images: int, margin: float, share: float, num_seeds: int) -> tuple[float, float]:
    """Return the shares of intervals that hold the difference, and of verdicts that the models are about equal.

    One model alone has some images right, in each seed or in a share of them: the variance grows with the mean.
    """
    rng = np.random.default_rng(13)
    covered = equal = 0
    for _ in range(NUM_DRAWS):
        differs = rng.random(num_images) < margin / share
        values = (differs & (rng.random((num_seeds, num_images)) < share)).astype(float)
        estimate = crossed_mean([values])
        shown = verdict_interval(estimate)
        covered += shown.low <= margin <= shown.high
        interval = verdict_interval(estimate, LEVEL)
        equal += -margin < interval.low and interval.high < margin
    return covered / NUM_DRAWS, equal / NUM_DRAWS


@pytest.mark.parametrize("num_seeds", [3, 6, 10])
@pytest.mark.parametrize(("num_images", "margin"), [(200, 0.02), (400, 0.01), (500, 0.01), (1000, 0.01)])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_models_that_differ_by_the_margin_are_not_equal(
    num_seeds: int, num_images: int, margin: float, share: float
) -> None:
    covered, equal = of_few(num_images, margin, share, num_seeds)
    assert covered > 0.95
    assert equal <= 0.006


def rows() -> Iterator[Row]:
    """Yield what the page says of few answers that differ."""
    data = "one model alone right on 5 of 500 images"
    for of, promised, place in (("difference", "95 % hold", 0), ("verdict that models are equal", "0.4 % wrong", 1)):
        shares = {str(seeds): of_few(500, 0.01, 1.0, seeds)[place] for seeds in (3, 6, 10)}
        yield Row(of, data, "wrong", promised, NUM_DRAWS, shares)


def test_rows_of_the_page() -> None:
    require_documented("few_differences", rows())
