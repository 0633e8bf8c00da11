"""Derive rates, latencies and ratios to the group's reference from the rounds of a speed measurement.

The rows of a group were measured in turns, so their ratios are taken round by round: a temporary slowdown of the
machine affects both sides of a pair. Rates of different groups are never compared. The intervals of a group that one
process measured are over rounds, and hold for that process alone. Those of a group that several measured are over these
restarts.
"""

import math
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.frames import require_columns, split
from bench.analysis.speed_columns import FIGURES, GROUP, OURS
from bench.analysis.stats.intervals import LEVEL, Interval, unknown
from bench.analysis.stats.ratios import FEWEST_RESTARTS, logs_of_restarts, paired_ratio, ratio_over_restarts
from bench.analysis.stats.statistics_errors import DuplicateRowError, UnknownReferenceError

GROUP_KEY = ["measurement", *GROUP]
_MEASURED_ON = ["machine", "suite"]
_ROW = ["model", "implementation", "batch_size", "layout", "mode", "is_reference"]
_READ = [*GROUP_KEY, *_ROW, "status", "round_seconds", "round_restarts", "call_seconds"]


def with_figures(rows: pd.DataFrame, level: float = LEVEL) -> pd.DataFrame:
    """Add the figures that are computed from the rounds to the rows of some groups.

    Args:
        rows: One row per network and setting, with the columns of `bench.analysis.speed_columns.MEASURED`.
        level: The confidence level of the intervals.

    Returns:
        The same rows with the following columns, which are NaN if a row did not run.

        - `images_per_second`: the rate of the median round.
        - `p50_ms`, `p95_ms`, `p99_ms`: quantiles of single calls, in milliseconds.
        - `reference_ratio` with `_low` and `_high`: images per second over those of the group's reference. The
          reference itself has the ratio 1 without an interval.
        - `num_rounds`, of all restarts together, and `seconds_per_million_images` of training rows.

    Raises:
        UnknownReferenceError: A group has no reference.
        DuplicateRowError: A group has two references, or a row occurs twice.
        UnpairedError, NotPositiveError: Rows of a group differ in their rounds, or a time is not above zero.
    """
    require_columns(rows, _READ, "speeds")
    by_number: dict[int, dict[str, Any]] = {}
    numbered = rows.reset_index(drop=True)
    for group, of_group in split(numbered, GROUP_KEY):
        reference = _reference(of_group, group)
        for number, row in of_group.iterrows():
            by_number[int(str(number))] = _rate(row) | _latency(row) | _to_reference(row, reference, level)
    figures = pd.DataFrame([by_number[number] for number in sorted(by_number)], columns=list(FIGURES), index=rows.index)
    return rows.drop(columns=list(FIGURES), errors="ignore").join(figures.astype(FIGURES))


def rates(row: pd.Series) -> np.ndarray:
    """Return images per second in each round of a row; empty if it did not run."""
    seconds = np.asarray(row["round_seconds"], dtype=np.float64)
    return float(row["batch_size"]) / seconds if len(seconds) else seconds


def num_restarts(row: pd.Series) -> int:
    """Return the number of processes that a row was measured in; 0 if it did not run."""
    return len(np.unique(row["round_restarts"]))


def intervals_in_words(rows: pd.DataFrame) -> str:
    """Return a sentence about what the intervals of a group's ratios are over."""
    restarts = max((num_restarts(row) for _, row in rows.iterrows()), default=0)
    if restarts <= 1:
        return "Measured in one process: the intervals are of that process."
    if restarts < FEWEST_RESTARTS:
        return f"Measured in {restarts} processes: an interval over them needs {FEWEST_RESTARTS}."
    return f"Measured in {restarts} processes: the intervals are over these restarts."


def rate_ratio(row: pd.Series, other: pd.Series, level: float = LEVEL) -> Interval:
    """Return a row's images per second over those of another row of its group, paired by round.

    The interval is over the rounds of one process, or over restarts if there are several. The ratio is NaN if either
    row did not run.

    Raises:
        UnpairedError: One row has more rounds.
    """
    ours, theirs = rates(row), rates(other)
    if not (len(ours) and len(theirs)):
        return unknown(0)
    if num_restarts(row) == 1:
        return paired_ratio(ours, theirs, level)
    return ratio_over_restarts(logs_of_restarts(ours, theirs, row["round_restarts"]), level)


