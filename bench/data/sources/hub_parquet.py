"""The Hugging Face hub's parquet: a column of encoded images, one of labels, and the features' names in the schema.

Only labels are kept in memory: images are read a row group at a time, and decoded when they are asked for.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import Part, Reader
from bench.data.sources.assemble import check_labels
from bench.data.sources.decode import read_pictures
from bench.errors import BadImage, InputError

IMAGE_COLUMNS = ("img", "image", "images", "picture", "pixel_values", "jpg", "png", "webp")
LABEL_COLUMNS = ("label", "fine_label", "labels", "class", "target", "category", "cls")
"""Names that are looked for, in this order; else a feature of the right type is taken, where there is only one."""


@dataclass(frozen=True, eq=False)
class Shard:
    """What is known of a file without reading its images."""

    file: Path
    image_column: str
    labels: NDArray[np.int64]
    group_sizes: tuple[int, ...]
    """rows of each row group"""
    class_names: tuple[str, ...] | None
    """of the features' metadata"""


def open_parts(files: Mapping[str, Sequence[Path]]) -> dict[str, Part]:
    """Return the parts of a data set from the shards of each, in order; classes without names are numbers."""
    shards = {part: [_open_shard(file) for file in part_files] for part, part_files in files.items()}
    everything = [shard for part in shards.values() for shard in part]
    names = _class_names(everything)
    for shard in everything:
        check_labels(shard.labels, len(names), str(shard.file))
    return {
        part: Part(np.concatenate([shard.labels for shard in own]), _reader(own), names) for part, own in shards.items()
    }


def _reader(shards: Sequence[Shard]) -> Reader:
    """Return a reader of the shards' images, numbered one shard after the other."""
    groups = [(shard, group) for shard in shards for group in range(len(shard.group_sizes))]
    starts = np.cumsum([0, *(size for shard in shards for size in shard.group_sizes)])[:-1]

    def read(indices: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        images = np.empty((len(indices), 3, image_size, image_size), dtype=np.uint8)
        places = np.searchsorted(starts, indices, side="right") - 1
        for place in np.unique(places).tolist():
            here = np.flatnonzero(places == place)
            shard, group = groups[place]
            encoded, name = _encoded(shard, group, indices[here] - starts[place])
            images[here] = read_pictures(encoded, image_size, name)
        return images

    return read


def _encoded(shard: Shard, group: int, rows: NDArray[np.int64]) -> tuple[list[bytes], Callable[[int], str]]:
    """Return the encoded images of some rows of a row group, and what names each of them."""
    import pyarrow
    import pyarrow.parquet

    first = sum(shard.group_sizes[:group])
    try:
        with pyarrow.parquet.ParquetFile(shard.file) as file:
            column = file.read_row_group(group, columns=[shard.image_column])[shard.image_column]
    except (pyarrow.ArrowException, OSError) as error:
        raise BadImage(_unreadable(shard.file, error)) from error
    cells = column.combine_chunks().field("bytes").take(pyarrow.array(rows)).to_pylist()
    return [cell or b"" for cell in cells], lambda index: f"{shard.file}, row {first + rows[index]}"


def _open_shard(file: Path) -> Shard:
    """Read a file's labels and metadata."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file) as shard:
            schema, metadata = shard.schema_arrow, shard.metadata
            features = _features(file, schema.metadata or {})
            image = _column(file, schema.names, features, IMAGE_COLUMNS, "Image")
            label = _column(file, schema.names, features, LABEL_COLUMNS, "ClassLabel")
            _check_types(file, schema, image, label)
            labels = shard.read(columns=[label])[label]
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(_unreadable(file, error)) from error
    if labels.null_count:
        raise InputError(f"{file}: {labels.null_count:,} rows have no {label}; take them out, or fill them in")
    sizes = tuple(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
    names = features.get(label, {}).get("names")
    return Shard(file, image, labels.to_numpy().astype(np.int64), sizes, tuple(names) if names else None)


def _unreadable(file: Path, error: Exception) -> str:
    """Say that a file is cut off, or no parquet."""
    return f"{file}: not a readable parquet file of images ({error}); fetch it again"


def _features(file: Path, metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Return the hub's description of the columns, empty where there is none."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (ValueError, AttributeError) as error:
        raise InputError(f"{file}: its huggingface metadata is damaged ({error}); fetch it again") from error


def _column(file: Path, columns: list[str], features: dict[str, Any], allowed: tuple[str, ...], kind: str) -> str:
    """Return the first column that has an allowed name, else the only one whose feature is of a kind."""
    named = [name for name in allowed if name in columns]
    typed = [name for name in columns if features.get(name, {}).get("_type") == kind]
    if named or len(typed) == 1:
        chosen = (named or typed)[0]
        if columns.count(chosen) > 1:
            raise InputError(f"{file}: has {columns.count(chosen)} columns named {chosen}; leave one of them")
        return chosen
    raise InputError(
        f"{file}: has the columns {', '.join(columns)}, but none named {' or '.join(allowed)}; rename a column, "
        f"or describe one as {kind} in the features' metadata"
    )


def _check_types(file: Path, schema: Any, image: str, label: str) -> None:
    """Refuse columns that hold something else."""
    import pyarrow

    held = schema.field(image).type
    if not (pyarrow.types.is_struct(held) and "bytes" in held.names and _is_binary(held.field("bytes").type)):
        raise InputError(f"{file}: column {image} holds {held}, not structs with the images' bytes")
    if not pyarrow.types.is_integer(schema.field(label).type):
        raise InputError(
            f"{file}: column {label} holds {schema.field(label).type}, not whole numbers; number the classes from 0"
        )


def _is_binary(held: Any) -> bool:
    """Return whether a column holds bytes, in any of Arrow's ways."""
    import pyarrow

    return any(
        is_kind(held)
        for is_kind in (pyarrow.types.is_binary, pyarrow.types.is_large_binary, pyarrow.types.is_binary_view)
    )


def _class_names(shards: Sequence[Shard]) -> tuple[str, ...]:
    """Return the names in the features' metadata, which shards share, else numbers."""
    named = [shard for shard in shards if shard.class_names is not None]
    for shard in named[1:]:
        if shard.class_names != named[0].class_names:
            raise InputError(f"{shard.file}: its classes are not those of {named[0].file}; give files of one data set")
    if named and (names := named[0].class_names) is not None:
        return names
    highest = max((int(shard.labels.max()) for shard in shards if len(shard.labels)), default=0)
    if highest >= (num_images := sum(len(shard.labels) for shard in shards)) > 0:
        raise InputError(
            f"{shards[0].file}: label {highest} of {num_images:,} images is out of range; number the classes from 0"
        )
    return tuple(str(label) for label in range(highest + 1))
