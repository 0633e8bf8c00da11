"""Read a Parquet table of a store, which may be damaged or somebody else's: bounded in size, and of the right types."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

MAX_ROWS = 2**23
MAX_BYTES = 2**30
"""Of a table, unpacked."""
MAX_SMALL_BYTES = 2**26
"""Of a table that is read however small it was packed."""
MAX_RATIO = 100
"""Of a larger table, unpacked, to the file."""


PREDICTIONS = dict.fromkeys(("id", "label", "prediction"), "int64")
"""The columns that every `predictions.parquet` has."""
FLOATS = ("confidence", "loss", "brier", "scaled_confidence", "scaled_loss")
_EARLIER = "label_probability"
"""A column that was kept instead of `loss` before."""
OTHER_PREDICTIONS = dict.fromkeys(FLOATS, "float64") | dict.fromkeys(("label_rank", "cluster"), "int64")


def checked_predictions(content: bytes, num_classes: int | None) -> pd.DataFrame:
    """Return a run's predictions, one row per image, after checking them.

    Args:
        content: the file's bytes.
        num_classes: the number of classes; None if it is not recorded.

    Raises:
        ValueError: the table is damaged, too large, or holds other than predictions.
    """
    table = read_stored(content, PREDICTIONS, OTHER_PREDICTIONS | {_EARLIER: "float64"})
    check_predictions(table, num_classes)
    if _EARLIER in table:
        with np.errstate(divide="ignore", invalid="ignore"):
            table["loss"] = -np.log(table.pop(_EARLIER))
    return table


def check_predictions(table: pd.DataFrame, num_classes: int | None) -> None:
    """See that each image occurs once, and that labels and answers are classes of the run.

    Raises:
        ValueError: they are not.
    """
    if table["id"].duplicated().any():
        raise ValueError("an image occurs twice")
    classes = table[["label", "prediction"]]
    if (classes < 0).any(axis=None) or (num_classes is not None and (classes >= num_classes).any(axis=None)):
        raise ValueError(f"a class is not one of the run's {num_classes or ''}".rstrip())


def read_stored(content: bytes, types: Mapping[str, str], optional: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return the columns of a table after checking those that are read.

    Args:
        content: the file's bytes.
        types: column -> `str`, `bytes`, `bytes or missing`, `bool`, `int64`, `Int64` (an integer or missing),
            `float64` (or missing), or `list` (of numbers).
        optional: the same of columns that may be absent.

    Raises:
        ValueError: the table is damaged, too large, or has other columns or types.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(io.BytesIO(content)) as file:
            _check_sizes(file.metadata, len(content))
            if missing := [name for name in types if name not in file.schema_arrow.names]:
                raise ValueError(f"it lacks columns: {', '.join(missing)}")
            present = set(file.schema_arrow.names)
            kinds = dict(types) | {name: kind for name, kind in (optional or {}).items() if name in present}
            table = file.read(columns=list(kinds)).select(list(kinds))
        table.validate(full=True)
        if wrong := [name for name, kind in kinds.items() if not _fits(table[name], kind)]:
            raise ValueError(f"it has other types or missing values in columns: {', '.join(wrong)}")
        return table.to_pandas(ignore_metadata=True)
    except (pyarrow.ArrowException, OSError, TypeError, MemoryError) as error:
        raise ValueError(str(error).partition("\n")[0] or type(error).__name__) from None


def _check_sizes(metadata: Any, packed: int) -> None:
    """Refuse a table that would fill the memory, by the sizes that it states.

    The sizes of single columns are not asked for: pyarrow ends the whole process if the description of one is damaged.
    """
    unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if metadata.num_rows > MAX_ROWS:
        raise ValueError(f"it states {metadata.num_rows:,} rows, and at most {MAX_ROWS:,} are read")
    if unpacked > min(MAX_BYTES, max(MAX_SMALL_BYTES, MAX_RATIO * packed)):
        raise ValueError(f"it unpacks to {unpacked:,} bytes, and the file has {packed:,}")


def _fits(column: Any, kind: str) -> bool:
    """Return whether a column of Arrow has a type, and no missing value unless the type allows it."""
    from pyarrow import types

    held = column.type
    if kind in ("Int64", "float64", "bytes or missing") and types.is_null(held):
        return True
    if kind == "bytes or missing":
        return types.is_binary(held) or types.is_large_binary(held)
    if kind == "float64":
        return types.is_floating(held) or types.is_integer(held)
    if kind == "Int64":
        return types.is_integer(held)
    whole = column.null_count == 0
    match kind:
        case "str":
            return whole and (types.is_string(held) or types.is_large_string(held))
        case "bytes":
            return whole and (types.is_binary(held) or types.is_large_binary(held))
        case "bool":
            return whole and types.is_boolean(held)
        case "int64":
            return whole and types.is_integer(held) and held.bit_width <= 64
    is_list = types.is_list(held) or types.is_large_list(held)
    return whole and is_list and types.is_floating(held.value_type)
