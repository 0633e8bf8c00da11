"""Tables that are computed once from the runs' predictions and then cached.

A row is taken from the cached table if it was computed from the predictions whose hash is in the run's record. So a row
can outlive its predictions, and records and tables are enough to rebuild a report. Imports no torch.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.files.plain import read_plain
from bench.store.records import DamagedRun
from bench.store.store import Record, Store
from bench.store.stored_table import read_stored

KEY = "transfer_key"
PREDICTIONS = "predictions"
"""Name of the column with the SHA-256 of the predictions that a row was computed from."""

KINDS = {"object": "bytes", "Int64": "int64"}
"""Type of a column in pandas -> in Parquet, where they differ."""

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
    is_whole: Callable[[CachedRow], bool] = lambda row: True
    """Function that says whether the values of a cached row belong together."""

    def read(self, store: Store, records: Iterable[Record]) -> pd.DataFrame:
        """Return one row per run in the order of the records.

        A run has no row if its predictions are missing or altered and its row is not cached either.

        Args:
            store: store with the predictions and the cached table.
            records: records of the finished runs in the table.
        """
        types = {**self.types, PREDICTIONS: "str"}
        cached = self._cached(store, types)
        rows = (self._row(store, record, cached.get(record["key"])) for record in records)
        return pd.DataFrame([row for row in rows if row], columns=list(types)).astype(types)

    def _cached(self, store: Store, types: Mapping[str, str]) -> dict[str, CachedRow]:
        """Return the cached rows by key; empty if the table is missing, damaged or has other columns."""
        kinds = {name: KINDS.get(kind, kind) for name, kind in types.items() if name not in self.optional}
        newer = {name: f"{KINDS.get(types[name], types[name])} or missing" for name in self.optional}
        try:
            table = read_stored(read_plain(store.tables / f"{self.name}.parquet"), kinds, newer)
        except (OSError, ValueError):
            return {}
        table = table.reindex(columns=list(types))
        for name in self.optional:
            table[name] = table[name].astype(object).where(table[name].notna(), None)
        rows = [{str(column): value for column, value in row.items()} for row in table.to_dict("records")]
        return {row[KEY]: row for row in rows if self.is_whole(row)}

    def _row(self, store: Store, record: Record, cached: CachedRow | None) -> CachedRow | None:
        sha256 = record.get("files", {}).get("predictions.parquet", "")
        if cached is not None and cached[PREDICTIONS] == sha256:
            return cached
        try:
            predictions = store.predictions(record["key"])
        except DamagedRun:
            return None
        return {**self.row(record["key"], predictions), PREDICTIONS: sha256}
