"""`webdataset:PATTERN`: tar shards of images in WebDataset's format, also for sets as large as ImageNet-21k.

PATTERN is a path with ranges in braces, `shards/train-{000000..000012}.tar`, a glob, a file or a folder. A word of a
shard's name, or else of its folder's name, decides its split. Missing splits are carved as from parquet files.
`tar_index` describes how images get their labels.

Only offsets and labels stay in memory, 32 bytes per image. An image is read when used.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import DataSet, RawSplit, Reader, add_up
from bench.data.orders import Indices
from bench.data.sources.assemble import assemble, locate
from bench.data.sources.decode import read_pictures
from bench.data.sources.labels import first_class, names_of_numbers
from bench.data.sources.split_names import ANYWHERE, by_split
from bench.data.sources.tar_cache import load_indexes
from bench.data.sources.tar_index import ShardIndex, member_name
from bench.data.sources.tar_paths import Shards, find_shards
from bench.errors import InputError

NAMES_FILES = ("classes.txt", "classnames.txt")
"""Names of files beside the shards with one class name per line; the first existing file is used."""


def open_webdataset(pattern: str) -> DataSet:
    """Return the data set in tar shards.

    Raises:
        InputError: there are no shards, a shard is refused, or their labels do not fit together.
    """
    place = f"webdataset:{pattern}"
    shards = find_shards(pattern)
    loaded = load_indexes(shards.files)
    names, first = _classes(shards, loaded, place)
    counted = [replace(index, labels=index.labels - np.int32(first)) for index in loaded]
    indexes = dict(zip(shards.files, counted, strict=True))
    numbers = {name: number for number, name in enumerate(names)}
    files = by_split(shards.files, shards.root, place, ANYWHERE)
    splits = {
        split: _split([(file, indexes[file]) for file in split_files], names, numbers)
        for split, split_files in files.items()
    }
    return assemble(splits, key="webdataset", place=place)


def fingerprint(pattern: str) -> str:
    """Return the SHA-256 of the shards' contents, their names relative to their folder, and the class names."""
    shards = find_shards(pattern)
    digest = hashlib.sha256()
    for file, index in zip(shards.files, load_indexes(shards.files), strict=True):
        digest.update(f"{file.relative_to(shards.root).as_posix()}\0{index.sha256}\n".encode())
    if names_file := _names_file(shards):
        digest.update(b"names\0" + names_file.read_bytes())
    return digest.hexdigest()


def watched_files(pattern: str) -> list[Path]:
    """Return the files that decide the content of the data set."""
    shards = find_shards(pattern)
    return [*shards.files, *filter(None, [_names_file(shards)])]


def _names_file(shards: Shards) -> Path | None:
    """Return the file of class names beside the shards, or in the folder above them all."""
    folders = (shards.files[0].parent, shards.root)
    return next((folder / name for folder in folders for name in NAMES_FILES if (folder / name).is_file()), None)


def _classes(shards: Shards, indexes: Sequence[ShardIndex], place: str) -> tuple[tuple[str, ...], int]:
    """Return the class names, and the label of the first class.

    The names are those of the file beside the shards, else the sorted folders, else numbers.
    """
    is_by_folder = [bool(index.folders) for index in indexes]
    if len({*is_by_folder}) > 1:
        other = shards.files[is_by_folder.index(not is_by_folder[0])]
        raise InputError(
            f"{other}: has another kind of labels than {shards.files[0]}; use numbers or folders in all shards"
        )
    named = _read_names(names_file) if (names_file := _names_file(shards)) else None
    if is_by_folder[0]:
        return named or tuple(sorted({folder for index in indexes for folder in index.folders})), 0
    labels = [index.labels for index in indexes]
    first = first_class(labels, len(named) if named else None)
    return named or names_of_numbers(labels, first, place), first


def _read_names(file: Path) -> tuple[str, ...]:
    """Return the class names in a file, one per line."""
    try:
        names = tuple(line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, UnicodeError) as error:
        raise InputError(f"{file}: not a readable text ({error}); write the name of a class on each line") from error
    has_duplicates = len(set(names)) < len(names)
    if has_duplicates or "" in names:
        problem = "a class is named twice" if has_duplicates else "a line is empty"
        raise InputError(f"{file}: {problem}; name each class once")
    return names


def _split(shards: Sequence[tuple[Path, ShardIndex]], names: tuple[str, ...], numbers: dict[str, int]) -> RawSplit:
    """Return the split of some shards, in the order of the shards."""
    labels = np.concatenate([_labels(shard, index, names, numbers) for shard, index in shards])
    passed_over = add_up(part for _, index in shards for part in index.passed_over)
    return RawSplit(labels, _reader(shards), names, passed_over)


def _labels(shard: Path, index: ShardIndex, names: tuple[str, ...], numbers: dict[str, int]) -> NDArray[np.int64]:
    """Return a shard's labels as indices of `names`; refuse labels without a name."""
    if unknown := [folder for folder in index.folders if folder not in numbers]:
        raise InputError(f"{shard}: folder {unknown[0]} is not in the file of class names; add a line for it")
    if index.folders:
        return np.array([numbers[folder] for folder in index.folders])[index.labels]
    wrong = np.flatnonzero(index.labels >= len(names))
    if len(wrong):
        raise InputError(
            f"{_named(shard, index, int(wrong[0]))}: label {index.labels[wrong[0]]} is out of range, as there are "
            f"{len(names)} classes, 0 to {len(names) - 1}; correct it, or name more classes beside the shards"
        )
    return index.labels.astype(np.int64)


def _reader(shards: Sequence[tuple[Path, ShardIndex]]) -> Reader:
    """Return a reader of the images of all shards, in the order of the shards."""
    starts = np.cumsum([0, *(len(index.labels) for _, index in shards)])[:-1]

    def read(indices: Indices, image_size: int) -> NDArray[np.uint8]:
        groups, rows = locate(starts, indices)

        def encoded(number: int) -> bytes:
            (shard, index), row = shards[groups[number]], rows[number]
            with shard.open("rb", buffering=0) as file:
                return os.pread(file.fileno(), int(index.sizes[row]), int(index.offsets[row]))

        def name(number: int) -> str:
            shard, index = shards[groups[number]]
            return _named(shard, index, int(rows[number]))

        return read_pictures(len(indices), encoded, image_size, name)

    return read


def _named(shard: Path, index: ShardIndex, row: int) -> str:
    """Return the name of an image for errors: its shard and member."""
    header = int(index.offsets[row]) - int(index.leads[row])
    return f"{shard}, member {member_name(shard, header)}"
