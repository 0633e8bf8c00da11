"""`parquet:PATH`: a file or a folder of files in the layout of the Hugging Face hub.

A file has a column of encoded images and a column of labels, and may have class names in its metadata. The name of the
file, or of its folder, begins with its split: `train-00000-of-00002.parquet`, `test/0000.parquet`. Only labels stay in
memory. Images are read one row group at a time and decoded when used.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import DataSet, RawSplit, Reader
from bench.data.orders import Indices
from bench.data.sources.assemble import assemble, check_labels, locate, number_names
from bench.data.sources.decode import read_pictures
from bench.data.sources.listing import check_inside, files_below, fingerprint_of
from bench.data.sources.split_names import by_split
from bench.errors import BadImage, InputError

IMAGE_COLUMNS = ("img", "image", "images", "picture", "pixel_values", "jpg", "png", "webp")
LABEL_COLUMNS = ("label", "fine_label", "labels", "class", "target", "category", "cls")
"""Column names in order of preference; without them, the only feature of the right type is used."""


def open_parquet(path: Path, place: str | None = None) -> DataSet:
    """Return the data set in parquet files.

    Args:
        path: a file or folder.
        place: the data set's name in errors; by default the path.

    Raises:
        InputError: there is no file, or the files hold no labelled images that fit together.
    """
    place = place or f"parquet:{path}"
    files = _files(path)
    check_inside(path if path.is_dir() else path.parent, files)
    by_name = by_split(files, path, place) if path.is_dir() else {"train": files}
    return assemble(open_splits(by_name), key="parquet", place=place)


def fingerprint(path: Path) -> str:
    """Return the hash of the names and bytes of all files."""
    return fingerprint_of(path, _files(path))


def open_splits(files: Mapping[str, Sequence[Path]]) -> dict[str, RawSplit]:
    """Return the splits of a data set from the ordered files of each split; classes without names get numbers."""
    shards = {split: [_open_shard(file) for file in split_files] for split, split_files in files.items()}
    all_shards = [shard for split_shards in shards.values() for shard in split_shards]
    names = _class_names(all_shards)
    for shard in all_shards:
        check_labels(shard.labels, len(names), str(shard.file))
    return {
        split: RawSplit(np.concatenate([shard.labels for shard in split_shards]), _reader(split_shards), names)
        for split, split_shards in shards.items()
    }


@dataclass(frozen=True, eq=False)
class _Shard:
    """The labels and metadata of a file, without its images."""

    file: Path
    image_column: str
    labels: NDArray[np.int64]
    group_sizes: tuple[int, ...]
    """Number of rows of each row group."""
    class_names: tuple[str, ...] | None
    """Class names in the features' metadata; None if there are none."""


def _files(path: Path) -> list[Path]:
    """Return the files sorted by path; refuse a path without files."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(
            f"parquet:{path}: there is no such file or folder; name a .parquet file, or a folder of them, from the hub"
        )
    if not (files := files_below(path, (".parquet",))):
        raise InputError(f"parquet:{path}: no file in it ends with .parquet; put the hub's files there")
    return files


def _reader(shards: Sequence[_Shard]) -> Reader:
    """Return a reader of the images of all shards, in the order of the shards."""
    groups = [(shard, group) for shard in shards for group in range(len(shard.group_sizes))]
    starts = np.cumsum([0, *(size for shard in shards for size in shard.group_sizes)])[:-1]

    def read(indices: Indices, image_size: int) -> NDArray[np.uint8]:
        images = np.empty((len(indices), 3, image_size, image_size), dtype=np.uint8)
        numbers, rows = locate(starts, indices)
        for number in np.unique(numbers).tolist():
            wanted = np.flatnonzero(numbers == number)
            shard, group = groups[number]
            images[wanted] = _read_group(shard, group, rows[wanted], image_size)
        return images

    return read


def _read_group(shard: _Shard, group: int, rows: Indices, image_size: int) -> NDArray[np.uint8]:
    """Return the decoded images of some rows of a row group."""
    import pyarrow
    import pyarrow.parquet

    first = sum(shard.group_sizes[:group])
    try:
        with pyarrow.parquet.ParquetFile(shard.file) as file:
            column = file.read_row_group(group, columns=[shard.image_column])[shard.image_column]
    except (pyarrow.ArrowException, OSError) as error:
        raise BadImage(_unreadable(shard.file, error)) from error
    encoded = column.combine_chunks().field("bytes").take(pyarrow.array(rows)).to_pylist()
    return read_pictures(
        len(rows),
        lambda index: encoded[index] or b"",
        image_size,
        lambda index: f"{shard.file}, row {first + rows[index]}",
    )


def _open_shard(file: Path) -> _Shard:
    """Return a file's labels and metadata."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file) as content:
            schema, metadata = content.schema_arrow, content.metadata
            features = _features(file, schema.metadata or {})
            image = _column(file, schema.names, features, IMAGE_COLUMNS, "Image")
            label = _column(file, schema.names, features, LABEL_COLUMNS, "ClassLabel")
            _check_types(file, schema, image, label)
            labels = content.read(columns=[label])[label]
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(_unreadable(file, error)) from error
    if labels.null_count:
        raise InputError(f"{file}: {labels.null_count:,} rows have no {label}; take them out, or fill them in")
    sizes = tuple(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
    names = features.get(label, {}).get("names")
    return _Shard(file, image, labels.to_numpy().astype(np.int64), sizes, tuple(names) if names else None)


def _unreadable(file: Path, error: Exception) -> str:
    """Return the message for a file that is truncated or not parquet."""
    return f"{file}: not a readable parquet file of images ({error}); fetch it again"


def _features(file: Path, metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Return the hub's description of the columns; empty if there is none."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (ValueError, AttributeError) as error:
        raise InputError(f"{file}: its huggingface metadata is damaged ({error}); fetch it again") from error


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


def _check_types(file: Path, schema: Any, image: str, label: str) -> None:
    """Refuse columns of another type than images and whole numbers."""
    import pyarrow

    image_type = schema.field(image).type
    has_bytes = pyarrow.types.is_struct(image_type) and "bytes" in image_type.names
    if not (has_bytes and _is_binary(image_type.field("bytes").type)):
        raise InputError(f"{file}: column {image} holds {image_type}, not structs with the images' bytes")
    if not pyarrow.types.is_integer(schema.field(label).type):
        raise InputError(
            f"{file}: column {label} holds {schema.field(label).type}, not whole numbers; number the classes from 0"
        )


def _is_binary(column_type: Any) -> bool:
    """Return whether a type is one of Arrow's binary types."""
    import pyarrow

    return any(
        is_kind(column_type)
        for is_kind in (pyarrow.types.is_binary, pyarrow.types.is_large_binary, pyarrow.types.is_binary_view)
    )


def _class_names(shards: Sequence[_Shard]) -> tuple[str, ...]:
    """Return the class names in the features' metadata, which all shards must share; without them, numbers."""
    named = [shard for shard in shards if shard.class_names is not None]
    for shard in named[1:]:
        if shard.class_names != named[0].class_names:
            raise InputError(f"{shard.file}: its classes are not those of {named[0].file}; give files of one data set")
    if named and (names := named[0].class_names) is not None:
        return names
    return number_names([shard.labels for shard in shards], str(shards[0].file))
