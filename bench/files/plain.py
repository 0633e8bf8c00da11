"""Files and folders that are nothing else: what a store holds is never followed through links, and never a device.

A store may come from somebody else. A link in it could make a command read, write or remove what lies outside, and a
named pipe would make it wait for ever. Imports no torch.
"""

import errno
import json
import os
import stat
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path
from typing import Any

from bench.errors import InputError

MAX_JSON_BYTES = 2**26
"""Of a record, a suite or another file of JSON in a store."""


def open_plain(path: Path) -> BufferedReader:
    """Open a file to read its bytes.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read, or is a link, a folder, a named pipe or a device.
    """
    # Without O_NONBLOCK, opening a named pipe waits until somebody writes to it.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return open(handle, "rb")


def read_plain(path: Path) -> bytes:
    """Return the content of a file; raises as `open_plain` does."""
    with open_plain(path) as file:
        return file.read()


def read_json(path: Path) -> Any:
    """Return the value in a file of JSON.

    Raises:
        ValueError: it is no JSON, or larger than any such file of a store.
        OSError: as `open_plain` does.
    """
    with open_plain(path) as file:
        content = file.read(MAX_JSON_BYTES + 1)
    if len(content) > MAX_JSON_BYTES:
        raise ValueError(f"it has more than {MAX_JSON_BYTES:,} bytes")
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _refuse_constant(constant: str) -> None:
    """Refuse NaN and infinities, which JSON does not have."""
    raise ValueError(f"{constant} is no number")


def check_plain(folders: Iterable[Path]) -> None:
    """See that folders, if they are there, hold nothing but regular files and folders.

    Raises:
        InputError: names a link, a named pipe or a device, and the remedy.
    """
    for folder in folders:
        if folder.is_symlink():
            raise _not_plain(folder)
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                if not (entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)):
                    raise _not_plain(Path(entry.path))


def _not_plain(path: Path) -> InputError:
    kind = "a link" if path.is_symlink() else "neither a file nor a folder"
    return InputError(
        f"{path}: {kind}; nothing in a store is followed through links, since it may lead outside the store. Put the "
        "folder itself here, or link the whole folder of results"
    )
