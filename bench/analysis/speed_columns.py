"""Define the columns of the speed tables and their types, and name their rows. Imports no torch."""

from typing import Any, Final

import pandas as pd

OURS: Final = "ours"
"""The value of `implementation` for a network of this project; others are timm and torchvision."""

GROUP = ("task", "kind", "precision", "image_size")
"""The columns that identify a group within a measurement; its rows were measured in turns."""

MEASURED = {
    **dict.fromkeys(("measurement", "measured_at", "commit"), "str"),
    "protocol": "int64",
    **dict.fromkeys(("suite", "machine", "device", "device_name", "processor"), "str"),
    "threads": "int64",
    **dict.fromkeys(("python", "torch", "timm", "torchvision"), "str"),
    **dict.fromkeys(("model", "implementation", "family"), "str"),
    "is_reference": "bool",
    **dict.fromkeys(("task", "kind", "precision"), "str"),
    "image_size": "int64",
    "batch_size": "Int64",
    **dict.fromkeys(("layout", "mode", "status", "reason"), "str"),
    **dict.fromkeys(("parameters", "macs", "training_flops"), "Int64"),
    **dict.fromkeys(("activation_memory_bytes", "peak_memory_bytes"), "Int64"),
    "joules_per_thousand_images": "float64",
    **dict.fromkeys(("round_seconds", "round_restarts", "call_seconds"), "list"),
    **dict.fromkeys(("matrix_flops_per_second", "matrix_share"), "float64"),
    "tried": "str",
}
"""The columns that a measurement fills, with their types; `list` is a list of float64 per row."""
FIGURES = {
    **dict.fromkeys(("images_per_second", "p50_ms", "p95_ms", "p99_ms"), "float64"),
    **dict.fromkeys(("reference_ratio", "reference_ratio_low", "reference_ratio_high"), "float64"),
    "num_rounds": "int64",
    "seconds_per_million_images": "float64",
}
"""The columns that `bench.analysis.speed.with_figures` adds."""
SCHEMA = MEASURED | FIGURES

SETTING = ("batch_size", "layout", "mode")
"""The columns of a row's setting: with network and group, they determine its speed."""

Record = dict[str, Any]
"""Column -> value of one row."""


def records(frame: pd.DataFrame) -> list[Record]:
    """Return each row as a dict of its columns."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def setting_in_words(batch_size: int, layout: str, mode: str) -> str:
    """Return a setting in words: `batch 1,024, channels_last, compiled`."""
    return f"batch {batch_size:,}, {layout}, {mode}"


def network_name(model: str, implementation: str) -> str:
    """Return a model's name, with its library unless the network is this project's: `resnet18 by timm`."""
    return model if implementation == OURS else f"{model} by {implementation}"
