"""`parquet:PATH`: a file or a folder of files in the layout of the Hugging Face hub.

A file has a column of encoded images and a column of labels, and may have class names in its metadata. The name of the
file, or of its folder, begins with its split: `train-00000-of-00002.parquet`, `test/0000.parquet`. Only labels stay in
memory. Images are read one row group at a time and decoded when used.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import DataSet, PassedOver, RawSplit, Reader, add_up
from bench.data.orders import Indices
from bench.data.sources.assemble import assemble, check_labels, locate
from bench.data.sources.decode import read_pictures
from bench.data.sources.labels import first_class, names_of_numbers
from bench.data.sources.listing import check_inside, files_below, fingerprint_of
from bench.data.sources.split_names import by_split
from bench.errors import BadImage, InputError

IMAGE_COLUMNS = ("img", "image", "images", "picture", "pixel_values", "jpg", "png", "webp")
LABEL_COLUMNS = ("label", "fine_label", "labels", "class", "target", "category", "cls")
"""Column names in order of preference; without them, the only feature of the right type is used."""
BUFFER_BYTES = 2**20
"""Read at once while a file is opened, which needs its labels and its first image."""
MAX_ROWS = 2**27
"""Of a file, since all labels are kept."""
MAX_GROUP_BYTES = 2**33
"""Of a row group, unpacked."""
MAX_SMALL_BYTES = 2**26
"""Of a row group that is read however small it was packed."""
MAX_RATIO = 100
"""Of a larger row group, unpacked, to the file: encoded images hardly shrink, and a bomb shrinks more."""


def located(text: str, data_dir: Path) -> Path:
    """Return the file or folder that a path names: as it stands, or else below the data folder.

    Raises:
        InputError: there is nothing at either place.
    """
    places = list(dict.fromkeys([Path(text).absolute(), (data_dir / text).absolute()]))
    if not is_there(text, data_dir):
        looked = " and ".join(map(str, places))
        raise InputError(
            f"parquet:{text}: there is no such file or folder (looked for {looked}); name a .parquet file, or a "
            "folder of them, from the hub"
        )
    return Path(text) if Path(text).exists() else data_dir / text


def is_there(text: str, data_dir: Path) -> bool:
    """Return whether there is something at a path, as it stands or below the data folder."""
    return Path(text).exists() or (data_dir / text).exists()


def open_parquet(path: Path, place: str | None = None, groups: str | None = None) -> DataSet:
    """Return the data set in parquet files.

    Args:
        path: a file or folder.
        place: the data set's name in errors; by default the path.
        groups: the column of groups; None if there are no groups.

    Raises:
        InputError: there is no file, or the files hold no labelled images that fit together.
    """
    place = place or f"parquet:{path}"
    files = _files(path)
    check_inside(path if path.is_dir() else path.parent, files)
    by_name = by_split(files, path, place) if path.is_dir() else {"train": files}
    return assemble(open_splits(by_name, groups), key="parquet", place=place)


def fingerprint(path: Path) -> str:
    """Return the hash of the names and bytes of all files."""
    return fingerprint_of(path, _files(path))


def watched(path: Path) -> list[Path]:
    """Return the files, none if there is nothing at the path."""
    return _files(path) if path.exists() else []


def open_splits(files: Mapping[str, Sequence[Path]], groups: str | None = None) -> dict[str, RawSplit]:
    """Return the splits of a data set from the ordered files of each split; classes without names get numbers.

    A split without labels, as competitions publish for the test, is passed over, and counted with the training split.
    """
    shards = {
        split: [_open_shard(file, groups, needs_labels=split == "train") for file in split_files]
        for split, split_files in files.items()
    }
    labelled = {
        split: split_shards for split, split_shards in shards.items() if any(s.has_labels for s in split_shards)
    }
    names, labels = _classes([shard for split_shards in labelled.values() for shard in split_shards])
    splits = {
        split: RawSplit(
            np.concatenate([labels[shard.file] for shard in split_shards]),
            _reader(split_shards),
            names,
            groups=np.concatenate([shard.groups for shard in split_shards]) if groups is not None else None,
        )
        for split, split_shards in labelled.items()
    }
    passed_over = add_up(
        PassedOver(f"images of {split}, which has no labels", sum(shard.group_sizes), (shard.file.name,))
        for split in shards
        if split not in labelled
        for shard in shards[split]
    )
    return splits | {"train": replace(splits["train"], passed_over=passed_over)}


@dataclass(frozen=True, eq=False)
class _Shard:
    """The labels and metadata of a file, without its images."""

    file: Path
    image_column: str
    labels: NDArray[np.int64]
    """Numbers of classes, or places in `words`."""
    words: tuple[str, ...] | None
    """The words that are labels; None if the labels are numbers."""
    has_labels: bool
    group_sizes: tuple[int, ...]
    """Number of rows of each row group."""
    class_names: tuple[str, ...] | None
    """Class names in the features' metadata; None if there are none."""
    groups: NDArray[np.str_]
    """Names of the groups; empty if there are no groups."""


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
            cells = [column[row].as_py() for row in rows.tolist()]  # `take` knows no views of bytes
    except (pyarrow.ArrowException, OSError, UnicodeError) as error:
        raise BadImage(_unreadable(shard.file, error)) from error
    return read_pictures(
        len(rows),
        lambda index: _encoded(cells[index]),
        image_size,
        lambda index: f"{shard.file}, row {first + rows[index]}",
    )


