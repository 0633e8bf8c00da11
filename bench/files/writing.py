"""Files and folders written whole or not at all, by any number of processes at once.

What is being written has a temporary name, which says who writes it (`.tmp-NAME-PID@HOST`), and is flushed before it
is renamed into place: a reader, or a process killed at any moment, never meets half of it. Where writing fails, the
temporary file is removed, and what stood there before is as it was. What killed processes left under temporary names
is swept up by `remove_leftovers`. Imports no torch.
"""

import contextlib
import errno
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.errors import InputError

REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EFBIG: "the file is larger than is allowed here: raise the limit (`ulimit -f`)",
    errno.EROFS: "the file system is read-only: make it writable, or name another folder with --results DIR",
    errno.EIO: "the disk reports an error: see whether it is sound, or name another folder with --results DIR",
}
OTHERWISE = "make the folder writable, or name another one with --results DIR"
TEMPORARY, REPLACED = ".tmp-", ".old-"
NAME = re.compile(r"(?P<prefix>\.tmp-|\.old-)(?P<name>[^@]+)-(?P<process>\d+)(?:@(?P<host>.*))?")
"""A temporary name; those written by earlier versions name no host."""


class StoreError(InputError):
    """A file that cannot be written, for want of space or of permission; what was there before is intact."""


@contextlib.contextmanager
def clear_errors(folder: Path) -> Iterator[None]:
    """Turn what the system says of a failed write into a StoreError that names the folder and the remedy."""
    try:
        yield
    except OSError as error:
        remedy = REMEDIES.get(error.errno or 0, OTHERWISE)
        raise StoreError(
            f"{folder}: cannot be written ({error.strerror or error}); {remedy}, and give the same command again: "
            "what is finished is kept"
        ) from None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole, or leave what was there.

    Raises:
        StoreError: the disk is full, or the folder cannot be written.
    """
    with _written_beside(path) as temporary:
        write_flushed(temporary, content)
        temporary.replace(path)


def write_new(path: Path, content: bytes) -> bool:
    """Write a file whole, unless there is one: of several processes that do so at once, one writes, and is told so.

    Raises:
        StoreError: the disk is full, or the folder cannot be written.
    """
    with _written_beside(path) as temporary:
        write_flushed(temporary, content)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return True


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files whole, in place of one that stood there, or leave that.

    Raises:
        StoreError: the disk is full, or the folder cannot be written.
    """
    with _written_beside(folder) as temporary:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, content in files.items():
            write_flushed(temporary / name, content)
        _sync_folder(temporary)
        _replace_folder(temporary, folder)


def remove_folder(folder: Path) -> None:
    """Remove a folder at one stroke: none that comes later finds half of it."""
    gone = temporary_path(folder)
    with clear_errors(folder.parent), contextlib.suppress(FileNotFoundError):
        shutil.rmtree(gone, ignore_errors=True)
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what processes of this host left half written in a folder when they died; anyone else's stays.

    A folder that a process died while replacing is put back.
    """
    for path in [*folder.glob(f"{TEMPORARY}*"), *folder.glob(f"{REPLACED}*")]:
        written = NAME.fullmatch(path.name)
        if written is None or written["host"] not in (None, platform.node()) or _is_alive(int(written["process"])):
            continue
        final = folder / written["name"]
        if written["prefix"] == REPLACED and not final.exists():
            with contextlib.suppress(OSError):  # another process did it
                path.rename(final)
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def temporary_path(path: Path, prefix: str = TEMPORARY) -> Path:
    """Where this process writes what shall become `path`."""
    return path.with_name(f"{prefix}{path.name}-{os.getpid()}@{platform.node()}")


def write_flushed(path: Path, content: bytes) -> None:
    """Write a file and see that it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _replace_folder(temporary: Path, final: Path) -> None:
    """Rename a folder into place; one that stands there is moved aside first, since folders can't be overwritten."""
    old = temporary_path(final, REPLACED)
    try:
        while not _renamed(temporary, final):
            shutil.rmtree(old, ignore_errors=True)
            with contextlib.suppress(FileNotFoundError):  # another process moved it
                final.rename(old)
    except BaseException:
        if old.exists() and not final.exists():
            old.rename(final)
        raise
    shutil.rmtree(old, ignore_errors=True)
    _sync_folder(final.parent)


def _renamed(temporary: Path, final: Path) -> bool:
    """Whether a folder could be renamed, no other standing there."""
    try:
        temporary.rename(final)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


@contextlib.contextmanager
def _written_beside(path: Path) -> Iterator[Path]:
    """Where to write what shall become `path`; removed where that fails, and the failure is a StoreError."""
    temporary = temporary_path(path)
    with clear_errors(path.parent):
        try:
            yield temporary
        except BaseException:
            if temporary.is_dir():
                shutil.rmtree(temporary, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)
            raise


def _is_alive(process: int) -> bool:
    """Whether a process runs; one that was killed, and that nobody has asked after yet, does not."""
    import psutil

    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
