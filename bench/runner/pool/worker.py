"""The tasks of a worker process: whole runs, timings for the estimate, counts.

The parent imports this module to schedule these functions, so they import torch only when they run in the worker.
"""

import multiprocessing
import os
import signal
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from bench.data.sources.listing import follow_links
from bench.plan.run import Run
from bench.runner.estimate.estimate import TimedData, TimedRun
from bench.runner.run_options import DEFAULT_OPTIONS, Interrupted, RunOptions
from bench.store.store import Record, Store

if TYPE_CHECKING:
    from bench.runner.session import FeatureCache, RunSession
    from models import Counts

PRELOADED = ("bench.runner.execute", "bench.runner.estimate.timed_run")
"""Modules that the fork server imports before it forks the first worker."""


class _Process:
    """The state of this process: its current run, and whether its parent or a signal asked it to stop."""

    def __init__(self) -> None:
        self.stopping: Event | None = None
        self.is_asked = False
        self.session: RunSession | None = None
        self.features: FeatureCache = {}

    def asked_to_stop(self) -> bool:
        return self.is_asked or (self.stopping is not None and self.stopping.is_set())

    def new_session(self, run: Run, store: Store, options: RunOptions) -> "RunSession":
        from bench.runner.session import RunSession

        self.session = RunSession(run, store, options, self.asked_to_stop, self.features)
        return self.session


_process = _Process()


def start(stopping: Event | None = None, links: bool = False, num_started: Synchronized | None = None) -> None:
    """Prepare this process: it stops on SIGTERM or if `stopping` is set, and leaves Ctrl-C to the parent.

    Args:
        stopping: set when the process shall stop.
        links: whether links out of a data set's folder are followed.
        num_started: the number of processes that started, to which this one is added.
    """
    if num_started is not None:
        with num_started.get_lock():
            num_started.value += 1
    if links:
        follow_links()
    _process.stopping = stopping
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)
    multiprocessing.current_process().daemon = False  # a daemon may not start the processes that decode images
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic matrix products on CUDA need it


def do_run(
    run: Run, store: Store, data_dir: Path, options: RunOptions = DEFAULT_OPTIONS, known: str | None = None
) -> Record | None:
    """Execute a run and write its outcome; return its record, or None if another process executes it now.

    Raises:
        Interrupted: this process was asked to stop.
        StoreError: the store cannot be written.
    """
    from bench.runner.execute import execute

    _process.is_asked = False
    try:
        return execute(run, store, data_dir, options, known=known, new_session=_process.new_session)
    finally:
        _process.session = None


def why_no_cuda() -> str:
    """Return why torch can use no CUDA device; nothing if it can."""
    from bench.machine import device

    return device.why_no_cuda()


def time_run(run: Run, data_dir: Path) -> TimedRun:
    """Time the model of a run."""
    from bench.runner.estimate import timed_run

    return timed_run.time_run(run, data_dir)


def time_data(run: Run, data_dir: Path) -> TimedData:
    """Time the data of a run."""
    from bench.runner.estimate import timed_run

    return timed_run.time_data(run, data_dir)


def count(model: str, num_classes: int, image_size: int) -> "Counts":
    """Count a model's parameters and multiply-accumulates."""
    import models

    return models.count(model, num_classes=num_classes, image_size=image_size)


def _terminate(number: int, frame: FrameType | None) -> None:
    """Stop a training after its next step, loading and evaluation at once, and the writing of a result never."""
    _process.is_asked = True
    session = _process.session
    if session is None:
        raise SystemExit(128 + number)
    if session.phase in ("loading", "evaluating"):
        raise Interrupted(f"run {session.run.key} was stopped while {session.phase}")
