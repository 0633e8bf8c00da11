"""Packed predictions and histories: one Parquet file each for all runs of a store, with `slim.json` beside them.

`answers.parquet` has one row per run, with one column of bytes per column of its predictions. Integers take as few
bytes as they need; floats are float16, or float32 where a table compares them up to rounding. If they are float16,
confidences are of wrong answers alone: the loss gives those of right ones. The first bytes of all numbers come first,
then the second ones, since these compress better. Ids, labels and clusters that runs share are stored once.
`docs/schema.md` describes the files. Imports no torch.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.files.plain import read_json, read_plain
from bench.store.stored_table import FLOATS, OTHER_PREDICTIONS, PREDICTIONS, check_predictions, read_stored

ANSWERS, HISTORIES, INDEX = "answers.parquet", "histories.parquet", "slim.json"
SHARED = ("id", "label", "cluster")
"""Columns that runs on the same test images have in common."""
COLUMNS = tuple(dict.fromkeys((*PREDICTIONS, *OTHER_PREDICTIONS)))
LOSSES = {"confidence": "loss", "scaled_confidence": "scaled_loss"}
"""The column that gives the confidence of right answers."""
HISTORY = {"step": "int64", "images_seen": "int64", "learning_rate": "float64", "train_loss": "float64"}
MAX_HISTORY = 64
"""Rows of a thinned history."""


def pack_predictions(key: str, sha256: str, predictions: pd.DataFrame, floats: str = "<f2") -> dict[str, Any]:
    """Return a run's row of `answers.parquet`.

    Args:
        key: the run's key.
        sha256: the hash of its predictions in its record.
        predictions: one row per test image.
        floats: the type of floats.
    """
    columns = {name: predictions[name].to_numpy() for name in COLUMNS if name in predictions}
    if floats == "<f2":
        is_wrong = columns["prediction"] != columns["label"]
        columns |= {name: columns[name][is_wrong] for name, loss in LOSSES.items() if {name, loss} <= columns.keys()}
    packed = {name: _bytes(values, floats if name in FLOATS else "") for name, values in columns.items()}
    return {"key": key, "sha256": sha256, "num_images": len(predictions)} | packed


def answers_file(rows: list[dict[str, Any]]) -> bytes:
    """Return the content of `answers.parquet`."""
    table = pd.DataFrame(rows, columns=["key", "sha256", "num_images", *COLUMNS]).dropna(axis=1, how="all")
    shared = [name for name in SHARED if name in table]
    return bytes(table.to_parquet(index=False, compression="zstd", use_dictionary=shared))


def unpack_predictions(root: Path, key: str, sha256: str, num_classes: int | None) -> pd.DataFrame | None:
    """Return a run's predictions from `answers.parquet`; None if a store has no such file, or no row of these.

    Raises:
        ValueError: the file is damaged, or holds other than predictions.
    """
    row = _rows(root, (root / ANSWERS).stat().st_mtime_ns).get(key) if (root / ANSWERS).is_file() else None
    if row is None or row["sha256"] != sha256:
        return None
    packed, number = {name: row[name] for name in COLUMNS if isinstance(row.get(name), bytes)}, row["num_images"]
    plain = [name for name in packed if name not in LOSSES]
    table = pd.DataFrame({name: _numbers(packed[name], number, is_float=name in FLOATS) for name in plain})
    is_wrong = (table["prediction"] != table["label"]).to_numpy()
    for name in LOSSES.keys() & packed.keys():
        table[name] = _confidences(packed[name], is_wrong, table.get(LOSSES[name]))
    check_predictions(table, num_classes)
    return table[list(packed)]


def thinned(history: pd.DataFrame) -> pd.DataFrame:
    """Return a history of at most 64 rows: `train_loss` stays the mean over the steps since the previous row."""
    if len(history) <= MAX_HISTORY:
        return history
    group = np.arange(len(history)) * MAX_HISTORY // len(history)
    steps = np.diff(history["step"], prepend=0)
    losses = (history["train_loss"] * steps).groupby(group).sum() / pd.Series(steps).groupby(group).sum()
    return history.groupby(group).last().assign(train_loss=losses)


def histories_file(histories: Mapping[str, pd.DataFrame]) -> bytes:
    """Return the content of `histories.parquet`: the rows of all histories, with the run's key."""
    floats = {name: "float32" if kind == "float64" else kind for name, kind in HISTORY.items()}
    parts = [history.astype(floats).assign(key=key) for key, history in histories.items()]
    table = pd.concat(parts) if parts else pd.DataFrame(columns=[*HISTORY, "key"])
    return bytes(table.to_parquet(index=False, compression="zstd"))


