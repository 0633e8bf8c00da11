"""The table `answers` of a store: which test images each finished transfer got right, a bit an image.

It is read from the runs' predictions once, and kept from then on: a row whose predictions are those that its record
vouches for is taken from the table as it was, so that it outlives the predictions, and a report can be rebuilt from
records and tables alone. Imports no torch.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from bench.analysis.answers import accuracy_of, pack
from bench.records import DamagedRun
from bench.store import Record, Store

NAME = "answers"
PREDICTIONS = "predictions"
"""The column that says what a row was read from: the SHA-256 of the predictions, empty where no record holds it."""
_TYPES = {"transfer_key": "str", "images": "str", "num_images": "Int64", "correct": "object", PREDICTIONS: "str"}
_ROUNDING = 1e-9


def answers_table(store: Store, records: Mapping[str, Record | None]) -> pd.DataFrame:
    """The answers of all finished runs that were tested, in the order of the records.

    A run whose predictions are missing or altered, and not kept either, has none.

    Args:
        store: where predictions lie, and the table as it was.
        records: key -> record.
    """
    kept = _kept(store)
    finished = (record for record in records.values() if record and record["status"] == "ok")
    rows = (_row(store, record, kept.get(record["key"])) for record in finished if _is_tested(record))
    return pd.DataFrame([row for row in rows if row], columns=list(_TYPES)).astype(_TYPES)


def _kept(store: Store) -> dict[str, dict[str, Any]]:
    """The table as it was, by key; nothing where it is missing, damaged or of another version."""
    try:
        table = pd.read_parquet(store.tables / f"{NAME}.parquet", columns=list(_TYPES))
    except (OSError, ValueError):  # pyarrow's errors are among these
        return {}
    return {row["transfer_key"]: row for row in _records(table)}


def _records(table: pd.DataFrame) -> Iterable[dict[str, Any]]:
    return ({str(name): value for name, value in row.items()} for row in table.to_dict("records"))


def _is_tested(record: Record) -> bool:
    return record.get("metrics", {}).get("test_accuracy") is not None


def _row(store: Store, record: Record, kept: dict[str, Any] | None) -> dict[str, Any] | None:
    held = record.get("files", {}).get("predictions.parquet", "")
    if kept is not None and held and kept[PREDICTIONS] == held:
        return kept
    try:
        found = store.predictions(record["key"])
    except DamagedRun:
        return kept if kept is not None and not held and _is_of(record, kept) else None
    columns = (found[name].to_numpy() for name in ("id", "label", "prediction"))
    return pack(record["key"], *columns) | {PREDICTIONS: held}


def _is_of(record: Record, kept: Mapping[str, Any]) -> bool:
    """Whether a kept row has the accuracy of a record from before records vouched for files."""
    return abs(accuracy_of(kept) - record["metrics"]["test_accuracy"]) < _ROUNDING
