"""Tables of small ladders with the accuracies that a test plants: model -> those of each rung, and noise of seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bench.report.first_screen.rungs_of_targets import OfTarget, targets_of
from tests.report.hand_made import CELL_TYPES, FAMILIES, SIZES, Tables, make_ladder_cells, make_tables

VIT, CNN, HYBRID = FAMILIES
OFF = (-0.01, 0.01, 0.0, 0.005, -0.005, 0.0)
"""What each seed differs by, of a model that shares nothing with the others."""


def plant(
    accuracy: Mapping[str, Sequence[float]],
    *,
    spread: float = 0.2,
    seeds: int = 6,
    targets: tuple[str, ...] = ("digits@100",),
    scratch: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return cells of the planted accuracies.

    Args:
        accuracy: Model -> its mean accuracy at each rung of 256 images and fourfold each.
        spread: How much the models' noise differs by; 1 gives the differences a standard deviation of about a point.
        seeds: The number of seeds.
        targets: The targets; all have the same accuracies.
        scratch: Model -> its mean accuracy from scratch, if it is trained so.
    """
    num_rungs = len(next(iter(accuracy.values())))
    cells = make_ladder_cells(num_rungs=num_rungs, targets=targets, seeds=seeds)
    cells = cells[cells["model"].isin(accuracy)].reset_index(drop=True)
    if scratch:
        first = cells[cells["subset_images"] == 256]
        none = {"corpus": "none", "subset_images": 0, "subset_classes": None, "subset_hash": "", "pretrain_key": ""}
        alone = first.assign(**none, pretrain_recipe="", transfer_key="s-" + first["transfer_key"])
        cells = pd.concat([cells, alone.astype(CELL_TYPES)], ignore_index=True)
    cells["accuracy"] = [
        _planted(accuracy, scratch or {}, row) + spread * _noise(row["model"], row["seed"], row["subset_images"])
        for _, row in cells.iterrows()
    ]
    return cells


def shown(cells: pd.DataFrame) -> tuple[OfTarget, Tables]:
    """Return the first target of some cells, and their tables."""
    tables = make_tables(cells)
    return targets_of(tables)[0], tables


def rename(cells: pd.DataFrame, model: str, name: str, family: str) -> pd.DataFrame:
    """Return cells in which a model has another name and family."""
    SIZES.setdefault(name, (100_000, 1_000_000, None))
    of_model = cells["model"] == model
    renamed = cells.assign(model=cells["model"].where(~of_model, name), family=cells["family"].where(~of_model, family))
    keys = {column: renamed[column].where(~of_model, renamed[column] + "-" + name) for column in ("transfer_key",)}
    return renamed.assign(**keys)


def _planted(accuracy: Mapping[str, Sequence[float]], scratch: Mapping[str, float], row: pd.Series) -> float:
    if row["subset_images"] == 0:
        return scratch[row["model"]]
    return accuracy[row["model"]][int(np.log2(row["subset_images"] / 256)) // 2]


def _noise(model: str, seed: int, size: int) -> float:
    """Return what a seed differs by: the same values in another order for each model and rung."""
    number = list(FAMILIES).index(model) if model in FAMILIES else len(FAMILIES)
    return float(np.random.default_rng([number, int(size)]).permutation(OFF)[seed % len(OFF)])
