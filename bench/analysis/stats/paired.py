"""Paired differences: each seed and test image of one row less the same seed and image of another.

Pairing takes out what both rows share: the image's difficulty, and the seed's order of images. The seed stays the
independent unit.
"""

from bench.analysis.correctness import Answers, require_paired
from bench.analysis.stats.crossed import Estimate, crossed_mean


def paired_difference(row: Answers, reference: Answers) -> Estimate:
    """How far a row's accuracy lies above its reference's, in shares of 1.

    Raises:
        UnpairedError, DifferentImagesError: the rows do not pair.
        SingleSeedError, ConstantError: there is no interval.
    """
    require_paired([row, reference])
    return crossed_mean([row.correct - reference.correct])