def standings(rows: pd.DataFrame, level: float = LEVEL) -> pd.DataFrame:
    """Compare our own models with one another in each group; peers are left out.

    Args:
        rows: The rows of some groups, with their figures.
        level: The confidence level of the intervals.

    Returns:
        One row per group and ordered pair of models: `rank` and `other_rank` (1 has the most images per second; missing
        if the model did not run), and `ratio` with `_low` and `_high`: the model's images per second over those of
        `other`, paired by round.
    """
    require_columns(
        rows, [*_MEASURED_ON, *GROUP_KEY, *_ROW, "round_seconds", "round_restarts", "images_per_second"], "speeds"
    )
    rankings: list[dict[str, Any]] = []
    for group, of_group in split(rows[rows["implementation"] == OURS], [*_MEASURED_ON, *GROUP_KEY]):
        ranked = of_group.assign(rank=of_group["images_per_second"].rank(ascending=False, method="min"))
        pairs = permutations((row for _, row in ranked.iterrows()), 2)
        rankings += [dict(zip([*_MEASURED_ON, *GROUP_KEY], group, strict=True)) | _pair(*pair, level) for pair in pairs]
    pair = ["model", "other", "rank", "other_rank", "ratio", "ratio_low", "ratio_high"]
    table = pd.DataFrame(rankings, columns=[*_MEASURED_ON, *GROUP_KEY, *pair])
    return table.astype(dict.fromkeys(("rank", "other_rank"), "Int64") | dict.fromkeys(pair[4:], "float64"))


def ranking_changes(table: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of models whose order at equal settings differs from that at the best settings of each.

    Args:
        table: The table from `standings`.

    Returns:
        One row per pair of the same machine, suite, task, precision and image size: `model` has the better rank at
        equal settings, `other` at best ones. `equal_ratio` and `best_ratio`, each with `_low` and `_high`, are the
        model's images per second over the other's, paired by round. On a noisy machine they may disagree with the
        ranks. `both_exclude_1` is true if the first interval lies above 1 and the second below.
    """
    same = [*_MEASURED_ON, *(name for name in GROUP if name != "kind"), "model", "other"]
    numbers = ["rank", "other_rank", "ratio", "ratio_low", "ratio_high"]
    equal, best = (
        table.loc[table["kind"] == kind, [*same, *numbers]].rename(columns={name: f"{kind}_{name}" for name in numbers})
        for kind in ("equal", "best")
    )
    both = equal.merge(best, on=same)
    exclude = (both["equal_ratio_low"] > 1) & (both["best_ratio_high"] < 1)
    turned = (both["equal_rank"] < both["equal_other_rank"]) & (both["best_rank"] > both["best_other_rank"])
    ranks = [f"{kind}_{name}" for kind in ("equal", "best") for name in numbers[:2]]
    changed = both.assign(both_exclude_1=exclude)[exclude | turned.fillna(False).astype(bool)]
    return changed.drop(columns=ranks).reset_index(drop=True)


def _pair(row: pd.Series, other: pd.Series, level: float) -> dict[str, Any]:
    names = {"model": row["model"], "other": other["model"], "rank": row["rank"], "other_rank": other["rank"]}
    return names | _ratio_columns("ratio", rate_ratio(row, other, level))


def _ratio_columns(name: str, ratio: Interval) -> dict[str, float]:
    return {name: ratio.mean, f"{name}_low": ratio.low, f"{name}_high": ratio.high}


def _reference(group: pd.DataFrame, key: tuple[Any, ...]) -> pd.Series:
    """Return the row with which the others are compared."""
    name = ", ".join(str(value) for value in key)
    if (duplicates := group[_ROW].duplicated()).any():
        raise DuplicateRowError(
            f"group {name}: {group.loc[duplicates, 'model'].iloc[0]} occurs twice under one setting"
        )
    references = group[group["is_reference"]]
    if references.empty:
        raise UnknownReferenceError(f"group {name}: none of its {len(group)} rows is the reference")
    if len(references) > 1:
        raise DuplicateRowError(f"group {name}: {len(references)} references: {', '.join(references['model'])}")
    return references.iloc[0]


def _rate(row: pd.Series) -> dict[str, Any]:
    seconds = np.asarray(row["round_seconds"], dtype=np.float64)
    rate = float(row["batch_size"]) / float(np.median(seconds)) if len(seconds) else math.nan
    of_training = row["task"] == "training"
    return {
        "images_per_second": rate,
        "num_rounds": len(seconds),
        "seconds_per_million_images": 1e6 / rate if of_training else math.nan,
    }


def _latency(row: pd.Series) -> dict[str, float]:
    calls = np.asarray(row["call_seconds"], dtype=np.float64)
    shares = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
    return {name: 1000 * float(np.quantile(calls, share)) if len(calls) else math.nan for name, share in shares.items()}


def _to_reference(row: pd.Series, reference: pd.Series, level: float) -> dict[str, float]:
    if row["is_reference"]:
        ratio = Interval(1.0 if len(row["round_seconds"]) else math.nan, math.nan, math.nan, 0)
    else:
        ratio = rate_ratio(row, reference, level)
    return _ratio_columns("reference_ratio", ratio)
