"""Compare accuracy with cost: which rows of a target are on the Pareto front, behind it, or undecided.

Means alone decide which rows are on the front. A row is behind only if another row costs no more and is better: the
interval of their difference, paired by seed and test image, lies wholly above zero at a level corrected over all pairs.
The accuracies are compared once (`compared_rows`), and then with the costs of each machine (`pareto`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist, fmean, stdev
from typing import Any

import pandas as pd

from bench.analysis.columns import FAILED, TESTED
from bench.analysis.comparison import FINE_TUNE, ROW, SCRATCH
from bench.analysis.correctness import by_key
from bench.analysis.costs import COSTS as COSTS
from bench.analysis.costs import costs_of
from bench.analysis.estimates import counted_estimate, difference_estimate
from bench.analysis.frames import Key, require_columns, require_unique, split
from bench.analysis.recommend.decide import Amount
from bench.analysis.seeds import COMPLETE, SeedResults, expected_seeds, planned_seeds, read_seeds
from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.stats.multiple import step_down
from bench.analysis.stats.statistics_errors import ConstantError, DifferentImagesError, SingleSeedError, UnpairedError
from bench.analysis.stats.verdicts import failures_agree, verdict_interval

FRONT, BEHIND, UNDECIDED = "front", "behind", "undecided"

_OF_ARM = ["ablation", "arm"]
_ARM = [*_OF_ARM, "model", "family", "target", "corpus", "subset_images", "transfer", "shots", "match"]
"""What identifies an arm on one target."""
_ACCURACY = ["num_seeds", "accuracy", "low", "high", "status", "notes", "seeds", *FAILED, *TESTED]
_OF_RUN = ["parameters", "macs", "training_flops"]
_COLUMNS = [*ROW, *_OF_ARM, *_ACCURACY, "cost", "value", "value_low", "value_high", "place"]


@dataclass(frozen=True)
class ComparedRow:
    """A fine-tuned row of the comparison, or a fine-tuned arm of an ablation."""

    facts: Mapping[str, Any]
    """What identifies it, and its accuracy: the values of some columns."""
    cells: pd.DataFrame
    results: SeedResults

    @property
    def accuracy(self) -> float:
        """Return the mean over seeds, 0 to 1; NaN if none finished."""
        return float(self.facts["accuracy"])


@dataclass(frozen=True)
class ComparedTarget:
    """The rows of one target, compared with one another."""

    rows: tuple[ComparedRow, ...]
    better: tuple[Sequence[int], ...]
    """Of each row, the numbers of the rows that are clearly more accurate."""


def compared_rows(tables: Mapping[str, pd.DataFrame], level: float = LEVEL) -> tuple[ComparedTarget, ...]:
    """Compare the accuracies of all fine-tuned rows of each target, those of ablations among them.

    An arm whose runs are those of a row on the ladder, or of an earlier arm, is left out.

    Args:
        tables: `comparison`, `ablations` and `cells`, and `correctness` if it is kept. A row without it has differences
            over seeds alone.
        level: The confidence level at which all differences of all targets hold together.

    Raises:
        MissingColumnError, DuplicateRowError: A table lacks a column or holds a row twice.
    """
    require_columns(tables["comparison"], [*ROW, *_ACCURACY], "comparison")
    require_columns(tables["ablations"], [*_ARM, *_ACCURACY], "ablations")
    require_columns(tables["cells"], [*ROW, *_OF_ARM, "pretrain_key", "transfer_key"], "cells")
    targets: dict[str, list[ComparedRow]] = {}
    for row in (*_on_ladder(tables), *_arms(tables)):
        same = targets.setdefault(str(row.facts["target"]), [])
        if all(set(row.cells["transfer_key"]) != set(other.cells["transfer_key"]) for other in same):
            same.append(row)
    better = better_rows([[row.results for row in rows] for rows in targets.values()], level)
    return tuple(ComparedTarget(tuple(rows), tuple(of)) for rows, of in zip(targets.values(), better, strict=True))


def pareto(targets: Sequence[ComparedTarget], runs: pd.DataFrame, speeds: pd.DataFrame | None = None) -> pd.DataFrame:
    """Compare the accuracy of each fine-tuned row with each of its costs, target by target.

    Args:
        targets: The rows from `compared_rows`.
        runs: One row per run; parameters, multiply-accumulates and training FLOPs are read from it.
        speeds: The rows of one machine and precision, with their figures, each group once; None if nothing was
            measured.

    Returns:
        One row per row of the comparison, or arm, and cost; a cost that no row has is left out.

        - `ablation`, `arm`: empty for a row of the ladder.
        - `cost`, `value`: one of `COSTS` and its amount. `images_per_second` and `joules_per_thousand_images` are of
          inference at the model's best settings; `p50_ms`, `p95_ms` and `peak_memory_mib` of single images;
          `parameters` and `macs` of the fine-tuned network. `training_flops` are of pretraining and transfer together,
          the median over seeds; an arm of another budget has no other cost.
        - `value_low`, `value_high`: the bounds of a measured cost, whatever its distribution; missing without them.
        - `place`: `front` unless another row of the target is at least as accurate for no more cost, and better in one
          of the two. Otherwise `behind` if a row that costs no more is better, the interval of their paired difference
          lies above zero and no failed seed objects; else `undecided`. It is empty without accuracy or value.

    Raises:
        MissingColumnError, DuplicateRowError: A table lacks a column or holds a row twice.
    """
    require_columns(runs, ["key", *_OF_RUN], "runs")
    require_unique(runs, "key", "runs")
    counted = runs.set_index("key")[_OF_RUN]
    lines = []
    for target in targets:
        rows = [_CostedRow(row.accuracy, costs_of(row.cells, counted, speeds)) for row in target.rows]
        for compared, row, better in zip(target.rows, rows, target.better, strict=True):
            for cost, amount in row.costs.items():
                place = _place(row, cost, rows, [rows[number] for number in better])
                numbers = {"value": amount.value, "value_low": amount.low, "value_high": amount.high}
                lines.append({**compared.facts, "cost": cost, **numbers, "place": place})
    table = pd.DataFrame(lines, columns=_COLUMNS)
    return table[table["cost"].isin(set(table.loc[table["value"].notna(), "cost"]))].reset_index(drop=True)


def better_rows(targets: Sequence[Sequence[SeedResults]], level: float = LEVEL) -> list[list[list[int]]]:
    """Return, for each row of each target, the numbers of the target's rows that are clearly more accurate.

    Every two rows of a target are compared. Holm's procedure corrects the intervals over the pairs of all targets, so
    that none is wrong at the level.

    Args:
        targets: The rows of each target.
        level: The confidence level of all comparisons together.
    """
    num_equal, normal = 0, NormalDist().inv_cdf((1 + level) / 2)
    pairs: list[tuple[int, int, int, Estimate, Estimate | None]] = []
    for target, rows in enumerate(targets):
        for first, second in combinations(range(len(rows)), 2):
            if not _may_differ(rows[first], rows[second], normal):
                num_equal += 1
            elif (found := _difference(rows[first], rows[second])) is not None:
                pairs.append((target, first, second, *found))

    def differs(number: int, strict: float) -> bool:
        if number >= len(pairs):
            return False  # one of those that are about equal, which count in the correction
        estimate, counted = pairs[number][-2:]
        interval = verdict_interval(estimate, strict)
        agree = counted is None or failures_agree(interval, counted, 0.0, 0.0, strict)
        return agree and (interval.low > 0 or interval.high < 0)

    better: list[list[list[int]]] = [[[] for _ in rows] for rows in targets]
    for number in sorted(step_down(len(pairs) + num_equal, differs, level)):
        target, first, second, estimate, _ = pairs[number]
        worse, ahead = (second, first) if estimate.mean > 0 else (first, second)
        better[target][worse].append(ahead)
    return better


def _on_ladder(tables: Mapping[str, pd.DataFrame]) -> Iterator[ComparedRow]:
    """Yield the fine-tuned rows of the ladder."""
    packed, ladder = by_key(tables.get("correctness")), tables["cells"][tables["cells"]["ablation"] == ""]
    expected = expected_seeds(ladder)
    from_scratch = planned_seeds(ladder[ladder["corpus"] == SCRATCH], expected)
    cells_of = dict(split(ladder, ROW))
    for key, row in _fine_tuned(tables["comparison"], ROW):
        seeds = from_scratch if row["corpus"] == SCRATCH else expected
        facts = {name: row[name] for name in (*ROW, *_ACCURACY)} | dict.fromkeys(_OF_ARM, "")
        yield ComparedRow(facts, cells_of[key], read_seeds(cells_of[key], seeds, packed))


def _arms(tables: Mapping[str, pd.DataFrame]) -> Iterator[ComparedRow]:
    """Yield the fine-tuned arms of ablations."""
    packed, arms = by_key(tables.get("correctness")), tables["cells"][tables["cells"]["ablation"] != ""]
    cells_of = dict(split(arms, _ARM))
    expected = {ablation: expected_seeds(cells) for (ablation,), cells in split(arms, ["ablation"])}
    for key, row in _fine_tuned(tables["ablations"], _ARM):
        cells = cells_of[key]
        facts = {name: cells.iloc[0][name] for name in ROW} | {name: row[name] for name in (*_OF_ARM, *_ACCURACY)}
        yield ComparedRow(facts, cells, read_seeds(cells, expected[row["ablation"]], packed))


def _fine_tuned(table: pd.DataFrame, columns: list[str]) -> Iterator[tuple[Key, pd.Series]]:
    """Yield the key of each fine-tuned row of a table, and the row."""
    for key, rows in split(table[table["transfer"] == FINE_TUNE], columns):
        yield key, rows.iloc[0]


def _may_differ(row: SeedResults, other: SeedResults, normal: float) -> bool:
    """Tell whether the spread of the seeds leaves room for a clear difference, at a normal quantile of the level.

    An interval is at least that wide, so this changes no result. It saves the estimates of pairs that are about equal.
    """
    differences = [row.accuracy[seed] - other.accuracy[seed] for seed in row.accuracy.keys() & other.accuracy.keys()]
    if row.status != COMPLETE or other.status != COMPLETE or len(differences) < 2:
        return True
    return abs(fmean(differences)) > (1 - 1e-6) * normal * stdev(differences) / math.sqrt(len(differences))


def _difference(row: SeedResults, other: SeedResults) -> tuple[Estimate, Estimate | None] | None:
    """Return the difference of two rows given success, and with failed seeds counted if there are any.

    None without an interval.
    """
    try:
        estimate = difference_estimate(row, other, "the other row")
        return estimate, counted_estimate(row, other) if row.failed or other.failed else None
    except (UnpairedError, DifferentImagesError, SingleSeedError, ConstantError):
        return None


@dataclass(frozen=True)
class _CostedRow:
    """The accuracy of a row with all of its costs."""

    accuracy: float
    costs: Mapping[str, Amount]

    def price(self, cost: str) -> float:
        """Return the cost as a number of which less is better; infinite if it is unknown."""
        value = self.costs[cost].value
        return math.inf if math.isnan(value) else (-value if COSTS[cost] == "more" else value)


def _place(row: _CostedRow, cost: str, rows: Sequence[_CostedRow], better: Sequence[_CostedRow]) -> str:
    """Return a row's place by one cost, given the rows of its target and those that are clearly better."""
    if math.isnan(row.accuracy) or math.isinf(row.price(cost)):
        return ""
    if not any(_dominates(other, row, cost) for other in rows):
        return FRONT
    return BEHIND if any(other.price(cost) <= row.price(cost) for other in better) else UNDECIDED


def _dominates(other: _CostedRow, row: _CostedRow, cost: str) -> bool:
    """Tell whether another row is at least as accurate on the mean and costs no more, and is better in one of both."""
    if not other.accuracy >= row.accuracy or other.price(cost) > row.price(cost):
        return False
    return other.accuracy > row.accuracy or other.price(cost) < row.price(cost)
