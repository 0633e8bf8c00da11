"""Start worker processes from a fork server that has imported the heavy libraries, and end them with their parent.

A pool (Pebble) gives them tasks and replaces a process that dies. This module imports no torch itself.
"""

import contextlib
import errno
import multiprocessing
import multiprocessing.forkserver
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

from pebble import ProcessExpired, ProcessPool

from bench.analysis.format import byte_size
from bench.data.sources.listing import follows_links
from bench.errors import InputError
from bench.runner.pool import worker

GRACE_SECONDS = 5.0
"""The seconds that runs have to write a checkpoint before their processes are terminated."""
NO_SHARED_MEMORY = (errno.ENOENT, errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENOSYS)
"""The errors of a lock that finds no room in `/dev/shm`."""
START_SECONDS = 0.5
"""The seconds between two checks that processes start."""
FAILED_STARTS = 3
"""The most processes that may end before they take a task, besides those that are starting."""
NONE_STARTS = (
    "the worker processes cannot start: each ends before it takes a task, and what it says stands above; memory may be "
    "short: use fewer (--workers 1), close other programs or raise the limit (`ulimit -a`)"
)
LAST_SECONDS = 1.0
"""The seconds between SIGTERM and SIGKILL to a process that does not end."""


class CannotStart(InputError):
    """Worker processes end before they take a task. The message names the remedy."""


class Processes:
    """A pool of worker processes that can be stopped with their runs saved."""

    def __init__(self, count: int, threads: int) -> None:
        """Start the fork server; the processes start with their first task.

        Raises:
            InputError: the machine has no room for sockets or locks; the message names the limit and the remedy.
        """
        _check_memory_limit()
        self.count = count
        self.others = multiprocessing.active_children()
        self.context = _context(threads)
        with _room_for_locks():
            self.stopping, self.num_started = self.context.Event(), self.context.Value("q", 0)
            self.pool = self._new_pool()

    def schedule(self, act: Callable[..., Any], *arguments: Any, timeout: float | None = None) -> Future[Any]:
        """Call a function in one of the processes."""
        with _room_for_locks():  # the pool makes its own locks for its first task
            try:
                return self.pool.schedule(act, args=arguments, timeout=timeout)
            except RuntimeError:  # if an idle process dies, Pebble's pool accepts no more tasks
                self.pool.join()
                self.pool = self._new_pool()
                return self.pool.schedule(act, args=arguments, timeout=timeout)

    def result(self, future: Future[Any]) -> Any:
        """Wait for the result of a function and return it, or raise its error.

        Raises:
            CannotStart: processes end before they take a task.
        """
        while not wait([future], timeout=START_SECONDS).done:
            self.check_starts()
        try:
            return future.result()
        except BrokenProcessPool:
            if self.num_started.value:
                raise
            raise CannotStart(NONE_STARTS) from None

    def check_starts(self) -> None:
        """See that processes start; without this check the pool would replace those that do not for ever.

        Raises:
            CannotStart: several ended before they could take a task.
        """
        if self.context.num_begun - self.num_started.value > self.count + FAILED_STARTS:
            self.pool.stop()
            raise CannotStart(NONE_STARTS)

    def close(self) -> None:
        """End the processes after they have finished their tasks."""
        self.pool.close()
        self.pool.join()

    def stop(self, running: Collection[Future[Any]]) -> None:
        """Let the runs write checkpoints, then end all processes, even those that do not respond."""
        self.stopping.set()
        wait(running, timeout=GRACE_SECONDS)
        self.pool.stop()
        processes = [process for process in multiprocessing.active_children() if process not in self.others]
        for process in processes:
            process.terminate()
        end = time.monotonic() + LAST_SECONDS
        for process in processes:
            process.join(max(0.0, end - time.monotonic()))
            process.kill()
        self.pool.join()

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            self.count,
            initializer=worker.start,
            initargs=[self.stopping, follows_links(), self.num_started],
            context=self.context,
        )


class _CountingContext(ForkServerContext):
    """Counts the processes that it began to start."""

    num_begun = 0

    def Process(self, *arguments: Any, **options: Any) -> ForkServerProcess:  # type: ignore[override]  # noqa: N802
        """Return a process that has not started yet."""
        self.num_begun += 1
        return ForkServerProcess(*arguments, **options)


def was_terminated(error: BaseException) -> bool:
    """Return whether a process ended because of SIGTERM, and not because of an error."""
    if isinstance(error, ProcessExpired):
        return error.exitcode in (-signal.SIGTERM, 128 + signal.SIGTERM)
    return isinstance(error, SystemExit)


def _check_memory_limit() -> None:
    """Refuse a limit of memory below what the libraries need, if there is one; a process of its own loads them.

    Raises:
        InputError: they cannot be loaded under the limit.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return
    load = f"import {', '.join(worker.PRELOADED)}"
    if subprocess.run([sys.executable, "-c", load], capture_output=True, check=False).returncode:
        raise InputError(
            f"the worker processes cannot start: each may have {byte_size(limit)} of memory (`ulimit -v`), which is "
            "too little to load torch; raise the limit, or remove it (`ulimit -v unlimited`)"
        )


@contextlib.contextmanager
def _room_for_locks() -> Iterator[None]:
    """Name the limit and the remedy if a lock finds no room.

    Raises:
        InputError: there is none in `/dev/shm`.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_SHARED_MEMORY:
            raise
        raise InputError(
            f"the worker processes cannot start: /dev/shm, which holds their locks, is missing, full or cannot be "
            f"written ({error.strerror}); make room there, or mount a larger one (`docker run --shm-size=1g`)"
        ) from error


def _context(threads: int) -> _CountingContext:
    """Start the fork server, which inherits the environment of this process.

    The server ignores Ctrl-C and SIGTERM. It ends with this process anyway, and it must outlive the workers to report
    their exit codes.
    """
    context = _CountingContext()
    context.set_forkserver_preload(list(worker.PRELOADED))
    os.environ["OMP_NUM_THREADS"] = str(threads)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        multiprocessing.forkserver.ensure_running()
    except OSError as error:
        if "AF_UNIX path too long" not in str(error):
            raise
        folder = tempfile.gettempdir()
        raise InputError(
            f"the worker processes cannot start: the folder for temporary files, {folder}, has a path of "
            f"{len(os.fsencode(folder))} bytes, but the path of a socket in it may have 107; set TMPDIR to a folder "
            "with a shorter path, such as /tmp"
        ) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return context
