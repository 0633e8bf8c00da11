"""The Hugging Face hub's parquet: a column of encoded images, one of labels, and the features' names in the schema."""

import json
from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.pictures import read_pictures
from bench.data.sets import Part
from bench.errors import InputError

IMAGE_COLUMNS = ("img", "image")
LABEL_COLUMNS = ("label", "fine_label")


def open_shards(files: list[Path]) -> Part:
    """Return one part of a data set from its shards, in order; images stay encoded until they are read."""
    shards = [_read_shard(file) for file in files]
    starts = np.cumsum([0, *(len(labels) for _, labels in shards)]).tolist()
    labels = np.concatenate([labels for _, labels in shards])

    def place(index: int) -> tuple[int, int]:
        shard = bisect_right(starts, index) - 1
        return shard, index - starts[shard]

    def read(indices: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        places = [place(index) for index in indices.tolist()]
        encoded = [shards[shard][0][row].as_py() or b"" for shard, row in places]
        return read_pictures(encoded, image_size, lambda i: f"{files[places[i][0]]}, row {places[i][1]}")

    return Part(labels, read, _class_names(files[0], labels))


def _read_shard(file: Path) -> tuple[Any, NDArray[np.int64]]:
    """Return the encoded images, as an Arrow array of bytes, and the labels."""
    import pyarrow
    import pyarrow.parquet

    try:
        columns = pyarrow.parquet.read_schema(file).names
        image = _column(file, columns, IMAGE_COLUMNS)
        label = _column(file, columns, LABEL_COLUMNS)
        table = pyarrow.parquet.read_table(file, columns=[image, label]).combine_chunks()
        if not pyarrow.types.is_struct(table[image].type) or "bytes" not in table[image].type.names:
            raise InputError(f"{file}: column {image} holds {table[image].type}, not structs with the images' bytes")
        return table[image].chunk(0).field("bytes"), table[label].to_numpy().astype(np.int64)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{file}: not a readable parquet file of images ({error}); fetch it again") from error


def _column(file: Path, columns: list[str], allowed: tuple[str, ...]) -> str:
    """Return the name of the first column that is allowed."""
    for name in allowed:
        if name in columns:
            return name
    raise InputError(f"{file}: has the columns {', '.join(columns)}, but none named {' or '.join(allowed)}")


def _class_names(file: Path, labels: NDArray[np.int64]) -> tuple[str, ...]:
    """Return the names in the features' metadata, else numbers."""
    import pyarrow.parquet

    metadata = pyarrow.parquet.read_schema(file).metadata or {}
    features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    for name in LABEL_COLUMNS:
        if "names" in features.get(name, {}):
            return tuple(features[name]["names"])
    return tuple(str(label) for label in range(int(labels.max()) + 1))
