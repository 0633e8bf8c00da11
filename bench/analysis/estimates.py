"""Estimate a row's accuracy and its difference to another row, from per-image correctness or from accuracies alone.

If the correctness of all seeds is kept, intervals are over seeds and test images (`crossed`); otherwise they are over
seeds alone, by Student's t. A difference without an interval says why.

Estimates are given success: seeds that failed to train are left out. A difference with failures is undecided unless the
failures agree with it (`failures_agree`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bench.analysis.format import bounds, points
from bench.analysis.seeds import COMPLETE, GIVEN_SUCCESS, SeedResults, lacking_seeds
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
from bench.analysis.stats.verdicts import failures_agree, verdict_interval


@dataclass(frozen=True)
class PairedDifference:
    """A paired difference between two rows, or why there is none."""

    interval: Interval
    status: str
    """`complete`, `given success: …` with the seeds that failed to train, or `undecided: …`."""
    method: str = ""
    """What the interval is over, `seeds and images` or `seeds`; empty without an interval."""
    by_seed: Mapping[int, float] = field(default_factory=dict)
    """The difference of each seed; empty without an interval."""


def row_interval(row: SeedResults, level: float = LEVEL) -> tuple[Interval, str]:
    """Return the accuracy given success, and what its interval is over; NaN if no seed succeeded."""
    succeeded = row.only(row.succeeded)
    if succeeded.correctness is not None:
        try:
            return accuracy(succeeded.correctness).interval(level), CROSSED
        except (SingleSeedError, ConstantError):
            pass  # below, the mean is returned without an interval
    values = [row.accuracy[seed] for seed in row.succeeded]
    try:
        return replace(seeds_mean(values), is_share=True).interval(level), SEEDS
    except (SingleSeedError, ConstantError):
        return mean_interval(values, level), ""
    except EmptySampleError:
        return unknown(0), ""


def row_difference(
    row: SeedResults, reference: SeedResults, reference_name: str, level: float = LEVEL
) -> PairedDifference:
    """Return a row's accuracy less its reference's, given success of both.

    Rows are compared by the seeds that both of them should have. It is undecided if either side lacks one, if images
    differ, or if seeds that failed to train contradict it.
    """
    row, reference = row.at(reference.seeds), reference.at(row.seeds)
    try:
        estimate = difference_estimate(row, reference, reference_name)
    except (SingleSeedError, ConstantError) as error:
        both = _both(row, reference)
        interval = paired_interval(row.only(both).accuracy, reference.only(both).accuracy, level)
        why = "one pair has no interval" if isinstance(error, SingleSeedError) else "every pair differs by the same"
        return PairedDifference(interval, "; ".join([f"undecided: {why}", *_failures(row, reference, reference_name)]))
    except (UnpairedError, DifferentImagesError) as error:
        return PairedDifference(unknown(len(_both(row, reference))), f"undecided: {error}")
    interval, status = verdict_interval(estimate, level), COMPLETE
    if failures := "; ".join(_failures(row, reference, reference_name)):
        counted = counted_estimate(row, reference)
        status = f"{GIVEN_SUCCESS}: {failures}"
        if not failures_agree(interval, counted, 0.0, 0.0, level):
            status = f"undecided: {failures_in_words(counted, level)}: {failures}"
    return PairedDifference(interval, status, estimate.method, _by_seed(row, reference))


def difference_estimate(row: SeedResults, reference: SeedResults, reference_name: str) -> Estimate:
    """Return a row's accuracy less its reference's, over the seeds of both with which neither failed to train.

    Raises:
        UnpairedError: Either side lacks a seed, or there is no seed with which both succeeded.
        DifferentImagesError: The rows were tested on different images.
        SingleSeedError, ConstantError: There is no interval.
    """
    row, reference = row.at(reference.seeds), reference.at(row.seeds)
    if lacking := lacking_seeds(row, reference, reference_name):
        raise UnpairedError(lacking)
    if not (both := _both(row, reference)):
        failures = "; ".join(_failures(row, reference, reference_name))
        raise UnpairedError("no seed with which both sides succeeded" + f": {failures}" * bool(failures))
    return _less(row.only(both), reference.only(both))


def counted_estimate(row: SeedResults, reference: SeedResults) -> Estimate:
    """Return a row's accuracy less its reference's, with failed seeds counted as what they scored.

    Raises:
        UnpairedError, DifferentImagesError, SingleSeedError, ConstantError: There is no interval.
    """
    return _less(row.at(reference.seeds).counted(), reference.at(row.seeds).counted())


def failures_in_words(counted: Estimate, level: float) -> str:
    """Return the difference with failed seeds counted, in words."""
    interval = verdict_interval(counted, level)
    shown = f"{points(interval.mean)} points ({bounds(interval.low, interval.high, points)})"
    return f"{GIVEN_SUCCESS} only, since it is {shown} with failed seeds counted as what they scored"


def _less(row: SeedResults, reference: SeedResults) -> Estimate:
    if mixed := row.mixed or reference.mixed:
        raise DifferentImagesError(mixed)
    if row.correctness is not None and reference.correctness is not None:
        return paired_difference(row.correctness, reference.correctness)
    if unpaired := sorted(row.accuracy.keys() ^ reference.accuracy.keys()):
        raise UnpairedError(f"seeds {unpaired} are on one side only; a paired difference needs both sides")
    return seeds_mean(list(_by_seed(row, reference).values()))


def _both(row: SeedResults, reference: SeedResults) -> list[int]:
    """Return the seeds with which both rows succeeded."""
    return sorted({*row.succeeded} & {*reference.succeeded})


def _failures(row: SeedResults, reference: SeedResults, reference_name: str) -> list[str]:
    """Return the failures of each side in words."""
    return [*filter(None, [row.failures]), *(f"{reference_name} {text}" for text in filter(None, [reference.failures]))]


def _by_seed(row: SeedResults, reference: SeedResults) -> dict[int, float]:
    return {seed: row.accuracy[seed] - reference.accuracy[seed] for seed in _both(row, reference)}
