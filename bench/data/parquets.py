"""`parquet:PATH`: a file, or a folder of them, in the layout of the Hugging Face hub.

A file's name, or that of its folder, begins with the part that it is of: `train-00000-of-00002.parquet`,
`test/0000.parquet`. The validation files are the test split where no test is published; a part that is missing is
carved as from a folder, a fifth of each class to test and a tenth of the rest to validate, by place in the files.
"""

import hashlib
import re
from pathlib import Path

import numpy as np

from bench.data.hub import open_parts
from bench.data.inside import check_inside
from bench.data.parts import Carving, assemble
from bench.data.sets import DataSet, Part
from bench.errors import InputError

PARTS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
PART_NAME = re.compile(rf"({'|'.join(PARTS)})(?=$|[-_.\d])", re.IGNORECASE)


def open_parquet(path: Path) -> DataSet:
    """Return the data set in parquet files; whether mirrored images keep their class is not known: `flip` is off."""
    files = _files(path)
    check_inside(path if path.is_dir() else path.parent, files)
    parts = open_parts(_by_part(path, files))
    train, validation, test = (parts.get(part) for part in ("train", "validation", "test"))
    assert train is not None
    if test is None:
        validation, test = None, validation
    dataset = assemble(train, test, validation, carving=Carving("parquet"), place=f"parquet:{path}", flip=False)
    _check_every_class(path, train, 1 + (test is None) + (validation is None))
    return dataset


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of the files' names, relative to a folder, and bytes: what a key holds for the path."""
    digest = hashlib.sha256()
    for file in _files(path):
        name = file.relative_to(path).as_posix() if path.is_dir() else ""
        digest.update(f"{name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while block := stream.read(2**20):
                digest.update(block)
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    """Return the files, sorted by their path; refuse a place without any."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(
            f"parquet:{path}: there is no such file or folder; it needs .parquet files as the hub has them"
        )
    found = [file for file in path.rglob("*.parquet") if file.is_file()]
    files = [file for file in found if not any(name.startswith(".") for name in file.relative_to(path).parts)]
    if not files:
        raise InputError(f"parquet:{path}: no file in it ends with .parquet; put the hub's files there")
    return sorted(files)


def _by_part(path: Path, files: list[Path]) -> dict[str, list[Path]]:
    """Sort files by the part that their names tell; where none tells, all are train."""
    told = {file: _part_of(file, path) for file in files}
    if not any(told.values()) or path.is_file():
        return {"train": files}
    silent = [file for file, part in told.items() if part is None]
    if silent:
        raise InputError(f"{silent[0]}: its name begins with none of {', '.join(PARTS)}; rename it, or move it away")
    if "train" not in told.values():
        raise InputError(f"parquet:{path}: none of its files is of the part train; add train-*.parquet")
    return {part: [file for file in files if told[file] == part] for part in told.values() if part is not None}


def _part_of(file: Path, path: Path) -> str | None:
    """Return the part that a file's name, or else the nearest folder's below `path`, begins with."""
    inner = file.relative_to(path) if path.is_dir() else Path(file.name)
    for name in reversed(inner.parts):
        if match := PART_NAME.match(name):
            return PARTS[match[1].lower()]
    return None


def _check_every_class(path: Path, train: Part, needed: int) -> None:
    """Refuse a class with too few images to split."""
    counts = np.bincount(train.labels, minlength=len(train.class_names))
    if (smallest := int(counts.min())) < needed:
        raise InputError(
            f'parquet:{path}: class "{train.class_names[int(counts.argmin())]}" has {smallest} images in train; '
            f"it needs at least {needed}, one for each part that is carved; add images, or take the class out"
        )
