"""Compare two speed files, or two measurements of one file. Imports no torch.

Processes of the same code differ by some percent, because their memory layout differs, and no interval over rounds
covers that. So a change has an interval only if both sides were measured in six processes or more.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from bench.analysis.format import finite_or_none, percent, percent_change, plural
from bench.analysis.speed_changes import SpeedChange, speed_changes
from bench.analysis.speed_columns import SETTING, network_name, setting_in_words
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.ratios import FEWEST_RESTARTS
from bench.cli.compare.comparison import Comparison, Conditions, differences, only_lines, refuse
from bench.cli.grouped_table import grouped_table
from bench.cli.terminal import marked
from bench.errors import InputError
from bench.store.speed_file import latest, read

SUFFIX = ".parquet"
CONDITIONS = ("machine", "threads", "protocol")
SHORTEST = 4
"""The least number of digits that name a commit."""


def compare_speeds(old: str, new: str, *, force: bool) -> Comparison:
    """Compare two speed files; `FILE@WHICH` is one measurement of a file, or those of one commit.

    Raises:
        InputError: a file or measurement does not exist, the files have no row in common, or their machines, threads
            or protocols differ and `force` is false.
    """
    before, after = read_speeds(old), read_speeds(new)
    differing = differences(_values(before, CONDITIONS), _values(after, CONDITIONS))
    refuse(differing, force=force)
    software = differences(_reference_software(before), _reference_software(after))
    speeds = speed_changes(before, after)
    if not (speeds.changes or speeds.failed):
        raise InputError(f"{old} and {new} have no row in common, so there is nothing to compare")
    failed = [marked("not run", "yellow", f" in {side}: {row.name}: {why}") for row, side, why in speeds.failed]
    only = only_lines([row.name for row in speeds.only_old], [row.name for row in speeds.only_new])
    return Comparison(
        old=old,
        new=new,
        forced=differing,
        warnings=tuple(f"{difference}: the reference itself may be faster or slower" for difference in software),
        changes=tuple((change.name, change) for change in speeds.changes),
        table=_table(speeds.changes),
        lines=(*_intervals(speeds.changes), *failed, *only),
        facts={
            "kind": "speed",
            "rows": [_as_json(change) for change in speeds.changes],
            "failed": [vars(row) | {"side": side, "reason": reason} for row, side, reason in speeds.failed],
            "only_old": [vars(row) for row in speeds.only_old],
            "only_new": [vars(row) for row in speeds.only_new],
        },
    )


def is_speeds(path: str) -> bool:
    """Return whether a path names a speed file, or measurements in one."""
    return _split(path)[0].endswith(SUFFIX)


def read_speeds(path: str) -> pd.DataFrame:
    """Return the latest groups of a file, or of the measurements that `@MEASUREMENT` or `@COMMIT` selects.

    Raises:
        InputError: the file or the measurement does not exist.
    """
    file, which = _split(path)
    rows = read(Path(file))
    return latest(_picked(rows, file, which) if which else rows)


def _split(path: str) -> tuple[str, str]:
    """Return a file and the text after `@`, or an empty text; the name of a folder may contain an @, too."""
    file, _, which = path.rpartition("@")
    return (file, which) if file.endswith(SUFFIX) else (path, "")


def _picked(rows: pd.DataFrame, file: str, which: str) -> pd.DataFrame:
    for is_picked in (
        (rows["measurement"] == which) | (rows["commit"] == which),
        rows["commit"].map(lambda commit: _is_same_commit(which, commit)).astype(bool),
    ):
        if is_picked.any():
            return rows[is_picked]
    known = rows.drop_duplicates("measurement")[["measurement", "commit"]].itertuples(index=False)
    listed = "; ".join(f"{measurement} (commit {commit})" for measurement, commit in known)
    raise InputError(f"{file}@{which}: no such measurement or commit; there are: {listed}")


def _is_same_commit(given: str, commit: str) -> bool:
    """Return whether one of two commits starts with the other; a final `+` (uncommitted changes) is ignored."""
    digits = commit.removesuffix("+")
    return len(given) >= SHORTEST and digits != "" and (digits.startswith(given) or given.startswith(digits))


def _values(rows: pd.DataFrame, names: Iterable[str]) -> Conditions:
    return {name: frozenset(map(str, rows[name].unique())) for name in names}


def _reference_software(rows: pd.DataFrame) -> Conditions:
    """Return the versions that the speed of a reference depends on."""
    libraries = ("timm", "torchvision")
    references = {name: rows[rows["is_reference"] & (rows["implementation"] == name)] for name in libraries}
    versions = {name: frozenset(references[name][name].unique()) for name in libraries}
    return {"torch": frozenset(rows["torch"].unique())} | versions


def _table(changes: Iterable[SpeedChange]) -> Table:
    """Return a table with one row per network, grouped by the group that it was measured in."""
    rows = ((change.row.group, _network(change), _figures(change)) for change in changes)
    return grouped_table("times the reference's rate", ("OLD", "NEW", "time, NEW over OLD"), rows)


def _intervals(changes: Sequence[SpeedChange]) -> Iterator[str]:
    """Yield what the intervals are over, and why there may be none."""
    if known := sum(change.is_known for change in changes):
        level = percent(LEVEL, places=0)
        yield f"intervals over restarts of the process; {level} for all {plural(known, 'row')} together"
    if any(0 < min(change.restarts) < FEWEST_RESTARTS for change in changes):
        yield (
            "processes of the same code differ by some percent; an interval needs "
            f"{FEWEST_RESTARTS} on each side (make throughput RESTARTS={FEWEST_RESTARTS})"
        )


def _figures(change: SpeedChange) -> list[str]:
    ratios = [_ratio(record["reference_ratio"]) for record in (change.old, change.new)]
    return [*ratios, _change_text(change.time, change.reason)]


def _change_text(time: Interval, reason: str) -> str:
    """Return a ratio of times as a change in percent, or the reason why there is none."""
    if time.is_known:
        return percent_change(time.mean, time.low, time.high)
    return f"{percent_change(time.mean)} ({reason})" if time.n else reason


def _ratio(reference_ratio: float) -> str:
    return "reference failed" if math.isnan(reference_ratio) else f"{reference_ratio:.3g}"


def _network(change: SpeedChange) -> str:
    """Return the network with its setting, or with both settings if those of OLD and NEW differ."""
    row = change.row
    name = network_name(row.model, row.implementation)
    if row.kind == "latency":
        return name
    settings = [setting_in_words(*(record[name] for name in SETTING)) for record in (change.old, change.new)]
    return f"{name}, {' -> '.join(dict.fromkeys(settings))}"


def _as_json(change: SpeedChange) -> dict[str, Any]:
    """Return JSON values; `time` is a ratio: 1.05 is 5 % slower."""
    sides = {"old": change.old, "new": change.new}
    numbers = {"time": change.time.mean, "low": change.time.low, "high": change.time.high}
    numbers |= {f"{side}_reference_ratio": record["reference_ratio"] for side, record in sides.items()}
    settings = {side: {name: record[name] for name in SETTING} for side, record in sides.items()}
    counts = dict(zip(("old_restarts", "new_restarts"), change.restarts, strict=True))
    return vars(change.row) | finite_or_none(numbers) | settings | counts | {"reason": change.reason}