def _encoded(cell: Any) -> bytes:
    """Return the bytes of an image; refuse a cell with the path of a file alone."""
    if not isinstance(cell, dict):
        return cell or b""
    if cell["bytes"] is None and cell.get("path"):
        raise ValueError(f"the row holds the path {cell['path']} alone, and not the image's bytes")
    return cell["bytes"] or b""


def _open_shard(file: Path, groups: str | None, *, needs_labels: bool) -> _Shard:
    """Return a file's labels, metadata and column of groups; refuse a file without labels if they are needed."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file, buffer_size=BUFFER_BYTES) as content:
            schema, metadata = content.schema_arrow, content.metadata
            features = _features(file, schema.metadata or {})
            image = _column(file, schema.names, features, IMAGE_COLUMNS, "Image")
            _check_images(file, schema.field(image).type, image)
            label = _label_column(file, schema.names, features, needs_labels=needs_labels)
            _check_sizes(file, metadata)
            _check_first_image(file, content, image)
            labels = content.read(columns=[label])[label] if label else pyarrow.nulls(metadata.num_rows)
            if not needs_labels and labels.null_count == len(labels) > 0:
                numbers, words = np.full(len(labels), -1), None
            else:
                _check_labels(file, labels, label)
                numbers, words = _numbers(labels)
            named = _groups(file, content, groups) if groups is not None else np.array([], np.str_)
    except (pyarrow.ArrowException, OSError, UnicodeError) as error:
        raise InputError(_unreadable(file, error)) from error
    sizes = tuple(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
    class_names = _names(file, features.get(label, {}).get("names"))
    has_labels = needs_labels or len(numbers) == 0 or words is not None or bool((numbers != -1).any())
    return _Shard(file, image, numbers, words, has_labels, sizes, class_names, named)


def _groups(file: Path, content: Any, column: str) -> NDArray[np.str_]:
    """Return the groups of a file's rows, as texts; refuse a column that is not there, or whose values name none."""
    from pyarrow import types

    names = content.schema_arrow.names
    if names.count(column) != 1:
        raise InputError(
            f"{file}: groups: {names.count(column) or 'no'} columns are named {column}; there are {', '.join(names)}"
        )
    held = content.schema_arrow.field(column).type
    value = held.value_type if types.is_dictionary(held) else held
    if not (types.is_integer(value) or _is_text(value)):
        raise InputError(f"{file}: groups: column {column} holds {held}, neither words nor whole numbers")
    groups = content.read(columns=[column])[column]
    if groups.null_count:
        raise InputError(f"{file}: groups: {groups.null_count:,} rows have no {column}; fill them in")
    return np.array([str(group) for group in groups.to_pylist()], dtype=np.str_)


def _label_column(file: Path, columns: list[str], features: dict[str, Any], *, needs_labels: bool) -> str:
    """Return the column of labels, or the empty name if there is none and none is needed."""
    try:
        return _column(file, columns, features, LABEL_COLUMNS, "ClassLabel")
    except InputError:
        if needs_labels:
            raise
        return ""


def _numbers(labels: Any) -> tuple[NDArray[np.int64], tuple[str, ...] | None]:
    """Return a column of labels as numbers, or as places in the words that it holds."""
    import pyarrow

    held = labels.type
    if pyarrow.types.is_dictionary(held) and pyarrow.types.is_integer(held.value_type):
        labels = labels.cast(held.value_type)
    if pyarrow.types.is_integer(labels.type):
        return labels.to_numpy().astype(np.int64), None
    coded = labels.dictionary_encode().combine_chunks() if not pyarrow.types.is_dictionary(held) else None
    coded = coded if coded is not None else labels.unify_dictionaries().combine_chunks()
    words = tuple(str(word) for word in coded.dictionary.to_pylist())
    return coded.indices.to_numpy().astype(np.int64), words


def _unreadable(file: Path, error: Exception) -> str:
    """Return the message for a file that is truncated or not parquet."""
    return f"{file}: not a readable parquet file of images ({error}); fetch it again"


