"""Tables that are read from the runs' predictions once, and kept from then on.

A row whose predictions are those that its record vouches for is taken from the table as it was, so that it outlives the
predictions, and a report can be rebuilt from records and tables alone. Imports no torch.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.store.records import DamagedRun
from bench.store.store import Record, Store

KEY = "transfer_key"
PREDICTIONS = "predictions"
"""The column that says what a row was read from: the SHA-256 of the predictions, empty where no record holds it."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Derived:
    """A table of one row a run, under the run's key."""

    name: str
    types: Mapping[str, str]
    """Of its columns, the key first; `predictions` is added."""
    row: Callable[[str, pd.DataFrame], Mapping[str, object]]
    """From a run's key and predictions."""
    is_of: Callable[[Record, Row], bool] = lambda record, row: False
    """Whether a kept row belongs to a record from before records vouched for files; else it is not taken."""


def derive(store: Store, records: Iterable[Record], table: Derived) -> pd.DataFrame:
    """A row a run, in the order of the records; none of a run whose predictions are missing or altered, and not kept.

    Args:
        store: where predictions lie, and the table as it was.
        records: of the finished runs that the table is about.
        table: what is read from them.
    """
    types = {**table.types, PREDICTIONS: "str"}
    kept = _kept(store, table.name, list(types))
    rows = (_row(store, record, kept.get(record["key"]), table) for record in records)
    return pd.DataFrame([row for row in rows if row], columns=list(types)).astype(types)


def _kept(store: Store, name: str, columns: list[str]) -> dict[str, Row]:
    """The table as it was, by key; nothing where it is missing, damaged or of another version."""
    try:
        table = pd.read_parquet(store.tables / f"{name}.parquet", columns=columns)
    except (OSError, ValueError):  # pyarrow's errors are among these
        return {}
    return {row[KEY]: {str(column): value for column, value in row.items()} for row in table.to_dict("records")}


def _row(store: Store, record: Record, kept: Row | None, table: Derived) -> Row | None:
    held = record.get("files", {}).get("predictions.parquet", "")
    if kept is not None and held and kept[PREDICTIONS] == held:
        return kept
    try:
        found = store.predictions(record["key"])
    except DamagedRun:
        return kept if kept is not None and not held and table.is_of(record, kept) else None
    return {**table.row(record["key"], found), PREDICTIONS: held}
