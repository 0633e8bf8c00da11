"""Tables that are computed once from the runs' predictions and then cached.

A row is taken from the cached table if it was computed from the predictions whose hash is in the run's record. So a row
can outlive its predictions, and records and tables are enough to rebuild a report. Imports no torch.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.store.records import DamagedRun
from bench.store.store import Record, Store

KEY = "transfer_key"
PREDICTIONS = "predictions"
"""Name of the column with the SHA-256 of the predictions that a row was computed from."""

CachedRow = dict[str, Any]


@dataclass(frozen=True)
class CachedTable:
    """A table with one row per run."""

    name: str
    types: Mapping[str, str]
    """Column -> type, with the run's key first; the column `predictions` is added."""
    row: Callable[[str, pd.DataFrame], Mapping[str, object]]
    """Function that makes a row from a run's key and predictions."""
    optional: tuple[str, ...] = ()
    """Columns that cached tables of earlier versions lack; their rows have none."""

    def read(self, store: Store, records: Iterable[Record]) -> pd.DataFrame:
        """Return one row per run in the order of the records.

        A run has no row if its predictions are missing or altered and its row is not cached either.

        Args:
            store: store with the predictions and the cached table.
            records: records of the finished runs in the table.
        """
        types = {**self.types, PREDICTIONS: "str"}
        cached = self._cached(store, list(types))
        rows = (self._row(store, record, cached.get(record["key"])) for record in records)
        return pd.DataFrame([row for row in rows if row], columns=list(types)).astype(types)

    def _cached(self, store: Store, columns: list[str]) -> dict[str, CachedRow]:
        """Return the cached rows by key; empty if the table is missing, damaged or has other columns."""
        try:
            table = pd.read_parquet(store.tables / f"{self.name}.parquet")
            needed = [name for name in columns if name in table or name not in self.optional]
            table = table[needed].reindex(columns=columns)
        except (OSError, ValueError, KeyError):  # pyarrow's errors are among these
            return {}
        for name in self.optional:
            table[name] = table[name].astype(object).where(table[name].notna(), None)
        return {row[KEY]: {str(column): value for column, value in row.items()} for row in table.to_dict("records")}

    def _row(self, store: Store, record: Record, cached: CachedRow | None) -> CachedRow | None:
        sha256 = record.get("files", {}).get("predictions.parquet", "")
        if cached is not None and cached[PREDICTIONS] == sha256:
            return cached
        try:
            predictions = store.predictions(record["key"])
        except DamagedRun:
            return None
        return {**self.row(record["key"], predictions), PREDICTIONS: sha256}
