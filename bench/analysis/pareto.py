"""Compare accuracy with cost: which rows of a target are on the Pareto front, behind it, or undecided.

Means alone decide which rows are on the front. A row is behind only if another row costs no more and is better: the
interval of their difference, paired by seed and test image, lies wholly above zero at a level corrected over all pairs.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from bench.analysis.columns import FAILED, TESTED
from bench.analysis.comparison import FINE_TUNE, ROW, SCRATCH
from bench.analysis.correctness import by_key
from bench.analysis.estimates import counted_estimate, difference_estimate
from bench.analysis.frames import require_columns, require_unique, split
from bench.analysis.seeds import SeedResults, expected_seeds, planned_seeds, read_seeds
from bench.analysis.speed_columns import OURS
from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.stats.multiple import step_down
from bench.analysis.stats.statistics_errors import ConstantError, DifferentImagesError, SingleSeedError, UnpairedError
from bench.analysis.stats.verdicts import failures_agree, verdict_interval

FRONT, BEHIND, UNDECIDED = "front", "behind", "undecided"
COSTS = {
    "images_per_second": "more",
    "p50_ms": "less",
    "parameters": "less",
    "macs": "less",
    "training_flops": "less",
    "joules_per_thousand_images": "less",
}
"""Cost -> whether more or less of it is better."""

_TARGET = ["target"]
_ACCURACY = ["num_seeds", "accuracy", "low", "high", "status", "notes", "seeds", *FAILED, *TESTED]
_COUNTED = ["parameters", "macs"]


def pareto(
    comparison: pd.DataFrame,
    cells: pd.DataFrame,
    runs: pd.DataFrame,
    speeds: pd.DataFrame,
    correctness: pd.DataFrame | None = None,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Compare the accuracy of each fine-tuned row with each of its costs, target by target.

    Args:
        comparison: The table from `bench.analysis.comparison`; probes are left out.
        cells: One row per cell; seeds and the keys of runs are read from it.
        runs: One row per run; parameters, multiply-accumulates and training FLOPs are read from it.
        speeds: The rows of one machine and precision, with their figures, each group once.
        correctness: One row per finished transfer. A row without it has differences over seeds alone.
        level: The confidence level at which all differences of the table hold together.

    Returns:
        One row per row of the comparison and cost; a cost that no row has is left out.

        - `cost`, `value`: one of `COSTS` and its amount. `images_per_second` and `joules_per_thousand_images` are of
          inference at the model's best settings, `p50_ms` of a single image, `parameters` and `macs` of the fine-tuned
          network. `training_flops` are of pretraining and transfer together, the median over seeds.
        - `place`: `front` unless another row of the target is at least as accurate for no more cost, and better in one
          of the two. Otherwise `behind` if a row that costs no more is better, the interval of their paired difference
          lies above zero and no failed seed objects; else `undecided`. It is empty without accuracy or value.

    Raises:
        MissingColumnError, DuplicateRowError: A table lacks a column or holds a row twice.
    """
    require_columns(comparison, [*ROW, *_ACCURACY], "comparison")
    require_columns(cells, [*ROW, "ablation", "pretrain_key", "transfer_key"], "cells")
    require_columns(runs, ["key", *_COUNTED, "training_flops"], "runs")
    require_unique(runs, "key", "runs")
    ladder = cells[cells["ablation"] == ""]
    expected, packed = expected_seeds(ladder), by_key(correctness)
    from_scratch = planned_seeds(ladder[ladder["corpus"] == SCRATCH], expected)
    counted = runs.set_index("key")[[*_COUNTED, "training_flops"]]
    cells_of = dict(split(ladder, ROW))

    def costed(compared: pd.Series, cells: pd.DataFrame) -> _CostedRow:
        seeds = from_scratch if compared["corpus"] == SCRATCH else expected
        return _CostedRow(compared, read_seeds(cells, seeds, packed), _costs(cells, counted, speeds))

    targets = [
        [costed(row.iloc[0], cells_of[key]) for key, row in split(of_target, ROW)]
        for _, of_target in split(comparison[comparison["transfer"] == FINE_TUNE], _TARGET)
    ]
    better_of_targets = better_rows([[row.results for row in rows] for rows in targets], level)
    lines: list[dict[str, Any]] = []
    for rows, better_of_rows in zip(targets, better_of_targets, strict=True):
        for row, better in zip(rows, better_of_rows, strict=True):
            facts = {name: row.compared[name] for name in (*ROW, *_ACCURACY)}
            lines += [
                facts
                | {"cost": cost, "value": row.costs[cost], "place": _place(row, cost, rows, [rows[i] for i in better])}
                for cost in COSTS
            ]
    table = pd.DataFrame(lines, columns=[*ROW, *_ACCURACY, "cost", "value", "place"])
    return table[table["cost"].isin(set(table.loc[table["value"].notna(), "cost"]))].reset_index(drop=True)


