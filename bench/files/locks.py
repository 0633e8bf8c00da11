"""One lock per run in progress, so that any number of processes do each run once.

The process that does a run holds a POSIX record lock on the file `lock` in the run's folder under `running/`. The
kernel releases the lock when that process ends for any reason, so no clean-up and no timeout is needed. Processes that
are forked from the holder, such as decoding workers, do not hold the lock. The file's content only shows who holds it.

There are two rules for holders. First, after you get the lock, check again whether the run is finished, since the last
holder may have finished it just before. Second, never open the lock file: POSIX releases a process' locks on a file
when the process closes any handle on it. For this reason `holder` and `acquire` remember the locks of their process.

NFS manages these locks on its server for all hosts. Version 4 releases a dead host's locks after about 90 seconds, and
version 3 when that host is up again. With the mount options `nolock` or `local_lock=posix` of NFS, or `localflock` of
Lustre, locks only work within one host. Two hosts may then do the same run, which costs time but damages no record;
use another `--results` on each host. A file system without locks is refused.
"""

import contextlib
import datetime
import errno
import fcntl
import json
import os
import platform
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from bench.errors import InputError
from bench.files.atomic import clear_errors, remove_folder

NAME = "lock"
FLOCK, FIELDS = "hhqqi", ("l_type", "l_whence", "l_start", "l_len", "l_pid")
"""The layout of Linux's `struct flock`."""
PATIENCE_SECONDS = 60.0
"""Longest wait of `taking_turns` in seconds."""

_held: dict[tuple[int, int], "Holder"] = {}
"""(device, inode) of a lock file that this process holds -> holder; a forked process inherits entries of its parent."""


@dataclass(frozen=True)
class Holder:
    """The process that does a run."""

    pid: int
    host: str = "unknown"
    since: str = ""
    """Time of locking, ISO 8601 in UTC."""


@dataclass(frozen=True)
class RunLock:
    """A lock of this process; the end of a `with` block releases it as interrupted, unless it is already released."""

    folder: Path
    """Folder of the run under `running/`."""
    handle: int
    file: tuple[int, int]
    """Device and inode of the lock file."""

    def release(self, *, finished: bool) -> None:
        """Release the lock; do nothing if it is already released, or in a process that is forked from the holder.

        Args:
            finished: whether to remove the run's folder; otherwise it stays, so that the run can be resumed.
        """
        if not _is_held_here(self.file):
            return
        try:
            if finished or [path.name for path in self.folder.glob("*")] == [NAME]:
                remove_folder(self.folder)
        finally:
            del _held[self.file]
            os.close(self.handle)

    def __enter__(self) -> "RunLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release(finished=False)


def acquire(folder: Path) -> RunLock | None:
    """Take the lock of a run after making the run's folder; return None if a process holds it.

    Raises:
        StoreError: the folder cannot be written.
        InputError: the file system has no locks.
    """
    while not _is_held_here(_file_at(folder)):
        with clear_errors(folder):
            handle = _open(folder)
        is_locked = _try_lock(handle, folder)
        if is_locked and _file_of(os.fstat(handle)) == _file_at(folder):
            return _hold(folder, handle)
        os.close(handle)
        if not is_locked:
            return None
    return None


@contextlib.contextmanager
def taking_turns(path: Path) -> Iterator[None]:
    """Wait until no other process works on a file, and hold its lock, which is in a hidden folder next to the file.

    Raises:
        StoreError: the folder cannot be written.
        InputError: another process holds the lock for too long, or the file system has no locks.
    """
    folder, start = path.with_name(f".{path.stem}"), time.monotonic()
    while (lock := acquire(folder)) is None:
        if time.monotonic() - start > PATIENCE_SECONDS:
            raise InputError(f"{path}: {holder(folder)} keeps it from being written; end that process, or wait for it")
        time.sleep(0.05)
    try:
        yield
    finally:
        lock.release(finished=True)


def holder(folder: Path) -> Holder | None:
    """Return the process that does a run, or None, without taking the lock."""
    file = _file_at(folder)
    if file is not None and _is_held_here(file):
        return _held[file]
    try:
        with (folder / NAME).open("rb") as lock:
            pid = _pid_of_locker(lock.fileno())
            content = lock.read()
    except FileNotFoundError:
        return None
    if pid is None:
        return None
    try:
        return Holder(**json.loads(content))
    except (ValueError, TypeError):  # the holder has not yet written the file
        return Holder(pid)


def _open(folder: Path) -> int:
    """Return the opened lock file, after making its folder; the last holder may remove the folder at any moment."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
        with contextlib.suppress(FileNotFoundError):
            return os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o666)


def _try_lock(handle: int, folder: Path) -> bool:
    """Lock an open file; return False if another process has locked it."""
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        os.close(handle)
        raise InputError(
            f"{folder}: files cannot be locked on this file system ({error.strerror}), so two processes might do the "
            "same run; name a folder on a local disk with --results DIR"
        ) from None
    return True


def _hold(folder: Path, handle: int) -> RunLock:
    """Return a new lock after writing its holder into the file, which may fail if the disk is full."""
    since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    lock = RunLock(folder, handle, _file_of(os.fstat(handle)))
    _held[lock.file] = Holder(os.getpid(), platform.node(), since)
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(vars(_held[lock.file])).encode(), 0)
    return lock


def _is_held_here(file: tuple[int, int] | None) -> bool:
    """Return whether this process, not its parent, holds a lock file."""
    entry = _held.get(file) if file else None
    return entry is not None and entry.pid == os.getpid()


def _file_at(folder: Path) -> tuple[int, int] | None:
    """Return the device and inode of the present lock file in a folder."""
    try:
        return _file_of((folder / NAME).stat())
    except OSError:
        return None


def _file_of(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _pid_of_locker(handle: int) -> int | None:
    """Return the process that has locked an open file, or None."""
    kinds = {"l_type": fcntl.F_WRLCK, "l_whence": os.SEEK_SET}
    question = struct.pack(FLOCK, *(kinds.get(name, 0) for name in FIELDS))
    answer = dict(zip(FIELDS, struct.unpack(FLOCK, fcntl.fcntl(handle, fcntl.F_GETLK, question)), strict=True))
    return None if answer["l_type"] == fcntl.F_UNLCK else answer["l_pid"]
