"""One lock per run that is under way, so that each run is done once by any number of processes.

The process that does a run holds a POSIX record lock on the file `lock` in the run's folder under `running/`. The
kernel drops the lock when that process ends, however it ends, so nothing has to be cleaned up or waited for. Processes
that are forked from the holder, such as those that decode images, do not hold it. The file's content only tells people
who holds it.

There are two rules for holders. Check again whether the run is finished after you get the lock, since its last holder
may have finished it just before. Never open the lock file: POSIX drops a process' locks on a file when any handle of
that process on the file is closed. So `holder` and `acquire` remember what their own process holds.

On network file systems, NFS keeps these locks on its server for all hosts. Version 4 frees a dead host's locks after
some 90 seconds, and version 3 once that host is up again. If NFS is mounted with `nolock` or `local_lock=posix`, or
Lustre with `localflock`, locks hold within each host only. Two hosts may then do the same run, which costs time but
damages no record; give each host another `--results`. A file system without locks is refused.
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
"""For which `taking_turns` waits."""

_held: dict[tuple[int, int], "Holder"] = {}
"""Lock files that this process holds, by device and inode; in a forked process, the pids are not its own."""


@dataclass(frozen=True)
class Holder:
    """The process that does a run."""

    pid: int
    host: str = "unknown"
    since: str = ""
    """ISO 8601, UTC."""


@dataclass(frozen=True)
class RunLock:
    """A lock that this process holds; as a context manager it is released as interrupted, unless it was before."""

    folder: Path
    """The run's folder under `running/`."""
    handle: int
    file: tuple[int, int]
    """Device and inode of the lock file."""

    def release(self, *, finished: bool) -> None:
        """Release the lock; does nothing a second time, or in a process that is forked from the holder.

        Args:
            finished: whether to remove the run's folder, or to keep what the run may be resumed from.
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
    """Let one process at a time work on a file, by the lock of a hidden folder beside it; wait for any other process.

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
    """Return the process that does a run, or None; the lock is looked at, not taken."""
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
    except (ValueError, TypeError):  # locked this very moment, and not yet written
        return Holder(pid)


def _open(folder: Path) -> int:
    """Open the lock file after making its folder, which its last holder may remove at any moment."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
        with contextlib.suppress(FileNotFoundError):
            return os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o666)


def _try_lock(handle: int, folder: Path) -> bool:
    """Lock an open file and return True, unless another process has locked it."""
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
    """Remember a lock that was taken, and write its holder into the file if the disk has room."""
    since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    lock = RunLock(folder, handle, _file_of(os.fstat(handle)))
    _held[lock.file] = Holder(os.getpid(), platform.node(), since)
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(vars(_held[lock.file])).encode(), 0)
    return lock


def _is_held_here(file: tuple[int, int] | None) -> bool:
    """Return whether this process itself holds a lock file."""
    held = _held.get(file) if file else None
    return held is not None and held.pid == os.getpid()


def _file_at(folder: Path) -> tuple[int, int] | None:
    """Return the device and inode of the lock file in a folder now."""
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
