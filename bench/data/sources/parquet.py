"""`parquet:PATH`: a file or a folder of files in the layout of the Hugging Face hub.

A file has a column of encoded images and a column of labels, and may have class names in its metadata. The name of the
file, or of its folder, begins with its split: `train-00000-of-00002.parquet`, `test/0000.parquet`. Only labels stay in
memory. Images are read one row group at a time and decoded when used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import DataSet, PassedOver, RawSplit, Reader, add_up
from bench.data.orders import Indices
from bench.data.sources.assemble import assemble, locate
from bench.data.sources.decode import read_pictures
from bench.data.sources.listing import check_inside, files_below, fingerprint_of
from bench.data.sources.parquet_columns import (
    check_first_image,
    check_images,
    features_of,
    image_column,
    label_column,
    read_groups,
)
from bench.data.sources.parquet_labels import FileLabels, classes_of, read_labels
from bench.data.sources.split_names import by_split
from bench.errors import BadImage, InputError

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
        split: split_shards for split, split_shards in shards.items() if any(s.labels.is_labelled for s in split_shards)
    }
    names, labels = classes_of([shard.labels for split_shards in labelled.values() for shard in split_shards])
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
    labels: FileLabels
    group_sizes: tuple[int, ...]
    """Number of rows of each row group."""
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
            features = features_of(file, schema.metadata or {})
            image = image_column(file, schema.names, features)
            check_images(file, schema.field(image).type, image)
            label = label_column(file, schema.names, features, needs_labels=needs_labels)
            _check_sizes(file, metadata)
            check_first_image(file, content, image)
            cells = content.read(columns=[label])[label] if label else pyarrow.nulls(metadata.num_rows)
            names = features.get(label, {}).get("names")
            labels = read_labels(file, cells, label, names, needs_labels=needs_labels)
            named = read_groups(file, content, groups) if groups is not None else np.array([], np.str_)
    except (pyarrow.ArrowException, OSError, UnicodeError) as error:
        raise InputError(_unreadable(file, error)) from error
    sizes = tuple(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
    return _Shard(file, image, labels, sizes, named)


def _unreadable(file: Path, error: Exception) -> str:
    """Return the message for a file that is truncated or not parquet."""
    return f"{file}: not a readable parquet file of images ({error}); fetch it again"


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
