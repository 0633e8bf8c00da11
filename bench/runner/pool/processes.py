"""Start worker processes from a fork server that has imported the heavy libraries, and end them with their parent.

A pool (Pebble) gives them tasks and replaces a process that dies. This module imports no torch itself.
"""

import errno
import multiprocessing
import multiprocessing.forkserver
import os
import signal
import tempfile
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, wait
from multiprocessing.context import ForkServerContext
from typing import Any

from pebble import ProcessExpired, ProcessPool

from bench.data.sources.listing import follows_links
from bench.errors import InputError
from bench.runner.pool import worker

GRACE_SECONDS = 5.0
"""The seconds that runs have to write a checkpoint before their processes are terminated."""
NO_SHARED_MEMORY = (errno.ENOENT, errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENOSYS)
"""The errors of a lock that finds no room in `/dev/shm`."""
LAST_SECONDS = 1.0
"""The seconds between SIGTERM and SIGKILL to a process that does not end."""


class Processes:
    """A pool of worker processes that can be stopped with their runs saved."""

    def __init__(self, count: int, threads: int) -> None:
        """Start the fork server; the processes start with their first task.

        Raises:
            InputError: the machine has no room for sockets or locks; the message names the limit and the remedy.
        """
        self.count = count
        self.others = multiprocessing.active_children()
        self.context = _context(threads)
        try:
            self.stopping = self.context.Event()
            self.pool = self._new_pool()
        except OSError as error:
            if error.errno not in NO_SHARED_MEMORY:
                raise
            raise InputError(
                f"the worker processes cannot start: /dev/shm, which holds their locks, is missing, full or cannot be "
                f"written ({error.strerror}); make room there, or mount a larger one (`docker run --shm-size=1g`)"
            ) from error

    def schedule(self, act: Callable[..., Any], *arguments: Any, timeout: float | None = None) -> Future[Any]:
        """Call a function in one of the processes."""
        try:
            return self.pool.schedule(act, args=arguments, timeout=timeout)
        except RuntimeError:  # if an idle process dies, Pebble's pool accepts no more tasks
            self.pool.join()
            self.pool = self._new_pool()
            return self.pool.schedule(act, args=arguments, timeout=timeout)

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
            self.count, initializer=worker.start, initargs=[self.stopping, follows_links()], context=self.context
        )


def was_terminated(error: BaseException) -> bool:
    """Return whether a process ended because of SIGTERM, and not because of an error."""
    if isinstance(error, ProcessExpired):
        return error.exitcode in (-signal.SIGTERM, 128 + signal.SIGTERM)
    return isinstance(error, SystemExit)


def _context(threads: int) -> ForkServerContext:
    """Start the fork server, which inherits the environment of this process.

    The server ignores Ctrl-C and SIGTERM. It ends with this process anyway, and it must outlive the workers to report
    their exit codes.
    """
    context = multiprocessing.get_context("forkserver")
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