def better_rows(targets: Sequence[Sequence[SeedResults]], level: float = LEVEL) -> list[list[list[int]]]:
    """Return, for each row of each target, the numbers of the target's rows that are clearly more accurate.

    Every two rows of a target are compared. Holm's procedure corrects the intervals over the pairs of all targets, so
    that none is wrong at the level.

    Args:
        targets: The rows of each target.
        level: The confidence level of all comparisons together.
    """
    pairs: list[tuple[int, int, int, Estimate, Estimate | None]] = []
    for target, rows in enumerate(targets):
        for first, second in combinations(range(len(rows)), 2):
            if (found := _difference(rows[first], rows[second])) is not None:
                pairs.append((target, first, second, *found))

    def differs(number: int, strict: float) -> bool:
        estimate, counted = pairs[number][-2:]
        interval = verdict_interval(estimate, strict)
        agree = counted is None or failures_agree(interval, counted, 0.0, 0.0, strict)
        return agree and (interval.low > 0 or interval.high < 0)

    better: list[list[list[int]]] = [[[] for _ in rows] for rows in targets]
    for number in sorted(step_down(len(pairs), differs, level)):
        target, first, second, estimate, _ = pairs[number]
        worse, ahead = (second, first) if estimate.mean > 0 else (first, second)
        better[target][worse].append(ahead)
    return better


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
    """A row of the comparison with all of its costs."""

    compared: pd.Series
    results: SeedResults
    costs: dict[str, float]

    def price(self, cost: str) -> float:
        """Return the cost as a number of which less is better; infinite if it is unknown."""
        value = self.costs[cost]
        return math.inf if math.isnan(value) else (-value if COSTS[cost] == "more" else value)

    @property
    def accuracy(self) -> float:
        """Return the mean over seeds, 0 to 1; NaN if none finished."""
        return float(self.compared["accuracy"])


def _place(row: _CostedRow, cost: str, rows: list[_CostedRow], better: list[_CostedRow]) -> str:
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


def _costs(cells: pd.DataFrame, runs: pd.DataFrame, speeds: pd.DataFrame) -> dict[str, float]:
    """Return the costs of one row of the comparison by their names; NaN if a cost was not measured."""
    model, image_size = cells["model"].iloc[0], cells["image_size"].iloc[0]
    measured = speeds[(speeds["model"] == model) & (speeds["image_size"] == image_size)]
    measured = measured[(measured["implementation"] == OURS) & (measured["task"] == "inference")]
    best = measured[(measured["kind"] == "best") & ~measured["is_reference"]]
    counts = runs.reindex(cells["transfer_key"])
    return {
        "images_per_second": _first(best["images_per_second"]),
        "p50_ms": _first(measured.loc[measured["kind"] == "latency", "p50_ms"]),
        **{name: _first(counts[name]) for name in _COUNTED},
        "training_flops": _training_flops(cells, runs),
        "joules_per_thousand_images": _first(best["joules_per_thousand_images"]),
    }


def _training_flops(cells: pd.DataFrame, runs: pd.DataFrame) -> float:
    """Return the FLOPs of pretraining and transfer together, median over seeds; NaN for external weights."""
    flops = runs["training_flops"].astype("float64")
    of_transfer = flops.reindex(cells["transfer_key"]).to_numpy()
    of_pretraining = flops.reindex(cells["pretrain_key"]).to_numpy()
    is_scratch = (cells["corpus"] == SCRATCH).all()
    return float(pd.Series(of_transfer if is_scratch else of_transfer + of_pretraining).median())


def _first(values: Iterable[Any]) -> float:
    """Return the first value that was measured."""
    return next((float(value) for value in values if not pd.isna(value)), math.nan)
