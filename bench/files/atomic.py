"""Write files and folders atomically, from any number of processes at once.

A file is written under a temporary name with its process and host (`.tmp-NAME-PID@HOST`), flushed, and renamed. So no
reader sees a partial file, even if the writer is killed. If writing fails, the temporary file is removed and the
earlier file does not change. `remove_leftovers` removes the files of killed processes. Imports no torch.
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
    errno.EIO: "the disk reports an error: check the disk, or name another folder with --results DIR",
}
OTHERWISE = "make the folder writable, or name another one with --results DIR"
TEMPORARY, REPLACED = ".tmp-", ".old-"
NAME = re.compile(r"(?P<prefix>\.tmp-|\.old-)(?P<name>[^@]+)-(?P<process>\d+)@(?P<host>.*)")
"""Pattern of a temporary name: the final name, and the process and host of the writer."""


class StoreError(InputError):
    """A file cannot be written, for example for lack of space or permission; the earlier file is intact."""


@contextlib.contextmanager
def clear_errors(folder: Path, option: str = "--results") -> Iterator[None]:
    """Turn an OSError of the block into a StoreError that names the folder and the remedy.

    Args:
        folder: where something is written.
        option: the option of the command line that names another folder.
    """
    try:
        yield
    except OSError as error:
        remedy = REMEDIES.get(error.errno or 0, OTHERWISE).replace("--results", option)
        raise StoreError(
            f"{folder}: cannot be written ({error.strerror or error}); {remedy}, and give the same command again: "
            "what is finished is kept"
        ) from None


def write_atomically(path: Path, content: bytes, *, flushed: bool = True) -> None:
    """Write a complete file, or leave the earlier file as it was.

    Args:
        path: the file.
        content: the whole content.
        flushed: whether the file must survive a power failure; otherwise writing takes a fraction of a millisecond.

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
    """Yield a temporary path; its file is renamed to `path` if the block ends without an error.

    Raises:
        OSError: the file cannot be renamed; the earlier file is intact.
    """
    with _removed_on_error(path) as temporary:
        yield temporary
        temporary.replace(path)


def write_new(path: Path, content: bytes) -> bool:
    """Write a complete file and return True, or return False if it exists; of several processes, exactly one writes.

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
    """Replace a folder by a complete folder of files, or leave the earlier folder as it was.

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
    """Remove a folder atomically, so that no process sees a partial folder."""
    gone = temporary_path(folder)
    with clear_errors(folder.parent), contextlib.suppress(FileNotFoundError):
        shutil.rmtree(gone, ignore_errors=True)
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files and folders of dead processes of this host, and leave those of others.

    An earlier folder is restored if its replacement was interrupted.
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
    """Return the temporary path at which this process writes `path`."""
    return path.with_name(f"{prefix}{path.name}-{os.getpid()}@{platform.node()}")


def write_flushed(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _replace_folder(temporary: Path, final: Path) -> None:
    """Rename a folder to its final name; an earlier folder is moved away first, since folders can't be overwritten."""
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
    """Rename a folder; return False if the final name exists."""
    try:
        temporary.rename(final)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


@contextlib.contextmanager
def _removed_on_error(path: Path) -> Iterator[Path]:
    """Yield the temporary path for `path`; remove it if the block fails."""
    temporary = temporary_path(path)
    try:
        yield temporary
    except BaseException:
        _remove(temporary)
        raise


def _remove(path: Path) -> None:
    """Remove a file or a folder, ignoring errors."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _is_alive(process: int) -> bool:
    """Return whether a process is running; a zombie, which its parent has not waited for, is not."""
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
