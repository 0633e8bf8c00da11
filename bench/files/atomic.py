"""Files and folders written whole or not at all, by any number of processes at once.

A file is written under a temporary name that says who writes it (`.tmp-NAME-PID@HOST`), flushed, and renamed into
place. So no reader ever finds half of it, even if the writer is killed. If writing fails, the temporary file is removed
and the earlier file stays as it was. `remove_leftovers` removes what killed processes left. Imports no torch.
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
NAME = re.compile(r"(?P<prefix>\.tmp-|\.old-)(?P<name>[^@]+)-(?P<process>\d+)@(?P<host>.*)")
"""A temporary name: the final name, and the process and the host that write it."""


class StoreError(InputError):
    """A file that cannot be written for lack of space or permission; what was there before is intact."""


@contextlib.contextmanager
def clear_errors(folder: Path) -> Iterator[None]:
    """Turn the system's error of a failed write into a StoreError that names the folder and the remedy."""
    try:
        yield
    except OSError as error:
        remedy = REMEDIES.get(error.errno or 0, OTHERWISE)
        raise StoreError(
            f"{folder}: cannot be written ({error.strerror or error}); {remedy}, and give the same command again: "
            "what is finished is kept"
        ) from None


def write_atomically(path: Path, content: bytes, *, flushed: bool = True) -> None:
    """Write a file whole, or leave what was there.

    Args:
        path: the file.
        content: all of it.
        flushed: whether the file has to survive a power failure; without it, writing takes a fraction of a millisecond.

    Raises:
        StoreError: the disk is full, or the folder cannot be written.
    """
    with clear_errors(path.parent), whole_file(path) as temporary:
        if flushed:
            write_flushed(temporary, content)
        else:
            temporary.write_bytes(content)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield the path to write a file at, which becomes `path` if the block ends without an error.

    Raises:
        OSError: the file cannot be renamed; what was there before is intact.
    """
    with _removed_on_error(path) as temporary:
        yield temporary
        temporary.replace(path)


def write_new(path: Path, content: bytes) -> bool:
    """Write a file whole, and return True, unless there is one already; of several processes, exactly one writes.

    Raises:
        StoreError: the disk is full, or the folder cannot be written.
    """
    with clear_errors(path.parent), _removed_on_error(path) as temporary:
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
    """Write a folder of files whole in place of an earlier one, or leave the earlier one.

    Raises:
        StoreError: the disk is full, or the folder cannot be written.
    """
    with clear_errors(folder.parent), _removed_on_error(folder) as temporary:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, content in files.items():
            write_flushed(temporary / name, content)
        _sync_folder(temporary)
        _replace_folder(temporary, folder)


def remove_folder(folder: Path) -> None:
    """Remove a folder at once, so that no process ever finds half of it."""
    gone = temporary_path(folder)
    with clear_errors(folder.parent), contextlib.suppress(FileNotFoundError):
        shutil.rmtree(gone, ignore_errors=True)
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what dead processes of this host left half written in a folder; leave everyone else's.

    A folder whose replacement was cut short is put back.
    """
    for path in [*folder.glob(f"{TEMPORARY}*"), *folder.glob(f"{REPLACED}*")]:
        written = NAME.fullmatch(path.name)
        if written is None or written["host"] != platform.node() or _is_alive(int(written["process"])):
            continue
        final = folder / written["name"]
        if written["prefix"] == REPLACED and not final.exists():
            with contextlib.suppress(OSError):  # another process did it
                path.rename(final)
        else:
            _remove(path)


def temporary_path(path: Path, prefix: str = TEMPORARY) -> Path:
    """Return where this process writes what becomes `path`."""
    return path.with_name(f"{prefix}{path.name}-{os.getpid()}@{platform.node()}")


def write_flushed(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _replace_folder(temporary: Path, final: Path) -> None:
    """Rename a folder into place; an earlier one is moved aside first, since folders can't be overwritten."""
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
    """Rename a folder and return True, unless another stands there."""
    try:
        temporary.rename(final)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


@contextlib.contextmanager
def _removed_on_error(path: Path) -> Iterator[Path]:
    """Yield the temporary path for `path`; remove what was written there if the block fails."""
    temporary = temporary_path(path)
    try:
        yield temporary
    except BaseException:
        _remove(temporary)
        raise


def _remove(path: Path) -> None:
    """Remove a file or a folder, as far as that is possible."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _is_alive(process: int) -> bool:
    """Return whether a process runs; a killed one that its parent has not waited for does not."""
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