def packed_histories(root: Path) -> dict[str, pd.DataFrame]:
    """Return the histories in `histories.parquet` by the run's key; none if there is no such file.

    Raises:
        ValueError: the file is damaged.
    """
    if not (root / HISTORIES).is_file():
        return {}
    table = read_stored(_checked(root, HISTORIES), HISTORY | {"key": "str"})
    return {str(key): rows.drop(columns="key") for key, rows in table.groupby("key")}


@lru_cache(maxsize=1)
def _rows(root: Path, _changed: int) -> dict[str, dict[str, Any]]:
    """Return the rows of `answers.parquet` by key; read again only if the file was changed."""
    kinds = {"key": "str", "sha256": "str", "num_images": "int64"} | dict.fromkeys(PREDICTIONS, "bytes")
    table = read_stored(_checked(root, ANSWERS), kinds, dict.fromkeys(OTHER_PREDICTIONS, "bytes or missing"))
    return {row["key"]: {str(name): value for name, value in row.items()} for row in table.to_dict("records")}


def _checked(root: Path, name: str) -> bytes:
    """Return the content of a packed file whose hash is the one in `slim.json`."""
    try:
        content, index = read_plain(root / name), read_json(root / INDEX)
    except OSError as error:
        raise ValueError(f"{error.filename or name} cannot be read: {error.strerror}") from None
    files = index.get("files") if isinstance(index, dict) else None
    if not isinstance(files, dict) or files.get(name) != hashlib.sha256(content).hexdigest():
        raise ValueError(f"the SHA-256 of {name} differs from {INDEX}")
    return content


def _bytes(values: NDArray[Any], floats: str) -> bytes:
    """Return numbers as bytes: the first byte of each, then the second ones, and so on."""
    if not floats:
        values = values.astype(np.uint64)  # a negative one comes back by wrapping round
    dtype = np.dtype(floats) if floats else np.min_scalar_type(int(values.max(initial=0))).newbyteorder("<")
    with np.errstate(over="ignore"):  # a loss beyond float16 is infinite
        numbers = np.ascontiguousarray(values.astype(dtype))
    return numbers.view(np.uint8).reshape(len(numbers), dtype.itemsize).T.tobytes()


def _confidences(packed: bytes, is_wrong: NDArray[np.bool_], loss: "pd.Series[float] | None") -> NDArray[Any]:
    """Return the confidence of each answer; only those of wrong answers are packed, unless they are float32."""
    if loss is None or len(packed) == 4 * len(is_wrong):
        return _numbers(packed, len(is_wrong), is_float=True)
    confidences = np.exp(-loss.to_numpy())
    if is_wrong.any() or packed:
        confidences[is_wrong] = _numbers(packed, int(is_wrong.sum()), is_float=True)
    return confidences


def _numbers(packed: bytes, num_images: int, *, is_float: bool) -> NDArray[Any]:
    """Return the numbers of a column, as int64 or float32."""
    width = len(packed) // num_images if num_images > 0 else 0
    if width not in ((2, 4) if is_float else (1, 2, 4, 8)) or width * num_images != len(packed):
        raise ValueError(f"{len(packed)} bytes for {num_images} images")
    numbers = np.frombuffer(packed, np.uint8).reshape(width, num_images).T.copy().view(f"<{'uf'[is_float]}{width}")
    return numbers[:, 0].astype(np.float32 if is_float else np.int64)
