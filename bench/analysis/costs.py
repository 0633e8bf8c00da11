"""Collect what a row of the comparison costs: counts from its runs, and what was measured, with bounds."""

import math
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pandas as pd

from bench.analysis.claims.evidence import BUDGET
from bench.analysis.corpus_names import SCRATCH
from bench.analysis.recommend.candidates import quantile_bounds
from bench.analysis.recommend.decide import NOT_MEASURED, Amount
from bench.analysis.speed import num_restarts, rates
from bench.analysis.speed_columns import OURS

COSTS: Final = {
    "images_per_second": "more",
    "p50_ms": "less",
    "p95_ms": "less",
    "peak_memory_mib": "less",
    "parameters": "less",
    "macs": "less",
    "training_flops": "less",
    "joules_per_thousand_images": "less",
}
"""Cost -> whether more or less of it is better."""
_COUNTED = ("parameters", "macs")


def costs_of(cells: pd.DataFrame, runs: pd.DataFrame, speeds: pd.DataFrame | None) -> dict[str, Amount]:
    """Return cost -> its amount of one row. Amounts that are counted, or measured once, have no bounds.

    An arm of another budget has its training FLOPs alone, since these are what its accuracy is bought with.

    Args:
        cells: The cells of the row.
        runs: Parameters, multiply-accumulates and training FLOPs by the key of a run.
        speeds: The rows of one machine and precision, with their figures; None if nothing was measured.
    """
    training = {"training_flops": _without_bounds(_training_flops(cells, runs))}
    if cells["ablation"].iloc[0].startswith(BUDGET):
        return dict.fromkeys(COSTS, NOT_MEASURED) | training
    counts = runs.reindex(cells["transfer_key"])
    counted = {name: _without_bounds(_first(counts[name])) for name in _COUNTED}
    measured = {} if speeds is None else _measured(cells["model"].iloc[0], cells["image_size"].iloc[0], speeds)
    return dict.fromkeys(COSTS, NOT_MEASURED) | measured | counted | training


def _measured(model: str, image_size: int, speeds: pd.DataFrame) -> dict[str, Amount]:
    """Return what was measured of a model's inference: at its best settings, and of single images."""
    of_model = speeds[(speeds["model"] == model) & (speeds["image_size"] == image_size)]
    ours = of_model[(of_model["implementation"] == OURS) & (of_model["task"] == "inference")]
    best = ours[(ours["kind"] == "best") & ~ours["is_reference"]]
    latency = ours[ours["kind"] == "latency"]
    calls = 1000 * np.asarray(next((of for of in latency["call_seconds"] if len(of)), []), dtype=np.float64)
    return {
        "images_per_second": _rate(best),
        "p50_ms": _closed(quantile_bounds(calls, 0.5)),
        "p95_ms": _closed(quantile_bounds(calls, 0.95)),
        "peak_memory_mib": _without_bounds(_first(latency["peak_memory_bytes"]) / 2**20),
        "joules_per_thousand_images": _without_bounds(_first(best["joules_per_thousand_images"])),
    }


def _rate(best: pd.DataFrame) -> Amount:
    """Return images per second in the median round, with bounds over rounds, or over restarts if there are several."""
    for _, row in best.iterrows():
        found = rates(row)
        if num_restarts(row) > 1:
            found = pd.Series(found).groupby(np.asarray(row["round_restarts"])).median().to_numpy()
        if len(found):
            bounds = _closed(quantile_bounds(found, 0.5))
            return Amount(float(row["images_per_second"]), bounds.low, bounds.high)
    return NOT_MEASURED


def _closed(amount: Amount) -> Amount:
    """Return an amount without bounds if too few values leave one of them open."""
    is_closed = amount.low > 0 and math.isfinite(amount.high)
    return amount if is_closed else _without_bounds(amount.value)


def _without_bounds(value: float) -> Amount:
    return Amount(value, math.nan, math.nan)


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
