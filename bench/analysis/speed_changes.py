"""Compare the rows of two measurements, with an interval for each change or the reason why there is none.

Speeds are compared as ratios to the reference of their own group, since the speed of a whole machine drifts between
measurements. The unit is a restart of the process, since processes of the same code differ by some percent. With fewer
than six on a side there is no interval; the intervals of all rows hold together. Accuracies are paired by seed. A
change is worse by more than a limit only if its whole interval lies beyond the limit. A change without an interval
never counts as worse, so callers must report it themselves.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.speed_columns import GROUP, SETTING, Record, network_name, records, setting_in_words
from bench.analysis.stats.crossed import paired_interval
from bench.analysis.stats.intervals import Interval, unknown
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.ratios import FEWEST_RESTARTS, change_over_restarts, logs_of_restarts

NETWORK = ("model", "implementation")


@dataclass(frozen=True)
class SpeedRow:
    """The identity of a row in a table of speeds; at best settings, which may change, the setting is None."""

    model: str
    implementation: str
    task: str
    kind: str
    precision: str
    image_size: int
    batch_size: int | None
    layout: str | None
    mode: str | None

    @property
    def group(self) -> str:
        """Return the row's group in words; the rows of a group were measured in turns."""
        return f"{self.task}, {self.kind}, {self.precision}, {self.image_size} px"

    @property
    def name(self) -> str:
        """Return the network, its group and its setting, in a few words."""
        name = f"{network_name(self.model, self.implementation)}, {self.group}"
        if self.batch_size is None or self.layout is None or self.mode is None:
            return name
        return f"{name}, {setting_in_words(self.batch_size, self.layout, self.mode)}"


@dataclass(frozen=True)
class SpeedChange:
    """The change of a row's time, as a multiple of its reference's time."""

    row: SpeedRow
    old: Record
    new: Record
    time: Interval
    """The time in NEW over that in OLD, each over the reference's time in the same round; above 1 is slower."""
    restarts: tuple[int, int]
    """The numbers of processes in OLD and NEW."""
    reason: str
    """Why there is no interval; empty if there is one."""

    @property
    def name(self) -> str:
        """Return the row's name."""
        return self.row.name

    @property
    def is_known(self) -> bool:
        """Tell whether there is an interval."""
        return self.time.is_known

    def is_worse_by(self, limit: float) -> bool:
        """Tell whether the whole interval is slower by more than `limit`; 0.05 is 5 %."""
        return self.time.low > 1 + limit


@dataclass(frozen=True)
class SpeedChanges:
    """The changes between two tables of speeds."""

    changes: tuple[SpeedChange, ...]
    """The changes of the rows that ran on both sides."""
    failed: tuple[tuple[SpeedRow, str, str], ...]
    """The rows of both sides that did not run on one of them: the row, `OLD` or `NEW`, and the reason."""
    only_old: tuple[SpeedRow, ...]
    only_new: tuple[SpeedRow, ...]


@dataclass(frozen=True)
class AccuracyChange:
    """The change of a mean accuracy, NEW - OLD, in shares of 1."""

    difference: Interval
    reason: str
    """Why there is no interval; empty if there is one."""

    @property
    def is_known(self) -> bool:
        """Tell whether there is an interval."""
        return self.difference.is_known

    def is_worse_by(self, limit: float) -> bool:
        """Tell whether the whole interval shows a loss of more than `limit`; 0.05 is 5 points."""
        return self.difference.high < -limit


def speed_changes(old: pd.DataFrame, new: pd.DataFrame) -> SpeedChanges:
    """Compare two tables of speeds (`bench.analysis.speed_columns.SCHEMA`), each with one measurement of a group.

    Rows are matched by network, task, precision and image size, and also by setting unless the group is of best
    settings. References are left out, since the other rows are compared with them.
    """
    before, after = _by_row(old), _by_row(new)
    pairs = {row: _alike(before[row], after[row]) for row in before if row in after}
    both = {row: pair for row, pair in pairs.items() if all(record["status"] == "ok" for record in pair)}
    references = (_references(old), _references(new))
    samples = {row: _samples(pair, references) for row, pair in both.items()}
    family = sum(min(map(len, logs)) >= FEWEST_RESTARTS for logs, _ in samples.values())
    level = corrected_level(max(1, family))
    return SpeedChanges(
        changes=tuple(_speed_change(row, pair, *samples[row], level) for row, pair in both.items()),
        failed=tuple(_failed(pairs)),
        only_old=tuple(row for row in before if row not in after),
        only_new=tuple(row for row in after if row not in before),
    )


