"""Find the columns of a parquet file, and check what they hold: images, labels and groups."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError

IMAGE_COLUMNS = ("img", "image", "images", "picture", "pixel_values", "jpg", "png", "webp")
LABEL_COLUMNS = ("label", "fine_label", "labels", "class", "target", "category", "cls")
"""Column names in order of preference; without them, the only feature of the right type is used."""


def features_of(file: Path, metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Return the hub's description of the columns; empty if there is none."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"{file}: its huggingface metadata is damaged ({error}); fetch it again") from error


def image_column(file: Path, columns: list[str], features: dict[str, Any]) -> str:
    """Return the column of images."""
    return _column(file, columns, features, IMAGE_COLUMNS, "Image")


def label_column(file: Path, columns: list[str], features: dict[str, Any], *, needs_labels: bool) -> str:
    """Return the column of labels, or the empty name if there is none and none is needed."""
    try:
        return _column(file, columns, features, LABEL_COLUMNS, "ClassLabel")
    except InputError:
        if needs_labels:
            raise
        return ""


def read_groups(file: Path, content: Any, column: str) -> NDArray[np.str_]:
    """Return the groups of a file's rows, as texts; refuse a column that is not there, or whose values name none."""
    from pyarrow import types

    names = content.schema_arrow.names
    if names.count(column) != 1:
        raise InputError(
            f"{file}: groups: {names.count(column) or 'no'} columns are named {column}; there are {', '.join(names)}"
        )
    held = content.schema_arrow.field(column).type
    value = held.value_type if types.is_dictionary(held) else held
    if not (types.is_integer(value) or is_text(value)):
        raise InputError(f"{file}: groups: column {column} holds {held}, neither words nor whole numbers")
    groups = content.read(columns=[column])[column]
    if groups.null_count:
        raise InputError(f"{file}: groups: {groups.null_count:,} rows have no {column}; fill them in")
    return np.array([str(group) for group in groups.to_pylist()], dtype=np.str_)


def check_images(file: Path, held: Any, image: str) -> None:
    """Refuse a column that holds something else than encoded images."""
    from pyarrow import types

    if is_text(held) or (types.is_struct(held) and "bytes" not in held.names and "path" in held.names):
        raise InputError(_paths_alone(file, image))
    in_struct = types.is_struct(held) and "bytes" in held.names and _is_binary(held.field("bytes").type)
    if not in_struct and not _is_binary(held):
        raise InputError(f"{file}: column {image} holds {held}, neither the images' bytes nor structs with them")


def check_first_image(file: Path, content: Any, image: str) -> None:
    """Refuse a file whose first row holds the path of an image without its bytes."""
    first = next(content.iter_batches(batch_size=1, columns=[image]), None)
    cell = first.column(0)[0].as_py() if first is not None and len(first) else None
    if isinstance(cell, dict) and cell["bytes"] is None and cell.get("path"):
        raise InputError(_paths_alone(file, image))


def _paths_alone(file: Path, image: str) -> str:
    """Say that a file lists images that lie elsewhere."""
    return (
        f"{file}: column {image} holds the paths of images alone, and not their bytes; store the bytes, or sort the "
        "images into a folder for each class, and name it: folder:PATH"
    )


def _column(file: Path, columns: list[str], features: dict[str, Any], allowed: tuple[str, ...], kind: str) -> str:
    """Return the first column with an allowed name, else the only column whose feature has the kind."""
    named = [name for name in allowed if name in columns]
    typed = [name for name in columns if features.get(name, {}).get("_type") == kind]
    if named or len(typed) == 1:
        chosen = (named or typed)[0]
        if columns.count(chosen) > 1:
            raise InputError(f"{file}: has {columns.count(chosen)} columns named {chosen}; keep only one of them")
        return chosen
    raise InputError(
        f"{file}: has the columns {', '.join(columns)}, but none named {' or '.join(allowed)}; rename a column, "
        f"or describe one as {kind} in the features' metadata"
    )


def is_text(held: Any) -> bool:
    """Return whether a column holds words, in any of Arrow's ways."""
    from pyarrow import types

    return any(is_kind(held) for is_kind in (types.is_string, types.is_large_string, types.is_string_view))


def _is_binary(held: Any) -> bool:
    """Return whether a column holds bytes, in any of Arrow's ways."""
    from pyarrow import types

    return any(is_kind(held) for is_kind in (types.is_binary, types.is_large_binary, types.is_binary_view))
