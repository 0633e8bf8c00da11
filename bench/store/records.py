"""Read a run's folder: the record, and the files whose hashes the record contains.

This module changes no file. A record is refused as damaged unless it is complete and its key is the name of its folder.
A file is refused unless its hash is the one in the record. Imports no torch.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import InputError
from bench.files.plain import open_plain, read_json, read_plain
from bench.store.record_shape import wrong_field

SCHEMA_VERSION = 1
KEY = re.compile("[0-9a-f]{16}")
KEYS = "[0-9a-f]" * 16
"""A glob pattern of all keys."""

PARTS = ("metrics", "cost", "environment", "files")
"""Fields that commands read, and that a record may lack."""

Record = dict[str, Any]


class DamagedRun(InputError):
    """A run's record, or a file in its folder, is damaged, so the run has to be repeated."""


def read_record(folder: Path) -> Record | None:
    """Return the record in a run's folder, or None if there is none.

    Raises:
        DamagedRun: the record is incomplete, or belongs to another run.
        InputError: another version of this program wrote it.
    """
    path = folder / "record.json"
    try:
        record = read_json(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise damaged(path, f"it cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise damaged(path, f"no JSON: {error}" if path.stat().st_size else "it is empty") from None
    return _checked(record, path)


def read_file(folder: Path, record: Record, name: str) -> bytes:
    """Return the content of a file in a run's folder.

    Raises:
        DamagedRun: the file is missing, or its hash differs from the record.
    """
    try:
        content = read_plain(folder / name)
    except FileNotFoundError:
        raise damaged(folder / name, "it is missing") from None
    except OSError as error:
        raise damaged(folder / name, f"it cannot be read: {error.strerror}") from None
    _compare(folder / name, record, hashlib.sha256(content).hexdigest())
    return content


def check_file(folder: Path, record: Record, name: str) -> None:
    """Check a file in a run's folder without loading it into memory.

    Raises:
        DamagedRun: the file is missing, or its hash differs from the record.
    """
    try:
        with open_plain(folder / name) as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise damaged(folder / name, "it is missing") from None
    except OSError as error:
        raise damaged(folder / name, f"it cannot be read: {error.strerror}") from None
    _compare(folder / name, record, sha256)


def check_key(key: str) -> str:
    """Return a run's key, before it becomes part of a path.

    Raises:
        InputError: it has not the form of a key.
    """
    if not KEY.fullmatch(key):
        raise InputError(f"{key!r} is no key of a run: a key has 16 hexadecimal digits, such as 3f2a9c0d1e4b5a67")
    return key


def hashes_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the SHA-256 of each file by name, hexadecimal, as a record contains it."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}


def damaged(path: Path, reason: str) -> DamagedRun:
    """Return the error that names a damaged file, its run and the remedy."""
    return DamagedRun(
        f"{path}: damaged ({reason}), so run {path.parent.name} counts as not done; `bench run` does it again"
    )


def _compare(path: Path, record: Record, sha256: str) -> None:
    """Refuse a file whose hash differs from the record."""
    if record.get("files", {}).get(path.name) != sha256:
        raise damaged(path, "its SHA-256 differs from record.json")


def _checked(record: Any, path: Path) -> Record:
    """Return a record that has this schema version and the shape of a record, and belongs to its folder's run."""
    if not isinstance(record, dict):
        raise damaged(path, f"it contains a {type(record).__name__} instead of a record's fields")
    if isinstance(version := record.get("schema_version"), int) and version != SCHEMA_VERSION:
        raise InputError(f"{path}: schema version {version}; this version reads {SCHEMA_VERSION}")
    if wrong := wrong_field(record):
        raise damaged(path, wrong)
    if record["key"] != path.parent.name:
        raise damaged(path, f"it belongs to run {record['key']}")
    return {name: {} for name in PARTS} | record