def accuracy_change(old: Mapping[int, float], new: Mapping[int, float]) -> AccuracyChange:
    """Return the mean difference over the seeds of both sides, with Student's t interval.

    If no accuracy differs, the interval has zero width, since equal seeds repeat bit for bit. If all seeds differ by
    the same amount, they show no spread, and there is no interval.

    Raises:
        UnpairedError: A seed is on one side only.
        NotFiniteError: An accuracy is not a number.
    """
    if not old and not new:
        return AccuracyChange(unknown(0), "no seed ended ok on both sides")
    difference = paired_interval(new, old)
    if all(new[seed] == old[seed] for seed in old):
        return AccuracyChange(Interval(0.0, 0.0, 0.0, difference.n), "")
    if difference.is_known:
        return AccuracyChange(difference, "")
    return AccuracyChange(difference, "one seed" if difference.n == 1 else "every seed differs by the same")


def _by_row(table: pd.DataFrame) -> dict[SpeedRow, list[Record]]:
    """Return the records of each row; there are several if suites have models in common."""
    by_row: dict[SpeedRow, list[Record]] = {}
    for record in records(table[~table["is_reference"]]):
        setting = (None, None, None) if record["kind"] == "best" else (record[name] for name in SETTING)
        row = SpeedRow(*(record[name] for name in (*NETWORK, *GROUP)), *setting)
        by_row.setdefault(row, []).append(record)
    return by_row


def _alike(old: Sequence[Record], new: Sequence[Record]) -> tuple[Record, Record]:
    """Return the pair of records to compare: the latest ones, from the same suite if possible."""
    pairs = [(before, after) for before in old for after in new]
    return max(
        pairs, key=lambda pair: (pair[0]["suite"] == pair[1]["suite"], *(record["measured_at"] for record in pair))
    )


def _references(table: pd.DataFrame) -> dict[tuple[Any, ...], Record]:
    """Return the reference of each group."""
    return {_group(record): record for record in records(table[table["is_reference"]])}


def _group(record: Record) -> tuple[Any, ...]:
    return tuple(record[name] for name in ("measurement", *GROUP))


def _failed(pairs: Mapping[SpeedRow, tuple[Record, Record]]) -> Iterator[tuple[SpeedRow, str, str]]:
    for row, pair in pairs.items():
        for side, record in zip(("OLD", "NEW"), pair, strict=True):
            if record["status"] != "ok":
                yield row, side, f"{record['status']}: {record['reason']}"


def _samples(
    pair: tuple[Record, Record], references: tuple[Mapping[Any, Record], Mapping[Any, Record]]
) -> tuple[tuple[np.ndarray, ...], str]:
    """Return (restarts,) of OLD and of NEW, the log times over the reference's, or the reason why there are none."""
    beside = [by_group.get(_group(record)) for record, by_group in zip(pair, references, strict=True)]
    if reason := _incomparable(pair, beside):
        return (np.empty(0), np.empty(0)), reason
    return tuple(_beside(record, reference) for record, reference in zip(pair, beside, strict=True) if reference), ""


def _speed_change(
    row: SpeedRow, pair: tuple[Record, Record], logs: tuple[np.ndarray, ...], reason: str, level: float
) -> SpeedChange:
    old, new = logs
    counts = (len(old), len(new))
    if reason:
        return SpeedChange(row, *pair, unknown(0), counts, reason)
    time = change_over_restarts(old, new, level)
    return SpeedChange(row, *pair, time, counts, "" if time.is_known else _few(*counts))


def _few(old: int, new: int) -> str:
    """Return why so many restarts have no interval."""
    if min(old, new) >= FEWEST_RESTARTS:
        return "the restarts agree to the last digit"
    return "of one process each" if old == new == 1 else f"of {old} and {new} processes"


def _incomparable(pair: tuple[Record, Record], references: Sequence[Record | None]) -> str:
    """Return why rows can't be compared through their references; empty if they can."""
    for side, record, reference in zip(("OLD", "NEW"), pair, references, strict=True):
        if reference is None or reference["status"] != "ok":
            return f"the reference failed in {side}: {reference['reason'] if reference else 'it is missing'}"
        if len(record["round_seconds"]) != len(reference["round_seconds"]) or not len(record["round_seconds"]):
            return f"its rounds in {side} are not those of the reference"
    names = [_reference_name(reference) for reference in references if reference]
    return "" if names[0] == names[1] else f"measured beside another reference: {names[0]} in OLD, {names[1]} in NEW"


def _reference_name(record: Record) -> str:
    network = network_name(record["model"], record["implementation"])
    return f"{network}, {setting_in_words(*(record[name] for name in SETTING))}"


def _beside(record: Record, reference: Record) -> np.ndarray:
    """Return (restarts,): the log of a row's seconds per image over those of the reference, in the median round."""
    ours, theirs = (np.asarray(side["round_seconds"]) / float(side["batch_size"]) for side in (record, reference))
    return logs_of_restarts(ours, theirs, record["round_restarts"])
