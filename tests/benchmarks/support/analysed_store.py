"""A store of many finished runs that answered many test images: what a large suite leaves, without training it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.config.resolved import resolve
from bench.config.suite import Suite
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.store.new_record import build_record
from bench.store.store import Outcome, open_store

CELLS_PER_TARGET = 250
SUITE: dict[str, Any] = {
    "corpus": {"name": "fractals", "classes": 4},
    "subsets": [16, 32, 64, 128],
    "models": ["vit_pico/8", "vit_pico/16", "vit_pico/8:pos=none", "bit_resnet_pico", "r_pico+vit_pico/8"],
    "seeds": tuple(range(10)),
}
"""Five models on four rungs and from scratch with ten seeds: 250 cells per target."""
TARGETS = ("digits@20", "digits@40", "fractals-heldout@20", "fractals-heldout@40")
NUM_CLASSES = 10


def write_store(results: Path, num_targets: int, num_images: int) -> Path:
    """Write a store of 250 cells on each of some targets, with so many test images; returns `results`."""
    content = Suite.model_validate(SUITE | {"targets": list(TARGETS[:num_targets])})
    suite = resolve("analysed", content, device="cpu", data_dir=results)
    store = open_store(results, suite)
    for outcome in _outcomes(expand(suite).runs, num_images):
        store.write(outcome)
    return results


def _outcomes(runs: Iterable[Run], num_images: int) -> Iterable[Outcome]:
    """As if trained: harder images are missed by most, and every seed has its own luck."""
    generator = np.random.default_rng(0)
    ids = np.arange(num_images)
    labels = generator.integers(0, NUM_CLASSES, num_images)
    hard = generator.normal(size=num_images)
    for run in runs:
        if run.target is None:
            yield Outcome(build_record(run, status="ok", metrics={"test_accuracy": None}))
            continue
        right = hard + generator.normal(size=num_images) < 0.5 + 0.1 * generator.normal()
        predictions = pd.DataFrame(
            {
                "id": ids,
                "label": labels,
                "prediction": np.where(right, labels, (labels + 1) % NUM_CLASSES),
                "confidence": generator.random(num_images, dtype=np.float32),
                "loss": generator.random(num_images, dtype=np.float32),
                "label_rank": (~right).astype(np.int64),
            }
        )
        yield Outcome(build_record(run, status="ok", metrics={"test_accuracy": float(right.mean())}), None, predictions)
