"""`webdataset:PATTERN`: tar shards of images, as WebDataset packs them; ImageNet-21k fits so.

PATTERN is a path with ranges in braces, `shards/train-{000000..000012}.tar`, a glob, a file or a folder. A word of a
shard's name, or else of its folder's, tells the part that it is of; parts that are missing are carved as from parquet.
How images get their labels is said in `shards`.

Only offsets and labels are kept in memory, 32 bytes an image; an image is read when it is asked for.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import DataSet, Part, Reader
from bench.data.sources.assemble import Carving, assemble_named
from bench.data.sources.decode import read_pictures
from bench.data.sources.split_names import ANYWHERE, by_part
from bench.data.sources.tar_cache import load_indexes
from bench.data.sources.tar_index import ShardIndex, member_name
from bench.data.sources.tar_paths import Shards, find_shards
from bench.errors import InputError

NAMES_FILES = ("classes.txt", "classnames.txt")
"""A line for each class, beside the shards; the first that is there counts."""


def open_webdataset(pattern: str) -> DataSet:
    """Return the data set in tar shards; whether mirrored images keep their class is not known: `flip` is off."""
    place = f"webdataset:{pattern}"
    found = find_shards(pattern)
    indexes = dict(zip(found.files, load_indexes(found.files), strict=True))
    names = _class_names(found, list(indexes.values()), place)
    numbers = {name: number for number, name in enumerate(names)}
    files = by_part(found.files, found.root, place, ANYWHERE)
    parts = {
        part: _part([(shard, indexes[shard]) for shard in shards], names, numbers) for part, shards in files.items()
    }
    return assemble_named(parts, carving=Carving("webdataset"), place=place)


def fingerprint(pattern: str) -> str:
    """Return the SHA-256 of the shards' names, relative to their folder, contents and class names."""
    found = find_shards(pattern)
    digest = hashlib.sha256()
    for shard, index in zip(found.files, load_indexes(found.files), strict=True):
        digest.update(f"{shard.relative_to(found.root).as_posix()}\0{index.sha256}\n".encode())
    if file := _names_file(found):
        digest.update(b"names\0" + file.read_bytes())
    return digest.hexdigest()


def watched_files(pattern: str) -> list[Path]:
    """Return the files that decide what is read."""
    found = find_shards(pattern)
    return [*found.files, *filter(None, [_names_file(found)])]


def _names_file(found: Shards) -> Path | None:
    """Return the file of class names beside the shards, or in the folder above them all."""
    folders = (found.files[0].parent, found.root)
    return next((folder / name for folder in folders for name in NAMES_FILES if (folder / name).is_file()), None)


def _class_names(found: Shards, indexes: Sequence[ShardIndex], place: str) -> tuple[str, ...]:
    """Return the names in the file beside the shards, or the folders, sorted, or numbers."""
    if len({bool(index.folders) for index in indexes}) > 1:
        kinds = [bool(index.folders) for index in indexes]
        other = found.files[kinds.index(not kinds[0])]
        raise InputError(f"{other}: has other labels than {found.files[0]}: numbers or folders; pack all in one way")
    if file := _names_file(found):
        return _read_names(file)
    if indexes[0].folders:
        return tuple(sorted({folder for index in indexes for folder in index.folders}))
    highest = max(int(index.labels.max()) for index in indexes)
    num_images = sum(len(index.labels) for index in indexes)
    if highest >= num_images:
        raise InputError(
            f"{place}: label {highest} of {num_images:,} images is out of range; number the classes from 0"
        )
    return tuple(str(label) for label in range(highest + 1))


def _read_names(file: Path) -> tuple[str, ...]:
    """Read a name from each line."""
    try:
        names = tuple(line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeError) as error:
        raise InputError(f"{file}: not a readable text ({error}); write the name of a class on each line") from error
    twice = len(set(names)) < len(names)
    if twice or "" in names:
        raise InputError(f"{file}: {'a class is named twice' if twice else 'a line is empty'}; name each class once")
    return names


def _part(shards: Sequence[tuple[Path, ShardIndex]], names: tuple[str, ...], numbers: dict[str, int]) -> Part:
    """Return the images of some shards, one shard after the other."""
    labels = np.concatenate([_labels(shard, index, names, numbers) for shard, index in shards])
    return Part(labels, _reader(shards), names)


def _labels(shard: Path, index: ShardIndex, names: tuple[str, ...], numbers: dict[str, int]) -> NDArray[np.int64]:
    """Return a shard's labels as numbers of `names`; refuse those that have none."""
    if unknown := [folder for folder in index.folders if folder not in numbers]:
        raise InputError(f"{shard}: folder {unknown[0]} is no class of the file of names beside it; add a line for it")
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
    """Return a reader of the shards' images, numbered one shard after the other."""
    starts = np.cumsum([0, *(len(index.labels) for _, index in shards)])[:-1]

    def read(indices: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        places = np.searchsorted(starts, indices, side="right") - 1
        encoded = _Encoded(shards, places, indices - starts[places])
        return read_pictures(encoded, image_size, encoded.name)

    return read


class _Encoded(Sequence[bytes]):
    """Encoded images, each read as it is asked for, in the thread that decodes it: few are in memory at once."""

    def __init__(
        self, shards: Sequence[tuple[Path, ShardIndex]], places: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> None:
        """Take shards, and for each image which of them it is in, and where in the shard's order."""
        self._shards, self._places, self._rows = shards, places, rows

    def __len__(self) -> int:
        """Count the images."""
        return len(self._rows)

    @overload
    def __getitem__(self, number: int) -> bytes: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[bytes]: ...

    def __getitem__(self, number: int | slice) -> bytes | Sequence[bytes]:
        """Read an image's bytes where they lie."""
        if isinstance(number, slice):
            return _Encoded(self._shards, self._places[number], self._rows[number])
        (shard, index), row = self._shards[self._places[number]], self._rows[number]
        with shard.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), int(index.sizes[row]), int(index.offsets[row]))

    def name(self, number: int) -> str:
        """Name an image."""
        shard, index = self._shards[self._places[number]]
        return _named(shard, index, int(self._rows[number]))


def _named(shard: Path, index: ShardIndex, row: int) -> str:
    """Return what names an image: its shard and member."""
    header = int(index.offsets[row]) - int(index.leads[row])
    return f"{shard}, member {member_name(shard, header)}"