def _features(file: Path, metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Return the hub's description of the columns; empty if there is none."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (ValueError, AttributeError, RecursionError) as error:
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


def _check_images(file: Path, held: Any, image: str) -> None:
    """Refuse a column that holds something else than encoded images."""
    from pyarrow import types

    if _is_text(held) or (types.is_struct(held) and "bytes" not in held.names and "path" in held.names):
        raise InputError(_paths_alone(file, image))
    in_struct = types.is_struct(held) and "bytes" in held.names and _is_binary(held.field("bytes").type)
    if not in_struct and not _is_binary(held):
        raise InputError(f"{file}: column {image} holds {held}, neither the images' bytes nor structs with them")


def _check_labels(file: Path, labels: Any, label: str) -> None:
    """Refuse a column that holds something else than labels, or rows without one."""
    from pyarrow import types

    held = labels.type
    value = held.value_type if types.is_dictionary(held) else held
    if not (types.is_integer(value) or types.is_boolean(value) or _is_text(value)):
        raise InputError(
            f"{file}: column {label} holds {held}, neither whole numbers nor words nor booleans; "
            "number the classes from 0, or name them"
        )
    if labels.null_count:
        raise InputError(f"{file}: {labels.null_count:,} rows have no {label}; take them out, or fill them in")


def _check_sizes(file: Path, metadata: Any) -> None:
    """Refuse a file that would fill the memory, by the sizes that it states.

    The sizes of single columns are not asked for: pyarrow ends the whole process if the description of one is damaged.
    """
    if metadata.num_rows > MAX_ROWS:
        raise InputError(f"{file}: states {metadata.num_rows:,} rows; at most {MAX_ROWS:,} are read from a file")
    packed = file.stat().st_size
    for number in range(metadata.num_row_groups):
        unpacked = metadata.row_group(number).total_byte_size
        if unpacked > min(MAX_GROUP_BYTES, max(MAX_SMALL_BYTES, MAX_RATIO * packed)):
            raise InputError(
                f"{file}: row group {number} unpacks to {unpacked:,} bytes, and the file has {packed:,}; at most "
                f"{MAX_GROUP_BYTES:,} are read at once, and {MAX_RATIO} times the file; write smaller row groups"
            )


def _check_first_image(file: Path, content: Any, image: str) -> None:
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


def _is_text(held: Any) -> bool:
    """Return whether a column holds words, in any of Arrow's ways."""
    from pyarrow import types

    return any(is_kind(held) for is_kind in (types.is_string, types.is_large_string, types.is_string_view))


def _is_binary(held: Any) -> bool:
    """Return whether a column holds bytes, in any of Arrow's ways."""
    from pyarrow import types

    return any(is_kind(held) for is_kind in (types.is_binary, types.is_large_binary, types.is_binary_view))


def _names(file: Path, names: Any) -> tuple[str, ...] | None:
    """Return the names of classes in the features' metadata, None if there are none."""
    if not names:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(
            f"{file}: the names of its classes in the huggingface metadata are no list of texts; correct it"
        )
    if len(set(names)) < len(names):
        raise InputError(f"{file}: its huggingface metadata names a class twice; name each class once")
    return tuple(names)


def _classes(shards: Sequence[_Shard]) -> tuple[tuple[str, ...], dict[Path, NDArray[np.int64]]]:
    """Return the names of the classes, and each file's labels as their numbers.

    The names are those of the features' metadata, which shards share, else the sorted words, else numbers.
    """
    first = shards[0]
    for shard in shards:
        if not shard.has_labels:
            raise InputError(f"{shard.file}: its rows have no labels, unlike other files of its split; label them all")
        if (shard.words is None) != (first.words is None):
            raise InputError(
                f"{shard.file}: its labels are words or numbers, unlike those of {first.file}; use one kind"
            )
    if first.words is not None:
        for shard in shards:
            blank = [place for place, word in enumerate(shard.words or ()) if not word.strip()]
            if num_blank := int(np.isin(shard.labels, blank).sum()):
                raise InputError(
                    f"{shard.file}: {num_blank:,} rows have an empty label; take them out, or fill them in"
                )
        names = tuple(sorted({word for shard in shards for word in shard.words or ()}))
        number = {name: place for place, name in enumerate(names)}
        return names, {
            shard.file: np.array([number[word] for word in shard.words or ()], np.int64)[shard.labels]
            for shard in shards
        }
    named = [shard for shard in shards if shard.class_names is not None]
    for shard in named[1:]:
        if shard.class_names != named[0].class_names:
            raise InputError(f"{shard.file}: its classes are not those of {named[0].file}; give files of one data set")
    known = named[0].class_names if named else None
    labels = [shard.labels for shard in shards]
    start = first_class(labels, len(known) if known else None)
    names = known or names_of_numbers(labels, start, str(first.file))
    for shard in shards:
        check_labels(shard.labels - start, len(names), str(shard.file))
    return names, {shard.file: shard.labels - start for shard in shards}
