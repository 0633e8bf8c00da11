"""The processes of the workers: forked from a server that has the heavy imports done, and ended with their parent.

A pool (Pebble) hands them what they are to do, and starts another where one dies. Imports no torch itself.
"""

import multiprocessing
import multiprocessing.forkserver
import os
import signal
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, wait
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import Event
from typing import Any

from pebble import ProcessExpired, ProcessPool

GRACE_SECONDS = 5.0
"""For runs to be kept in checkpoints before their processes are ended."""
LAST_SECONDS = 1.0
"""For processes to end by themselves once they are told to; then they are killed."""


class Processes:
    """So many processes, each with so many threads."""

    def __init__(self, count: int, threads: int) -> None:
        self.count = count
        self.others = multiprocessing.active_children()
        self.context = _context(threads)
        self.stopping = self.context.Event()
        self.pool = self._new_pool()

    def schedule(self, act: Callable[..., Any], arguments: list[Any], timeout: float | None = None) -> Future[Any]:
        """Have one of them do something; in a new pool where Pebble gave one up, since a process died that was idle."""
        try:
            return self.pool.schedule(act, args=arguments, timeout=timeout)
        except RuntimeError:
            self.pool.join()
            self.pool = self._new_pool()
            return self.pool.schedule(act, args=arguments, timeout=timeout)

    def close(self) -> None:
        """End them once they have done what they are at."""
        self.pool.close()
        self.pool.join()

    def stop(self, running: Collection[Future[Any]]) -> None:
        """Let runs be kept, and end the processes, all at once: those too that no longer listen."""
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
        return ProcessPool(self.count, initializer=_start, initargs=[self.stopping], context=self.context)


def was_told_to_end(error: BaseException) -> bool:
    """Whether a process ended because somebody sent it SIGTERM, and not because of what it did."""
    if isinstance(error, ProcessExpired):
        return error.exitcode in (-signal.SIGTERM, 128 + signal.SIGTERM)
    return isinstance(error, SystemExit)


def _context(threads: int) -> ForkServerContext:
    """Start the fork server: it takes its environment from this process, and is deaf to what shall end this one.

    It ends with this process anyhow, and without it nobody would hear how the workers end.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.runner.pool.worker"])
    os.environ["OMP_NUM_THREADS"] = str(threads)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return context


def _start(stopping: Event) -> None:
    from bench.runner.pool import worker

    worker.start(stopping)
