"""Hand-made records of speeds: the rows of a group as a measurement leaves them, with the rates that a test chooses."""

import json
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.speed import with_figures
from bench.store.speed_file import SPEED_PROTOCOL

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
    "joules_per_thousand_images": float("nan"),
    "round_seconds": [],
    "round_restarts": [],
    "call_seconds": [],
    "matrix_flops_per_second": 8e10,
    "matrix_share": 0.2,
    "tried": "[]",
}
FAILED: Row = {
    "status": "out_of_memory",
    "reason": "batch 512 does not fit",
    "activation_memory_bytes": None,
    "peak_memory_bytes": None,
    "round_seconds": [],
    "round_restarts": [],
    "call_seconds": [],
    "matrix_share": float("nan"),
}
"""What a row has that did not run."""


def measured(
    rate: float, *, rounds: int = 12, noise: float = 0.01, restarts: int = 1, spread: float = 0.0, **other: Any
) -> Row:
    """A row whose rounds scatter around so many images per second, the same for the same row.

    Each of its restarts has as many rounds, and a speed of its own that differs by the spread.
    """
    row = ROW | other
    seed = sum(f"{row['model']} {row['implementation']} {row['task']} {row['kind']} {row['layout']}".encode())
    generator = np.random.default_rng(seed + row["is_reference"])
    draws = generator.normal(0, noise, rounds * restarts) + np.repeat(generator.normal(0, spread, restarts), rounds)
    row["round_restarts"] = list(np.repeat(np.arange(restarts), rounds))
    row["round_seconds"] = list(row["batch_size"] / rate * np.exp(draws))
    if row["kind"] == "latency":
        row["call_seconds"] = list(1 / rate * np.exp(np.random.default_rng(seed).normal(0, 5 * noise, 50 * rounds)))
    return row | {name: value for name, value in other.items() if name in FAILED}


def reference(rate: float, **other: Any) -> Row:
    """The group's reference: timm's ViT."""
    return measured(rate, **({"implementation": "timm", "is_reference": True} | other))


def speeds(*rows: Row) -> pd.DataFrame:
    """Rows as a file has them, figures included."""
    return with_figures(pd.DataFrame(list(rows), columns=list(ROW)))


RATES = {"vit_pico/8": 3000.0, "bit_resnet_pico": 2400.0, "r_pico+vit_pico/8": 2600.0}
"""Images per second in inference at equal settings."""
FAMILIES = {"vit_pico/8": "vit", "bit_resnet_pico": "cnn", "r_pico+vit_pico/8": "hybrid"}
FASTER_AT_BEST = {"vit_pico/8": 1.05, "bit_resnet_pico": 1.5, "r_pico+vit_pico/8": 1.1}
SETTINGS = {"batch_size": 64, "layout": "channels_last", "mode": "compiled"}
TRIED = [
    {"batch_size": 64, "layout": "channels_last", "mode": "compiled", "images_per_second": 3600.0, "reason": ""},
    {"batch_size": 512, "layout": "contiguous", "mode": "eager", "images_per_second": None, "reason": "out of memory"},
]


def measurement(**same: Any) -> pd.DataFrame:
    """A whole measurement of three models: latency, equal and best settings in inference, equal and best in training.

    The ResNet is slowest at equal and fastest at best settings; torchvision's ran out of memory in training.
    """
    rows: list[Row] = []
    for task, slower in (("inference", 1.0), ("training", 3.5)):
        for kind in ("latency", "equal", "best") if task == "inference" else ("equal", "best"):
            rows += _group(task, kind, slower)
    return speeds(*(row | same for row in rows))


def _group(task: str, kind: str, slower: float) -> list[Row]:
    group: Row = {"task": task, "kind": kind}
    group |= {"batch_size": 1} if kind == "latency" else {}
    slower *= 2.5 if kind == "latency" else 1
    rows = [reference(2900.0 / slower, **group)]
    for model, rate in RATES.items():
        other = group | {"model": model, "family": FAMILIES[model]}
        if kind == "best":
            other |= SETTINGS | {"tried": json.dumps(TRIED)}
            rate *= FASTER_AT_BEST[model]
        rows.append(measured(rate / slower, **other))
    peer = group | {"model": "bit_resnet_pico", "family": "cnn", "implementation": "torchvision"}
    rows.append(measured(2200.0 / slower, **peer, **(FAILED if task == "training" else {})))
    return rows
