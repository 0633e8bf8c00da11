"""The table `correctness`: which test images each finished transfer got right, one bit per image. Imports no torch."""

from collections.abc import Mapping

import pandas as pd

from bench.analysis.correctness import CLUSTER, is_packed, pack
from bench.store.store import Record, Store
from bench.tables.cached import CachedTable

_TYPES = {"transfer_key": "str", "images": "str", "num_images": "Int64", "correct": "object", CLUSTER: "object"}


def correctness_table(store: Store, records: Mapping[str, Record | None]) -> pd.DataFrame:
    """Return the per-image correctness of all finished runs that were tested, in the order of the records.

    A run has no row if its predictions are missing or altered and its row is not cached either.

    Args:
        store: store with the predictions and the cached table.
        records: key -> record.
    """
    tested = [record for record in records.values() if record and record["status"] == "ok" and _is_tested(record)]
    return CachedTable("correctness", _TYPES, _row, optional=(CLUSTER,), is_whole=is_packed).read(store, tested)


def _is_tested(record: Record) -> bool:
    return record.get("metrics", {}).get("test_accuracy") is not None


def _row(key: str, predictions: pd.DataFrame) -> dict[str, object]:
    ids, labels, answers = (predictions[name].to_numpy() for name in ("id", "label", "prediction"))
    return pack(key, ids, labels, answers, predictions[CLUSTER].to_numpy() if CLUSTER in predictions else None)
