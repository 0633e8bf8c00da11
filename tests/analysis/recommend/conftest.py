"""Planted tables: models whose true accuracies, costs and seeds a test chooses."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.analysis.correctness import COLUMNS, pack
from bench.analysis.recommend.question import Measured

CELLS = {
    "corpus": "fractals",
    "subset_images": 1024,
    "subset_classes": 32,
    "target": "digits@100",
    "target_images": 100,
    "image_size": 32,
    "transfer": "fine-tune",
    "shots": None,
    "draw": None,
    "ablation": "",
    "arm": "",
    "status": "ok",
    "reason": "",
    "notes": "",
}
TYPES = dict.fromkeys(("subset_images", "subset_classes", "target_images", "shots", "draw"), "Int64")
RUNGS = {"fractals": {"256": 256, "1024": 1024}}
Plant = Callable[..., Measured]


@pytest.fixture
def plant() -> Plant:
    return planted


def planted(
    *rows: Mapping[str, Any],
    num_seeds: int = 6,
    num_images: int = 400,
    speeds: Mapping[str, pd.DataFrame] | None = None,
    rng: int = 0,
) -> Measured:
    """The results of some rows, each with `model`, `accuracy`, and what differs from an ordinary cell.

    `macs` and `parameters` are of the row's network, `failed` the number of its seeds that score 10 %. Images are as
    hard for all models, and seeds vary by a point.
    """
    draws = np.random.default_rng(rng)
    hard = draws.random(num_images)
    cells, runs, answers = [], [], []
    for row in rows:
        facts = {name: value for name, value in row.items() if name not in ("accuracy", "macs", "parameters", "failed")}
        for seed in range(num_seeds):
            cell = CELLS | {"family": "cnn"} | facts | {"seed": seed}
            name = "-".join(str(cell[part]) for part in ("model", "target", "subset_images", "transfer", "arm", "seed"))
            share = 0.1 if seed < row.get("failed", 0) else row["accuracy"] + draws.normal(0, 0.01)
            right = 0.7 * hard + 0.3 * draws.random(num_images)
            right = right < np.quantile(right, np.clip(share, 0, 1))
            cell |= {"pretrain_key": f"p-{name}", "transfer_key": f"t-{name}", "accuracy": float(right.mean())}
            if cell["status"] == "ok":
                answers.append(pack(cell["transfer_key"], np.arange(num_images), np.ones(num_images, int), right))
            else:
                cell["accuracy"] = None
            cells.append(cell)
            of_run = {"macs": row.get("macs", 1e6), "parameters": row.get("parameters", 2e5), "num_classes": 10}
            runs += [{"key": cell[key], "tokens": None, "training_flops": 1.0} | of_run for key in _KEYS]
    tables = {
        "cells": pd.DataFrame(cells).astype(TYPES),
        "runs": pd.DataFrame(runs),
        "correctness": pd.DataFrame(answers, columns=list(COLUMNS)),
    }
    return Measured("planted", tables, RUNGS, speeds or {})


_KEYS = ("pretrain_key", "transfer_key")
