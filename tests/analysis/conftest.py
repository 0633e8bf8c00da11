"""Hand-made cells: what a store's tables would hold, with the numbers that a test chooses."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.analysis.correctness import Correctness
from bench.analysis.seeds import SeedResults

CELL = {
    "model": "vit_pico/8",
    "family": "vit",
    "corpus": "fractals",
    "subset_images": 1024,
    "subset_classes": 32,
    "subset_hash": "ab12",
    "target": "digits@100",
    "target_images": 100,
    "image_size": 32,
    "transfer": "fine-tune",
    "shots": None,
    "draw": None,
    "pretrain_recipe": "small",
    "transfer_recipe": "small",
    "match": "images",
    "ablation": "",
    "arm": "",
    "seed": 0,
    "status": "ok",
    "reason": "",
    "notes": "",
    "accuracy": 0.5,
    "pretrain_key": "p0",
    "transfer_key": "t0",
}
SCRATCH = {"corpus": "none", "subset_images": 0, "subset_classes": None, "pretrain_recipe": ""}
TYPES = dict.fromkeys(["subset_images", "subset_classes", "target_images", "shots", "draw"], "Int64")

Row = dict[str, Any]


@pytest.fixture
def rng() -> np.random.Generator:
    """Draws that are the same at every call."""
    return np.random.default_rng(7)


@pytest.fixture
def make_cells() -> Callable[[list[Row]], pd.DataFrame]:
    """Cells from what differs in each from an ordinary one."""
    return lambda rows: pd.DataFrame([CELL | row for row in rows], columns=list(CELL)).astype(TYPES)


@pytest.fixture
def make_seeds() -> Callable[..., list[Row]]:
    """A row's cells from its accuracies: seeds count from 0; a text is the status of a seed that failed."""

    def rows(accuracies: list[float | str], **same: Any) -> list[Row]:
        return [same | _outcome(value) | {"seed": seed} for seed, value in enumerate(accuracies)]

    return rows


@pytest.fixture
def scratch() -> Row:
    """What a from-scratch row has in place of a subset."""
    return SCRATCH


def seed_results(
    rng: np.random.Generator, num_images: int = 6, images: str = "h", seeds: tuple[int, ...] = (0, 1, 2)
) -> SeedResults:
    """A row whose seeds all finished and got about six of ten images right."""
    return with_correctness((rng.random((len(seeds), num_images)) < 0.6).astype(float), images, seeds)


def with_correctness(correct: np.ndarray, images: str = "h", seeds: tuple[int, ...] = ()) -> SeedResults:
    """A row of (seeds, images) 0 or 1, whose seeds count from 0 unless they are named."""
    seeds = seeds or tuple(range(len(correct)))
    accuracy = dict(zip(seeds, correct.mean(axis=1).tolist(), strict=True))
    return SeedResults(accuracy, {}, "", correctness=Correctness(seeds, correct, images))


def _outcome(value: float | str) -> Row:
    if isinstance(value, str):
        return {"status": value, "accuracy": None, "reason": f"because it {value}"}
    return {"accuracy": value}
