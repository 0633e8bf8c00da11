"""A run's folder as it is read: the record, whole or refused as damaged, and the weights that it vouches for.

Nothing here changes a file. A record is taken only if all of it can be read and it is of the run that its folder is
named for; a file beside it only if it is the one that was written with it. Imports no torch.
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
"""What every record has, of whatever status."""


class DamagedRun(InputError):
    """A run's record, or a file beside it, is not what was written; the run has to be done again."""


def read_record(folder: Path) -> Record | None:
    """The record in a run's folder, or None where there is none.

    Raises:
        DamagedRun: it is not whole, or not of this run.
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
    """A file beside a record, which is the one that was written with it.

    Raises:
        DamagedRun: it is missing, cut short or altered.
    """
    try:
        content = (folder / name).read_bytes()
    except FileNotFoundError:
        raise damaged(folder / name, "it is missing") from None
    _compare(folder / name, record, hashlib.sha256(content).hexdigest())
    return content


def check_file(folder: Path, record: Record, name: str) -> None:
    """Check what `read_file` reads, without holding it in memory."""
    try:
        with (folder / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise damaged(folder / name, "it is missing") from None
    _compare(folder / name, record, found)


def hashes_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """What a record holds of the files beside it: the SHA-256 of each, hexadecimal."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}


def damaged(path: Path, what: str) -> DamagedRun:
    """The error that names a damaged file, its run and the remedy."""
    return DamagedRun(
        f"{path}: damaged ({what}), so run {path.parent.name} counts as not done; `bench run` does it again"
    )


def _compare(path: Path, record: Record, found: str) -> None:
    """Refuse a file that is not the one of its record; a record from before there were `files` vouches for none."""
    if record.get("files", {}).get(path.name, found) != found:
        raise damaged(path, "its SHA-256 is not the one that record.json holds")


def _checked(record: Any, path: Path) -> Record:
    """A record that has every field, is of its folder's run, and that this version can read."""
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
