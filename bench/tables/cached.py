"""Tables that are read from the runs' predictions once and kept from then on.

A row is taken from the kept table if its run's record still vouches for the predictions that the row was read from. So
a row outlives its predictions, and records and tables alone are enough to rebuild a report. Imports no torch.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.store.records import DamagedRun
from bench.store.store import Record, Store

KEY = "transfer_key"
PREDICTIONS = "predictions"
"""The column with the SHA-256 of the predictions that a row was read from."""

CachedRow = dict[str, Any]


@dataclass(frozen=True)
class CachedTable:
    """A table with one row per run."""

    name: str
    types: Mapping[str, str]
    """Column -> type, the run's key first; the column `predictions` is added."""
    row: Callable[[str, pd.DataFrame], Mapping[str, object]]
    """Makes a row from a run's key and its predictions."""

    def read(self, store: Store, records: Iterable[Record]) -> pd.DataFrame:
        """Return one row per run in the order of the records.

        A run has no row if its predictions are missing or altered and its row is not kept either.

        Args:
            store: holds the predictions and the kept table.
            records: the finished runs that the table is about.
        """
        types = {**self.types, PREDICTIONS: "str"}
        kept = self._kept(store, list(types))
        rows = (self._row(store, record, kept.get(record["key"])) for record in records)
        return pd.DataFrame([row for row in rows if row], columns=list(types)).astype(types)

    def _kept(self, store: Store, columns: list[str]) -> dict[str, CachedRow]:
        """Return the kept table by key; empty if it is missing, damaged or has other columns."""
        try:
            table = pd.read_parquet(store.tables / f"{self.name}.parquet", columns=columns)
        except (OSError, ValueError):  # pyarrow's errors are among these
            return {}
        return {row[KEY]: {str(column): value for column, value in row.items()} for row in table.to_dict("records")}

    def _row(self, store: Store, record: Record, kept: CachedRow | None) -> CachedRow | None:
        sha256 = record.get("files", {}).get("predictions.parquet", "")
        if kept is not None and kept[PREDICTIONS] == sha256:
            return kept
        try:
            predictions = store.predictions(record["key"])
        except DamagedRun:
            return None
        return {**self.row(record["key"], predictions), PREDICTIONS: sha256}
