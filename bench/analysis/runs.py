"""What the runs themselves show: how far pretraining came, and what each kind of run cost."""

import pandas as pd

from bench.analysis.columns import NUMBERS, numbers, with_types
from bench.analysis.intervals import LEVEL
from bench.analysis.seeds import expected_seeds, read_seeds, require_columns, split

_PRETRAINING = ["model", "family", "corpus", "subset_images", "image_size", "recipe"]
_LOSSES = ["images_seen", "train_loss", "validation_loss"]
_COSTS = ["images_per_second", "train_seconds", "training_flops", "peak_memory_bytes"]


def pretraining(runs: pd.DataFrame, level: float = LEVEL) -> pd.DataFrame:
    """How far each model came on each subset.

    Returns:
        One row per model and subset. `accuracy`, `low`, `high`: on the corpus's validation split, 0 to 1, over
        the seeds that finished; `images_seen`, `train_loss`, `validation_loss`: their means. `num_seeds`,
        `status`, `reason` as in `comparison`.
    """
    require_columns(runs, [*_PRETRAINING, *_LOSSES, "kind", "seed", "status", "reason", "validation_accuracy"], "runs")
    pretrained = runs[runs["kind"] == "pretrain"]
    cells = pretrained.assign(accuracy=pretrained["validation_accuracy"], target=pretrained["corpus"], draw=0)
    expected = expected_seeds(cells)
    rows = [
        dict(zip(_PRETRAINING, key, strict=True))
        | {name: float(values.mean()) for name, values in found.loc[found["status"] == "ok", _LOSSES].items()}
        | numbers(read_seeds(found, expected), level)
        for key, found in split(cells, _PRETRAINING)
    ]
    return with_types(pd.DataFrame(rows, columns=[*_PRETRAINING, *_LOSSES, *NUMBERS]))


def costs(runs: pd.DataFrame) -> pd.DataFrame:
    """What the finished runs of each kind and model cost.

    Returns:
        One row per kind and model: `num_runs`; `images_per_second`, the median; `train_seconds` and
        `training_flops`, their sums; `peak_memory_bytes`, the largest.
    """
    require_columns(runs, [*_COSTS, "kind", "model", "status"], "runs")
    finished = runs[runs["status"] == "ok"]
    rows = [
        {
            "kind": kind,
            "model": model,
            "num_runs": len(found),
            "images_per_second": found["images_per_second"].median(),
            "train_seconds": found["train_seconds"].sum(min_count=1),
            "training_flops": found["training_flops"].sum(min_count=1),
            "peak_memory_bytes": found["peak_memory_bytes"].max(),
        }
        for (kind, model), found in split(finished, ["kind", "model"])
    ]
    return pd.DataFrame(rows, columns=["kind", "model", "num_runs", *_COSTS])
