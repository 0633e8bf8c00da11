"""Hand-made records of speeds: the rows of a heat as a measurement leaves them, with the rates that a test chooses."""

from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.speed import with_figures
from bench.speeds import SPEED_PROTOCOL

Row = dict[str, Any]

ROW: Row = {
    "measurement": "m1",
    "measured_at": "2026-01-01T00:00:00Z",
    "commit": "0123abc",
    "protocol": SPEED_PROTOCOL,
    "suite": "hand-made",
    "machine": "cpu-amd-epyc-9b45",
    "device": "cpu",
    "device_name": "cpu",
    "processor": "AMD EPYC 9B45",
    "threads": 1,
    "python": "3.11.2",
    "torch": "2.15.0",
    "timm": "1.0.31",
    "torchvision": "0.30.0",
    "model": "vit_pico/8",
    "implementation": "ours",
    "family": "vit",
    "is_reference": False,
    "task": "inference",
    "kind": "equal",
    "precision": "fp32",
    "image_size": 32,
    "batch_size": 32,
    "layout": "contiguous",
    "mode": "eager",
    "status": "ok",
    "reason": "",
    "parameters": 207_146,
    "macs": 3_310_000,
    "training_flops": 6 * 3_310_000,
    "activation_memory_bytes": 1_500_000,
    "peak_memory_bytes": 6_000_000,
    "joules_a_thousand_images": float("nan"),
    "round_seconds": [],
    "call_seconds": [],
    "matrix_flops_per_second": 8e10,
    "matrix_share": 0.2,
    "tried": "[]",
}
FAILED: Row = {"status": "out_of_memory", "reason": "batch 512 does not fit", "round_seconds": [], "call_seconds": []}
"""What a row has that did not run."""


def measured(rate: float, *, rounds: int = 12, noise: float = 0.01, **other: Any) -> Row:
    """A row whose rounds scatter around so many images per second, the same for the same row."""
    row = ROW | other
    seed = sum(f"{row['model']} {row['implementation']} {row['task']} {row['kind']} {row['layout']}".encode())
    draws = np.random.default_rng(seed + row["is_reference"]).normal(0, noise, rounds)
    row["round_seconds"] = list(row["batch_size"] / rate * np.exp(draws))
    if row["kind"] == "latency":
        row["call_seconds"] = list(1 / rate * np.exp(np.random.default_rng(seed).normal(0, 5 * noise, 50 * rounds)))
    return row | {name: value for name, value in other.items() if name in FAILED}


def reference(rate: float, **other: Any) -> Row:
    """The heat's reference: timm's ViT."""
    return measured(rate, **({"implementation": "timm", "is_reference": True} | other))


def speeds(*rows: Row) -> pd.DataFrame:
    """Rows as a file has them, figures included."""
    return with_figures(pd.DataFrame(list(rows), columns=list(ROW)))
