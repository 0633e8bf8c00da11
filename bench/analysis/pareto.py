"""Accuracy against cost: which rows of a target are worth their cost, which are not, and which nobody can tell.

Means alone decide who is on the front. That a row is behind needs more: another that costs no more and is better by a
difference, paired by seed and test image, whose interval lies wholly above zero.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.comparison import FINE_TUNE, ROW, SCRATCH
from bench.analysis.correctness import by_key
from bench.analysis.estimates import difference_estimate
from bench.analysis.frames import Key, require_columns, require_unique, split
from bench.analysis.seeds import SeedResults, expected_seeds, read_seeds
from bench.analysis.speed_columns import OURS
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.stats.statistics_errors import ConstantError, DifferentImagesError, SingleSeedError, UnpairedError

FRONT, BEHIND, UNDECIDED = "front", "behind", "undecided"
COSTS = {
    "images_per_second": "more",
    "p50_ms": "less",
    "parameters": "less",
    "macs": "less",
    "training_flops": "less",
    "joules_per_thousand_images": "less",
}
"""What a row may cost, and whether more or less of it is better."""

_TARGET = ["target", "image_size"]
_ACCURACY = ["num_seeds", "accuracy", "low", "high", "status", "notes"]
_COUNTED = ["parameters", "macs"]


def pareto(
    comparison: pd.DataFrame,
    cells: pd.DataFrame,
    runs: pd.DataFrame,
    speeds: pd.DataFrame,
    answers: pd.DataFrame | None = None,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Set the accuracy of each fine-tuned row against each of its costs, target by target.

    Args:
        comparison: as from `bench.analysis.comparison`; probes are left out.
        cells: one row a cell; seeds and the keys of runs are read from it.
        runs: one row a run; parameters, multiply-accumulates and training FLOPs are read from it.
        speeds: rows of one machine and precision, with their figures, each group once.
        answers: one row a finished transfer; where those of a row are not kept, its differences are over seeds alone.
        level: of the intervals of differences.

    Returns:
        One row per row of the comparison and cost. `cost` is one of `COSTS`, `value` what it comes to:
        `images_per_second` and `joules_per_thousand_images` of inference at the model's best settings, `p50_ms` of a
        single image, `parameters` and `macs` of the network that was fine-tuned, `training_flops` of pretraining and
        transfer together, median over seeds. `place`: `front`, where no other row of the target has at least the
        accuracy for no more cost, one of them strictly; `behind`, where a row that costs no more is better with an
        interval, paired by seed and image, above zero; `undecided`, where one is better or as good by the means alone;
        empty without accuracy or value. A cost that no row has is left out.

    Raises:
        MissingColumnError, DuplicateRowError: a table is not what it should be.
    """
    require_columns(comparison, [*ROW, *_ACCURACY], "comparison")
    require_columns(cells, [*ROW, "ablation", "pretrain_key", "transfer_key"], "cells")
    require_columns(runs, ["key", *_COUNTED, "training_flops"], "runs")
    require_unique(runs, "key", "runs")
    ladder = cells[cells["ablation"] == ""]
    expected, known = expected_seeds(ladder), by_key(answers)
    counted = runs.set_index("key")[[*_COUNTED, "training_flops"]]
    of_row = dict(split(ladder, ROW))
    rows: list[dict[str, Any]] = []
    for _, of_target in split(comparison[comparison["transfer"] == FINE_TUNE], _TARGET):
        standing = [
            _Standing(key, row.iloc[0], read_seeds(of_row[key], expected, known), _costs(of_row[key], counted, speeds))
            for key, row in split(of_target, ROW)
        ]
        better = {one.key: [other for other in standing if _is_better(other, one, level)] for one in standing}
        rows += [_line(one, cost, standing, better[one.key]) for one in standing for cost in COSTS]
    table = pd.DataFrame(rows, columns=[*ROW, *_ACCURACY, "cost", "value", "place"])
    return table[table["cost"].isin(set(table.loc[table["value"].notna(), "cost"]))].reset_index(drop=True)


@dataclass(frozen=True)
class _Standing:
    """A row of the comparison and all that it cost."""

    key: Key
    row: pd.Series
    found: SeedResults
    costs: dict[str, float]

    def price(self, cost: str) -> float:
        """What the row pays, less being better; infinite if nobody knows."""
        value = self.costs[cost]
        return math.inf if math.isnan(value) else (-value if COSTS[cost] == "more" else value)

    @property
    def accuracy(self) -> float:
        """Mean over seeds, 0 to 1; NaN if none finished."""
        return float(self.row["accuracy"])


def _line(one: _Standing, cost: str, standing: list[_Standing], better: list[_Standing]) -> dict[str, Any]:
    told = {name: one.row[name] for name in _ACCURACY}
    place = _place(one, cost, standing, better)
    return dict(zip(ROW, one.key, strict=True)) | told | {"cost": cost, "value": one.costs[cost], "place": place}


def _place(one: _Standing, cost: str, standing: list[_Standing], better: list[_Standing]) -> str:
    """Where a row stands by one cost, given the rows of its target and those that are better for certain."""
    if math.isnan(one.accuracy) or math.isinf(one.price(cost)):
        return ""
    if not any(_dominates(other, one, cost) for other in standing):
        return FRONT
    return BEHIND if any(other.price(cost) <= one.price(cost) for other in better) else UNDECIDED


def _is_better(other: _Standing, one: _Standing, level: float) -> bool:
    """Whether another row is more accurate by an interval above zero; what has no interval is not."""
    if not other.accuracy > one.accuracy:
        return False
    try:
        return difference_estimate(other.found, one.found, "the other row").interval(level).low > 0
    except (UnpairedError, DifferentImagesError, SingleSeedError, ConstantError):
        return False


def _dominates(other: _Standing, one: _Standing, cost: str) -> bool:
    """Whether another row is as good by the means for no more, and better or cheaper."""
    if not other.accuracy >= one.accuracy or other.price(cost) > one.price(cost):
        return False
    return other.accuracy > one.accuracy or other.price(cost) < one.price(cost)


def _costs(cells: pd.DataFrame, runs: pd.DataFrame, speeds: pd.DataFrame) -> dict[str, float]:
    """Of one row of the comparison, by the name of the cost; NaN for what was not measured."""
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
    """Of pretraining and transfer together, median over seeds; unknown behind weights made elsewhere."""
    flops = runs["training_flops"].astype("float64")
    own = flops.reindex(cells["transfer_key"]).to_numpy()
    before = flops.reindex(cells["pretrain_key"]).to_numpy()
    total = own if (cells["corpus"] == SCRATCH).all() else own + before
    return float(pd.Series(total).median())


def _first(values: Iterable[Any]) -> float:
    """The first that was measured."""
    return next((float(value) for value in values if not pd.isna(value)), math.nan)
