"""How a row's numbers stand in a table: the columns' names and types, the same whatever is missing."""

from typing import Any

import pandas as pd

from bench.analysis.intervals import Interval
from bench.analysis.seeds import Difference, Seeds

NUMBERS = ["num_seeds", "accuracy", "low", "high", "status", "reason", "notes"]

_COUNTS = ["subset_images", "subset_classes", "image_size", "shots", "parameters", "macs", "tokens"]
_INTEGERS = frozenset({*_COUNTS, "num_seeds", "num_pairs"})
_FLOATS = frozenset({"accuracy", "low", "high", "images_seen", "train_loss", "validation_loss"})


def difference_columns(name: str) -> list[str]:
    """Columns of a paired difference called `name`."""
    return [name, f"{name}_low", f"{name}_high", "num_pairs", f"{name}_status"]


def numbers(row: Seeds, level: float) -> dict[str, Any]:
    """A row's accuracy over the seeds that finished, what became of the others, and what their runs noted."""
    values = (*_accuracy(row.interval(level)), row.status, row.reason, row.notes)
    return dict(zip(NUMBERS, values, strict=True))


def difference_numbers(name: str, difference: Difference) -> dict[str, Any]:
    """A paired difference, or why it is undecided."""
    interval = difference.interval
    values = (interval.mean, interval.low, interval.high, interval.n, difference.status)
    return dict(zip(difference_columns(name), values, strict=True))


def with_types(table: pd.DataFrame, difference: str = "difference") -> pd.DataFrame:
    """Give every column its type, so that the same rows give the same bytes."""
    floats = _FLOATS | set(difference_columns(difference)[:3])
    kinds = dict.fromkeys(_INTEGERS, "Int64") | dict.fromkeys(floats, "float64") | {"is_reference": "bool"}
    return table.astype({column: kinds.get(column, "str") for column in table.columns})


def _accuracy(interval: Interval) -> tuple[int, float, float, float]:
    return interval.n, interval.mean, interval.low, interval.high
