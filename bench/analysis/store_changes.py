"""Compare the same row of two stores: seed by seed where their runs pair, and else as two samples of seeds.

Runs pair if their results depend on the same settings, whatever their code and machine (`docs/comparing.md`). The
difference of rows that pair is that of every table: over seeds and test images. Rows of other settings, or of other
seeds, have Welch's interval over seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean

from scipy import stats

from bench.analysis.behind_best import SuiteRow
from bench.analysis.estimates import row_difference
from bench.analysis.seeds import COMPLETE, SeedResults
from bench.analysis.stats.intervals import LEVEL, Interval, unknown


@dataclass(frozen=True)
class StoreChange:
    """A row of one store less the same row of another."""

    difference: Interval
    """Its ends are NaN without an interval, and zero if the same seeds gave the same accuracies."""
    is_paired: bool
    note: str = ""
    """Why there is no interval, or what failed seeds do to it; empty if there is nothing to say."""

    @property
    def is_clear(self) -> bool:
        """Tell whether the interval excludes zero, and no failed seed objects."""
        return (self.difference.low > 0 or self.difference.high < 0) and not self.note.startswith("undecided")


def store_change(row: SuiteRow, other: SuiteRow, pairs: Mapping[str, str], level: float = LEVEL) -> StoreChange:
    """Return a row's accuracy less that of the same row in another store.

    Args:
        row: The row.
        other: The row of the other store.
        pairs: The key of a run -> that of the run in the other store with which it pairs.
        level: The confidence level.
    """
    both = _paired_seeds(row, other, pairs)
    if not both:
        return _unpaired(row.results, other.results, level)
    ours, theirs = row.results.at(both), other.results.at(both)
    if all(ours.accuracy.get(seed) == theirs.accuracy.get(seed) for seed in both):
        return StoreChange(Interval(0.0, 0.0, 0.0, len(both)), is_paired=True)
    found = row_difference(ours, theirs, "the other store", level)
    return StoreChange(found.interval, is_paired=True, note="" if found.status == COMPLETE else found.status)


def _paired_seeds(row: SuiteRow, other: SuiteRow, pairs: Mapping[str, str]) -> list[int]:
    """Return the seeds all of whose runs pair, with an outcome on both sides."""
    with_outcome = {*row.results.outcomes} & {*other.results.outcomes}
    theirs = set(other.cells["transfer_key"])
    alone = {
        int(seed)
        for seed, key in zip(row.cells["seed"], row.cells["transfer_key"], strict=True)
        if pairs.get(key) not in theirs
    }
    return sorted(with_outcome - alone)


def _unpaired(row: SeedResults, other: SeedResults, level: float) -> StoreChange:
    """Return the difference of two means over seeds, given success, with Welch's interval."""
    samples = [[each.accuracy[seed] for seed in each.succeeded] for each in (row, other)]
    number = min(map(len, samples))
    if not number:
        return StoreChange(unknown(0), is_paired=False, note="undecided: no accuracy in one of both")
    mean = fmean(samples[0]) - fmean(samples[1])
    failures = "; ".join(filter(None, (row.failures, other.failures)))
    if number < 2 or all(len(set(sample)) == 1 for sample in samples):
        why = "one seed has no interval" if number < 2 else "no seed differs from the others"
        return StoreChange(replace(unknown(number), mean=mean), is_paired=False, note=f"undecided: {why}")
    ends = stats.ttest_ind(*samples, equal_var=False).confidence_interval(level)
    interval = Interval(mean, float(ends.low), float(ends.high), number)
    return StoreChange(interval, is_paired=False, note=f"undecided: {failures}" if failures else "")
