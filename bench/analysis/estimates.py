"""Estimate a row's accuracy and its difference to another row, from per-image correctness or from accuracies alone.

If the correctness of all seeds is kept, intervals are over seeds and test images (`crossed`); otherwise they are over
seeds alone, by Student's t. A difference without an interval says why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bench.analysis.seeds import COMPLETE, SeedResults, lacking_seeds
from bench.analysis.stats.crossed import (
    CROSSED,
    SEEDS,
    Estimate,
    accuracy,
    mean_interval,
    paired_difference,
    paired_interval,
    seeds_mean,
)
from bench.analysis.stats.intervals import LEVEL, Interval, unknown
from bench.analysis.stats.statistics_errors import (
    ConstantError,
    DifferentImagesError,
    EmptySampleError,
    SingleSeedError,
    UnpairedError,
)


@dataclass(frozen=True)
class PairedDifference:
    """A paired difference between two rows, or why there is none."""

    interval: Interval
    status: str
    """`complete`, or `undecided: …`."""
    method: str = ""
    """What the interval is over, `seeds and images` or `seeds`; empty without an interval."""
    by_seed: Mapping[int, float] = field(default_factory=dict)
    """The difference of each seed; empty without an interval."""


def row_interval(row: SeedResults, level: float = LEVEL) -> tuple[Interval, str]:
    """Return the accuracy over the seeds that finished, and what its interval is over; NaN if no seed finished."""
    if row.correctness is not None:
        try:
            return accuracy(row.correctness).interval(level), CROSSED
        except (SingleSeedError, ConstantError):
            pass  # below, the mean is returned without an interval
    values = [row.accuracy[seed] for seed in sorted(row.accuracy)]
    try:
        return replace(seeds_mean(values), is_share=True).interval(level), SEEDS
    except (SingleSeedError, ConstantError):
        return mean_interval(values, level), ""
    except EmptySampleError:
        return unknown(0), ""


def row_difference(
    row: SeedResults, reference: SeedResults, reference_name: str, level: float = LEVEL
) -> PairedDifference:
    """Return a row's accuracy less its reference's; undecided if either side lacks a seed, or if images differ."""
    try:
        estimate = difference_estimate(row, reference, reference_name)
    except (SingleSeedError, ConstantError) as error:
        interval = paired_interval(row.accuracy, reference.accuracy, level)
        why = "one pair has no interval" if isinstance(error, SingleSeedError) else "every pair differs by the same"
        return PairedDifference(interval, f"undecided: {why}")
    except (UnpairedError, DifferentImagesError) as error:
        num_pairs = len(row.accuracy.keys() & reference.accuracy.keys())
        return PairedDifference(unknown(num_pairs), f"undecided: {error}")
    return PairedDifference(estimate.interval(level), COMPLETE, estimate.method, _by_seed(row, reference))


def difference_estimate(row: SeedResults, reference: SeedResults, reference_name: str) -> Estimate:
    """Return a row's accuracy less its reference's, with its standard error.

    Raises:
        UnpairedError: Either side lacks a seed.
        DifferentImagesError: The rows were tested on different images.
        SingleSeedError, ConstantError: There is no interval.
    """
    if lacking := lacking_seeds(row, reference, reference_name):
        raise UnpairedError(lacking)
    if mixed := row.mixed or reference.mixed:
        raise DifferentImagesError(mixed)
    if row.correctness is not None and reference.correctness is not None:
        return paired_difference(row.correctness, reference.correctness)
    return seeds_mean(list(_by_seed(row, reference).values()))


def _by_seed(row: SeedResults, reference: SeedResults) -> dict[int, float]:
    return {seed: row.accuracy[seed] - reference.accuracy[seed] for seed in sorted(row.accuracy)}
