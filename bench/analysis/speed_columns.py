"""The columns of the speed tables, their types, and how a row is named. Imports no torch."""

from typing import Any, Final

import pandas as pd

OURS: Final = "ours"
"""Whose implementation a network is that is neither timm's nor torchvision's."""

GROUP = ("task", "kind", "precision", "image_size")
"""With the measurement, what the rows of a group have in common: they were measured in turns."""

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
    **dict.fromkeys(("round_seconds", "call_seconds"), "list"),
    **dict.fromkeys(("matrix_flops_per_second", "matrix_share"), "float64"),
    "tried": "str",
}
"""The columns that a measurement fills, with their types; `list` is a list of float64 a row."""
FIGURES = {
    **dict.fromkeys(("images_per_second", "p50_ms", "p95_ms", "p99_ms"), "float64"),
    **dict.fromkeys(("reference_ratio", "reference_ratio_low", "reference_ratio_high"), "float64"),
    "num_rounds": "int64",
    "seconds_per_million_images": "float64",
}
"""The columns that `bench.analysis.speed.with_figures` adds."""
SCHEMA = MEASURED | FIGURES

SETTING = ("batch_size", "layout", "mode")
"""What a row's speed depends on beside its network and group."""

Record = dict[str, Any]
"""A row."""


def records(frame: pd.DataFrame) -> list[Record]:
    """Return each row as a dict of its columns."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def setting_in_words(batch_size: int, layout: str, mode: str) -> str:
    """`batch 1,024, channels_last, compiled`."""
    return f"batch {batch_size:,}, {layout}, {mode}"


def network_name(model: str, implementation: str) -> str:
    """Name a model, and its library unless the network is ours: `resnet18 by timm`."""
    return model if implementation == OURS else f"{model} by {implementation}"
