"""Start the worker processes from a fork server that has the heavy imports done, and end them with their parent.

A pool (Pebble) hands them their tasks, and replaces a process that dies. Imports no torch itself.
"""

import multiprocessing
import multiprocessing.forkserver
import os
import signal
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, wait
from multiprocessing.context import ForkServerContext
from typing import Any

from pebble import ProcessExpired, ProcessPool

from bench.runner.pool import worker

GRACE_SECONDS = 5.0
"""Time for runs to be kept in checkpoints before their processes are ended."""
LAST_SECONDS = 1.0
"""Time for processes to end by themselves once they are told to; then they are killed."""


class Processes:
    """A number of processes, each with a number of threads."""

    def __init__(self, count: int, threads: int) -> None:
        """Start the fork server; the processes start with their first task."""
        self.count = count
        self.others = multiprocessing.active_children()
        self.context = _context(threads)
        self.stopping = self.context.Event()
        self.pool = self._new_pool()

    def schedule(self, act: Callable[..., Any], *arguments: Any, timeout: float | None = None) -> Future[Any]:
        """Have one of the processes call a function."""
        try:
            return self.pool.schedule(act, args=arguments, timeout=timeout)
        except RuntimeError:  # Pebble gives a pool up if a process dies that was idle
            self.pool.join()
            self.pool = self._new_pool()
            return self.pool.schedule(act, args=arguments, timeout=timeout)

    def close(self) -> None:
        """End the processes once they have done their tasks."""
        self.pool.close()
        self.pool.join()

    def stop(self, running: Collection[Future[Any]]) -> None:
        """Let runs be kept in checkpoints, then end all processes, also those that no longer listen."""
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
        return ProcessPool(self.count, initializer=worker.start, initargs=[self.stopping], context=self.context)


def was_told_to_end(error: BaseException) -> bool:
    """Return whether a process ended because somebody sent it SIGTERM, and not because of what it did."""
    if isinstance(error, ProcessExpired):
        return error.exitcode in (-signal.SIGTERM, 128 + signal.SIGTERM)
    return isinstance(error, SystemExit)


def _context(threads: int) -> ForkServerContext:
    """Start the fork server, which takes its environment from this process.

    It ignores Ctrl-C and SIGTERM: it ends with this process anyway, and without it nobody would learn how the workers
    end.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(worker.PRELOADED))
    os.environ["OMP_NUM_THREADS"] = str(threads)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return context
