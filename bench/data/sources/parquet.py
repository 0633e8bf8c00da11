"""`parquet:PATH`: a file, or a folder of them, in the layout of the Hugging Face hub.

A file's name, or that of its folder, begins with the part that it is of: `train-00000-of-00002.parquet`,
`test/0000.parquet`. The validation files are the test split where no test is published; a part that is missing is
carved as from a folder, a fifth of each class to test and a tenth of the rest to validate, by place in the files.
"""

import hashlib
from pathlib import Path

from bench.data.dataset import DataSet
from bench.data.sources.assemble import Carving, assemble_named
from bench.data.sources.containment import check_inside
from bench.data.sources.hub_parquet import open_parts
from bench.data.sources.split_names import by_part
from bench.errors import InputError


def open_parquet(path: Path, place: str | None = None) -> DataSet:
    """Return the data set in parquet files; whether mirrored images keep their class is not known: `flip` is off.

    Errors about all of it name the `place`, which is the path where none is given.
    """
    place = place or f"parquet:{path}"
    files = _files(path)
    check_inside(path if path.is_dir() else path.parent, files)
    named = by_part(files, path, place) if path.is_dir() else {"train": files}
    return assemble_named(open_parts(named), carving=Carving("parquet"), place=place)


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
