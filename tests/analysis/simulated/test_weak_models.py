"""Models whose seeds vary around the best constant answer: weak, but none failed to train."""

import numpy as np
import pytest

from bench.analysis.estimates import row_interval
from bench.analysis.failed_seeds import failed_seeds
from bench.analysis.seeds import SeedResults

NUM_DRAWS = 1000


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [3, 6, 10])
@pytest.mark.parametrize("num_images", [300, 2000, 10_000])
@pytest.mark.parametrize(("accuracy", "spread"), [(0.12, 0.02), (0.15, 0.03), (0.18, 0.04)])
def test_seeds_of_weak_models_did_not_fail(accuracy: float, spread: float, num_images: int, num_seeds: int) -> None:
    """Or the accuracy given success would be that of the lucky ones."""
    rng = np.random.default_rng(17)
    declared = covered = 0
    for _ in range(NUM_DRAWS):
        share = np.clip(rng.normal(accuracy, spread, num_seeds), 0.01, 1)
        values = dict(enumerate((rng.binomial(num_images, share) / num_images).tolist()))
        failed = failed_seeds(values, 0.1, num_images)
        declared += bool(failed)
        interval, _ = row_interval(SeedResults(values, {}, "", failed=failed))
        covered += interval.low <= accuracy <= interval.high
    assert declared / NUM_DRAWS <= 0.1
    assert covered / NUM_DRAWS >= 0.9
