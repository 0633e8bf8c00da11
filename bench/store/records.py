"""Read a run's folder: its record, and the files beside it whose hashes the record holds.

Nothing here changes a file. A record is refused as damaged unless all of it can be read and it is of the run that its
folder is named after. A file is refused unless it is the one that was written with the record. Imports no torch.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import InputError

SCHEMA_VERSION = 1

Record = dict[str, Any]

FIELDS: dict[str, type] = {"schema_version": int, "key": str, "status": str, "reason": str, "run": dict, "data": dict}
"""The fields that every record has, whatever its status."""


class DamagedRun(InputError):
    """A run's record, or a file beside it, is not what was written, so the run has to be done again."""


def read_record(folder: Path) -> Record | None:
    """Return the record in a run's folder, or None if there is none.

    Raises:
        DamagedRun: the record is not whole, or not of this run.
        InputError: another version of this program wrote it.
    """
    path = folder / "record.json"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except (IsADirectoryError, NotADirectoryError):
        raise damaged(path, "no file") from None
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"no JSON: {error}" if content else "it is empty") from None
    return _checked(record, path)


def read_file(folder: Path, record: Record, name: str) -> bytes:
    """Return the content of a file beside a record.

    Raises:
        DamagedRun: the file is missing, or is not the one that was written with the record.
    """
    try:
        content = (folder / name).read_bytes()
    except FileNotFoundError:
        raise damaged(folder / name, "it is missing") from None
    _compare(folder / name, record, hashlib.sha256(content).hexdigest())
    return content


def check_file(folder: Path, record: Record, name: str) -> None:
    """Check a file beside a record, without holding it in memory.

    Raises:
        DamagedRun: the file is missing, or is not the one that was written with the record.
    """
    try:
        with (folder / name).open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise damaged(folder / name, "it is missing") from None
    _compare(folder / name, record, sha256)


def hashes_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return what a record holds of the files beside it: the SHA-256 of each, hexadecimal."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}


def damaged(path: Path, reason: str) -> DamagedRun:
    """Return the error that names a damaged file, its run and the remedy."""
    return DamagedRun(
        f"{path}: damaged ({reason}), so run {path.parent.name} counts as not done; `bench run` does it again"
    )


def _compare(path: Path, record: Record, sha256: str) -> None:
    """Refuse a file whose hash is not the record's."""
    if record.get("files", {}).get(path.name) != sha256:
        raise damaged(path, "its SHA-256 is not the one that record.json holds")


def _checked(record: Any, path: Path) -> Record:
    """Return a record if it has every field, is of its folder's run, and this version can read it."""
    if not isinstance(record, dict):
        raise damaged(path, f"a {type(record).__name__}, where a record has fields")
    for name, kind in FIELDS.items():
        if not isinstance(record.get(name), kind):
            raise damaged(path, f"field {name} is {'wrong' if name in record else 'missing'}")
    if record["schema_version"] != SCHEMA_VERSION:
        raise InputError(f"{path}: schema version {record['schema_version']}; this version reads {SCHEMA_VERSION}")
    if record["key"] != path.parent.name:
        raise damaged(path, f"it is of run {record['key']}")
    return record
