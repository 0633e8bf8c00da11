"""Summarise the runs themselves: the results of pretraining, and the cost of each kind of run."""

import pandas as pd

from bench.analysis.columns import NUMBERS, numbers, with_types
from bench.analysis.frames import require_columns, split
from bench.analysis.seeds import expected_seeds, read_seeds
from bench.analysis.stats.intervals import LEVEL

_RUN = ["model", "family", "corpus", "subset_images", "image_size", "recipe"]
_PRETRAINING = [*_RUN, "arm"]
_LOSSES = ["images_seen", "train_loss", "validation_loss"]
_COSTS = ["images_seen", "images_per_second", "train_seconds", "training_flops", "peak_memory_bytes"]


def pretraining(cells: pd.DataFrame, runs: pd.DataFrame, level: float = LEVEL) -> pd.DataFrame:
    """Return the results of pretraining for each model and subset.

    Args:
        cells: One row per cell; it tells the ladder's pretraining runs from those of ablations.
        runs: One row per run.
        level: The confidence level of the intervals.

    Returns:
        One row per model, subset and arm. `arm` reads like `position: none`, and is empty on the ladder. `accuracy`,
        `low`, `high`: on the corpus's validation split, 0 to 1, over the seeds that finished. `images_seen`,
        `train_loss`, `validation_loss`: their means. `num_seeds`, `status`, `reason`, `notes` as in `comparison`.
    """
    require_columns(cells, ["pretrain_key", "ablation", "arm"], "cells")
    about_runs = ["kind", "seed", "status", "reason", "notes", "validation_accuracy"]
    require_columns(runs, ["key", *_RUN, *_LOSSES, *about_runs], "runs")
    pretrained = runs[runs["kind"] == "pretrain"]
    pretrained = pretrained.assign(
        arm=pretrained["key"].map(_arms(cells)).fillna(""),
        accuracy=pretrained["validation_accuracy"],
        transfer_key=pretrained["key"],
        target=pretrained["corpus"],
        draw=0,
    )
    expected = expected_seeds(pretrained)
    rows = [
        dict(zip(_PRETRAINING, key, strict=True)) | _losses(of_key) | numbers(read_seeds(of_key, expected), level)
        for key, of_key in split(pretrained, _PRETRAINING)
    ]
    return with_types(pd.DataFrame(rows, columns=[*_PRETRAINING, *_LOSSES, *NUMBERS]))


def costs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the cost of the finished runs of each kind and model.

    Returns:
        One row per kind and model: `num_runs`; `images_seen` and `images_per_second`, the medians; `train_seconds` and
        `training_flops`, their sums; `peak_memory_bytes`, the largest.
    """
    require_columns(runs, [*_COSTS, "kind", "model", "status"], "runs")
    finished = runs[runs["status"] == "ok"]
    rows = [
        {
            "kind": kind,
            "model": model,
            "num_runs": len(of_key),
            "images_seen": of_key["images_seen"].median(),
            "images_per_second": of_key["images_per_second"].median(),
            "train_seconds": of_key["train_seconds"].sum(min_count=1),
            "training_flops": of_key["training_flops"].sum(min_count=1),
            "peak_memory_bytes": of_key["peak_memory_bytes"].max(),
        }
        for (kind, model), of_key in split(finished, ["kind", "model"])
    ]
    return pd.DataFrame(rows, columns=["kind", "model", "num_runs", *_COSTS])


def _arms(cells: pd.DataFrame) -> dict[str, str]:
    """Return key of a pretraining run -> the arm that needs it; empty if the ladder needs the run, too."""
    arms: dict[str, str] = {}
    for key, ablation, arm in zip(cells["pretrain_key"], cells["ablation"], cells["arm"], strict=True):
        if ablation == "":
            arms[key] = ""
        else:
            arms.setdefault(key, f"{ablation}: {arm}")
    return arms


def _losses(rows: pd.DataFrame) -> dict[str, float]:
    finished = rows[rows["status"] == "ok"]
    return {name: float(finished[name].astype("float64").mean()) for name in _LOSSES}
