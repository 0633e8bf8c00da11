"""Compare two files of speeds, or two measurements of one file. Imports no torch.

Each side is the measurement of one process. Processes of equal code differ by some percent, because their memory lies
elsewhere, and no interval over rounds covers that.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Column, Table

from bench.analysis.format import finite_or_none, first_few, percent_change
from bench.analysis.speed_changes import SpeedChange, SpeedChanges, speed_changes
from bench.analysis.speed_columns import SETTING, network_name, setting_in_words
from bench.analysis.stats.intervals import Interval
from bench.cli.compare.conditions import Conditions, differences, refuse
from bench.errors import InputError
from bench.store.speed_file import latest, read

SUFFIX = ".parquet"
CONDITIONS = ("machine", "threads", "protocol")
SHORTEST = 4
"""Digits of a commit that name it."""


@dataclass(frozen=True)
class SpeedComparison:
    """Two measurements of speeds compared."""

    old: str
    new: str
    forced: tuple[str, ...]
    """Conditions that differ, in spite of which it was compared."""
    warnings: tuple[str, ...]
    found: SpeedChanges

    @property
    def changes(self) -> tuple[SpeedChange, ...]:
        """Of each row that ran on both sides."""
        return self.found.changes

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        failed = [vars(row) | {"side": side, "reason": reason} for row, side, reason in self.found.failed]
        return {
            "kind": "speed",
            **{name: getattr(self, name) for name in ("old", "new", "forced", "warnings")},
            "rows": [_as_dict(change) for change in self.changes],
            "failed": failed,
            "only_old": [vars(row) for row in self.found.only_old],
            "only_new": [vars(row) for row in self.found.only_new],
        }

    def tables(self) -> Iterator[RenderableType]:
        """A row for each network, below what it was measured in turns with."""
        numbers = (Column(heading, justify="right") for heading in ("OLD", "NEW", "time, NEW over OLD"))
        table = Table(Column("times the reference's rate", overflow="fold"), *numbers, box=SIMPLE_HEAD)
        groups: dict[str, list[SpeedChange]] = {}
        for change in self.changes:
            groups.setdefault(change.row.group, []).append(change)
        for group, changes in groups.items():
            table.add_row(f"[bold]{group}[/]")
            for one in changes:
                ratios = (_ratio(record["reference_ratio"]) for record in (one.old, one.new))
                table.add_row(f"  {escape(_network(one))}", *ratios, slower(one.time, one.reason))
            table.add_section()
        yield table

    def lines(self) -> Iterator[str]:
        """What is said beside the table."""
        for row, side, reason in self.found.failed:
            yield f"[yellow]not run[/] in {side}: {escape(row.name)}: {escape(reason)}"
        for side, rows in (("OLD", self.found.only_old), ("NEW", self.found.only_new)):
            if rows:
                yield f"only in {side}: {escape(first_few([row.name for row in rows]))}"


def compare_speeds(old: str, new: str, *, force: bool) -> SpeedComparison:
    """Compare two files of speeds; `FILE@WHICH` is one measurement of a file, or those of one commit.

    Raises:
        InputError: no such file or measurement, no row in common, or measured on another machine or under another
            protocol, unless forced.
    """
    before, after = read_speeds(old), read_speeds(new)
    found = differences(_values(before, CONDITIONS), _values(after, CONDITIONS))
    refuse(found, force=force)
    software = differences(_references_software(before), _references_software(after))
    warnings = (f"{one}: the reference itself may be faster or slower" for one in software)
    changes = speed_changes(before, after)
    if not (changes.changes or changes.failed):
        raise InputError(f"{old} and {new} have no row in common, so there is nothing to compare")
    return SpeedComparison(old, new, found, tuple(warnings), changes)


def slower(time: Interval, reason: str) -> str:
    """Return a ratio of times as a change in percent, or why there is none, with Rich's markup escaped."""
    if time.is_known:
        return percent_change(time.mean, time.low, time.high)
    return f"{percent_change(time.mean)} ({escape(reason)})" if time.n else escape(reason)


def is_speeds(path: str) -> bool:
    """Whether a path names a file of speeds, or some of one."""
    return _parted(path)[0].endswith(SUFFIX)


def read_speeds(path: str) -> pd.DataFrame:
    """The latest groups of a file, or of those that `@MEASUREMENT` or `@COMMIT` picks.

    Raises:
        InputError: no such file or measurement.
    """
    file, which = _parted(path)
    rows = read(Path(file))
    return latest(_picked(rows, file, which) if which else rows)


def _parted(path: str) -> tuple[str, str]:
    """The file, and what is picked of it, if anything is; folders may have an @ in their names."""
    file, _, which = path.rpartition("@")
    return (file, which) if file.endswith(SUFFIX) else (path, "")


def _picked(rows: pd.DataFrame, file: str, which: str) -> pd.DataFrame:
    for is_it in (
        (rows["measurement"] == which) | (rows["commit"] == which),
        rows["commit"].map(lambda commit: _is_same_commit(which, commit)).astype(bool),
    ):
        if is_it.any():
            return rows[is_it]
    known = rows.drop_duplicates("measurement")[["measurement", "commit"]].itertuples(index=False)
    listed = "; ".join(f"{measurement} (commit {commit})" for measurement, commit in known)
    raise InputError(f"{file}@{which}: no such measurement or commit in it; there are: {listed}")


def _is_same_commit(given: str, commit: str) -> bool:
    """Whether digits of a commit, fewer or more than a file has, are those of one in it, changed since or not."""
    kept = commit.removesuffix("+")
    return len(given) >= SHORTEST and kept != "" and (kept.startswith(given) or given.startswith(kept))


def _values(rows: pd.DataFrame, names: tuple[str, ...]) -> Conditions:
    return {name: frozenset(map(str, rows[name].unique())) for name in names}


def _references_software(rows: pd.DataFrame) -> Conditions:
    """The versions that the speed of a reference depends on."""
    libraries = ("timm", "torchvision")
    by = {name: rows[rows["is_reference"] & (rows["implementation"] == name)] for name in libraries}
    return {"torch": frozenset(rows["torch"].unique())} | {name: frozenset(by[name][name].unique()) for name in by}


def _ratio(to_reference: float) -> str:
    """That of a row that ran, of which the reference may not have."""
    return "reference failed" if math.isnan(to_reference) else f"{to_reference:.3g}"


def _network(change: SpeedChange) -> str:
    """The network, and its setting where that is its own; at its best also what that was before."""
    row, old, new = change.row, change.old, change.new
    name = network_name(row.model, row.implementation)
    if row.kind == "latency":
        return name
    settings = [setting_in_words(*(one[name] for name in SETTING)) for one in (old, new)]
    return f"{name}, {' -> '.join(dict.fromkeys(settings))}"


def _as_dict(change: SpeedChange) -> dict[str, Any]:
    """JSON values; `time` is a ratio, 1.05 being 5 % slower."""
    time = change.time
    numbers = {"time": time.mean, "low": time.low, "high": time.high}
    ratios = {f"{side}_reference_ratio": one["reference_ratio"] for side, one in _sides(change)}
    settings = {side: {name: one[name] for name in SETTING} for side, one in _sides(change)}
    return vars(change.row) | finite_or_none(numbers | ratios) | settings | {"rounds": time.n, "reason": change.reason}


def _sides(change: SpeedChange) -> tuple[tuple[str, dict[str, Any]], ...]:
    return ("old", change.old), ("new", change.new)
