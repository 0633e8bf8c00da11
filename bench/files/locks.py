"""One lock for each run that is under way, so that each is done once, whatever number of processes work on a store.

The process that does a run holds a POSIX record lock on the file `lock` in the run's folder under `running/`. The
kernel keeps it and drops it when that process ends, however it ends: nothing has to be cleaned up, no time has to
pass, and nothing has to be guessed from a process number. Processes forked from the holder, such as those that decode
images, do not hold it. The file's content only says who holds it, for people.

Two rules for whoever holds one. After a lock is had, look again whether the run is finished: its last holder may have
finished it between your look and your lock. And never open the lock file: POSIX drops a process' locks on a file when
any handle of that process on it is closed; hence `holder` and `acquire` know what their own process holds.

Network file systems: NFS keeps these locks on its server for all hosts (version 4 frees a dead host's after its lease,
some 90 seconds; version 3 once that host is up again), unless it is mounted with `nolock` or `local_lock=posix`. Then,
and on Lustre mounted with `localflock`, locks hold within each host only. Two hosts may then do the same run: the
record is still written whole, since the store renames it into place, but time is lost; give each host another
`--results`. A file system without locks is refused.
"""

import contextlib
import datetime
import errno
import fcntl
import json
import os
import platform
import struct
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from bench.errors import InputError
from bench.files.writing import clear_errors, remove_folder

NAME = "lock"
FLOCK, FIELDS = "hhqqi", ("l_type", "l_whence", "l_start", "l_len", "l_pid")
"""The layout of Linux's `struct flock`."""

_held: dict[tuple[int, int], "Holder"] = {}
"""Lock files that this process holds, by device and inode; a forked process has a copy, whose pids are not its own."""


@dataclass(frozen=True)
class Holder:
    """Who does a run."""

    pid: int
    host: str = "unknown"
    since: str = ""
    """UTC"""


@dataclass(frozen=True)
class RunLock:
    """A lock that this process holds; as a context manager it is released as interrupted, unless it was before."""

    folder: Path
    """The run's folder under `running/`."""
    handle: int
    file: tuple[int, int]
    """Device and inode."""

    def release(self, *, finished: bool) -> None:
        """Let the run go: finished, its whole folder is removed; interrupted, what it may be resumed from is kept.

        Does nothing a second time, or in a process forked from the holder.
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
    """Take the lock of a run, or None while some process has it; makes the run's folder under `running/`.

    Raises:
        StoreError: the folder cannot be written.
        InputError: the file system knows no locks.
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


def holder(folder: Path) -> Holder | None:
    """Who does a run, if any process does; the lock is looked at, not taken."""
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
    """A handle of the lock file, made with its folder, which its last holder may remove at any moment."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
        with contextlib.suppress(FileNotFoundError):
            return os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o666)


def _try_lock(handle: int, folder: Path) -> bool:
    """Lock an open file, unless another process has."""
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
    """The lock, once it is had: says in the file who has it, if the disk has room for that."""
    since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    lock = RunLock(folder, handle, _file_of(os.fstat(handle)))
    _held[lock.file] = Holder(os.getpid(), platform.node(), since)
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(vars(_held[lock.file])).encode(), 0)
    return lock


def _is_held_here(file: tuple[int, int] | None) -> bool:
    """Whether this very process holds a lock file."""
    held = _held.get(file) if file else None
    return held is not None and held.pid == os.getpid()


def _file_at(folder: Path) -> tuple[int, int] | None:
    """The lock file that lies in a folder now."""
    try:
        return _file_of((folder / NAME).stat())
    except OSError:
        return None


def _file_of(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _pid_of_locker(handle: int) -> int | None:
    """The process that has an open file locked; None where none has."""
    kinds = {"l_type": fcntl.F_WRLCK, "l_whence": os.SEEK_SET}
    question = struct.pack(FLOCK, *(kinds.get(name, 0) for name in FIELDS))
    answer = dict(zip(FIELDS, struct.unpack(FLOCK, fcntl.fcntl(handle, fcntl.F_GETLK, question)), strict=True))
    return None if answer["l_type"] == fcntl.F_UNLCK else answer["l_pid"]
