"""The table `answers`: which test images each finished transfer got right, a bit an image. Imports no torch."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from bench.analysis.correctness import accuracy_of, pack
from bench.store.store import Record, Store
from bench.tables.cached import Derived, derive

_TYPES = {"transfer_key": "str", "images": "str", "num_images": "Int64", "correct": "object"}
_ROUNDING = 1e-9


def answers_table(store: Store, records: Mapping[str, Record | None]) -> pd.DataFrame:
    """The answers of all finished runs that were tested, in the order of the records.

    A run whose predictions are missing or altered, and not kept either, has none.

    Args:
        store: where predictions lie, and the table as it was.
        records: key -> record.
    """
    tested = [record for record in records.values() if record and record["status"] == "ok" and _is_tested(record)]
    return derive(store, tested, Derived("answers", _TYPES, _row, _is_of))


def _is_tested(record: Record) -> bool:
    return record.get("metrics", {}).get("test_accuracy") is not None


def _row(key: str, predictions: pd.DataFrame) -> dict[str, Any]:
    return pack(key, *(predictions[name].to_numpy() for name in ("id", "label", "prediction")))


def _is_of(record: Record, kept: Mapping[str, Any]) -> bool:
    """Whether a kept row has the accuracy of a record from before records vouched for files."""
    return abs(accuracy_of(kept) - record["metrics"]["test_accuracy"]) < _ROUNDING
