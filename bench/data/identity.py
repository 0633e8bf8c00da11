"""What identifies a data set in a run's key: a name and a version, or the content of a source, but never a path."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from bench.data.catalogue import CATALOGUE
from bench.data.source_kinds import SOURCES
from bench.errors import InputError


def identity(name: str, path: str | None, data_dir: Path) -> dict[str, object]:
    """Return the part of a run's key for a data set: never a path, but the hash of a source's content, or None."""
    if path is not None:
        is_there = source_exists(name, path, data_dir)
        with readable():
            content = _fingerprint(name, path, data_dir, state_of(name, path, data_dir)) if is_there else None
        return {"name": name, "version": 1, "fingerprint": content}
    entry = CATALOGUE[name]
    facts: dict[str, object] = {"name": name, "version": entry.version}
    if entry.formula is not None and entry.difficulty is not None:
        facts |= {"corpus_version": entry.formula.version, "difficulty": entry.difficulty.model_dump()}
    return facts if entry.augmentable else facts | {"augmentable": False}


def source_exists(name: str, path: str, data_dir: Path) -> bool:
    """Return whether the files of a source exist.

    Raises:
        InputError: the path is too long, or a folder on it may not be read.
    """
    with readable():
        return SOURCES[name].is_there(path, data_dir)


@contextmanager
def readable() -> Iterator[None]:
    """Turn the system's refusal to read a file or folder into wrong input."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}); replace or remove it") from error


@lru_cache(maxsize=16)
def _fingerprint(name: str, path: str, data_dir: Path, state: str) -> str:
    """Return the hash of a source's content, computed once per `state`."""
    with readable():
        return SOURCES[name].fingerprint(path, data_dir)


def state_of(name: str, path: str, data_dir: Path) -> str:
    """Return a hash of the names, sizes and times of a source's files and folders, and of what links lead to."""
    states = [(file, state) for file in SOURCES[name].watched(path, data_dir) for state in _states(file)]
    listed = sorted((str(file), state.st_size, state.st_mtime_ns, state.st_ino) for file, state in states)
    return hashlib.sha256(repr(listed).encode(errors="surrogateescape")).hexdigest()


def _states(file: Path) -> list[os.stat_result]:
    """Return the state of a file or folder, and if it is a link also of what it leads to, if that is there."""
    state = file.lstat()
    return [state, file.stat()] if stat.S_ISLNK(state.st_mode) and file.exists() else [state]
