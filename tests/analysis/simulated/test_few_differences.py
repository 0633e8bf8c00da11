"""Compare models that differ on few images, in one direction, by as much as the margin of equality."""

import numpy as np
import pytest

from bench.analysis.stats.crossed import crossed_mean
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.verdicts import verdict_interval

NUM_DRAWS = 1000
LEVEL = corrected_level(12, 0.95)


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [3, 6, 10])
@pytest.mark.parametrize(("num_images", "margin"), [(200, 0.02), (400, 0.01), (500, 0.01), (1000, 0.01)])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_models_that_differ_by_the_margin_are_not_equal(
    num_seeds: int, num_images: int, margin: float, share: float
) -> None:
    """One model alone has some images right, in each seed or in a share of them: the variance grows with the mean."""
    rng = np.random.default_rng(13)
    covered = equal = 0
    for _ in range(NUM_DRAWS):
        differs = rng.random(num_images) < margin / share
        values = (differs & (rng.random((num_seeds, num_images)) < share)).astype(float)
        estimate = crossed_mean([values])
        covered += estimate.interval().low <= margin <= estimate.interval().high
        interval = verdict_interval(estimate, LEVEL)
        equal += -margin < interval.low and interval.high < margin
    assert covered / NUM_DRAWS > 0.95
    assert equal / NUM_DRAWS <= 0.006
