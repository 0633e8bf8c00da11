"""What a worker process does: whole runs, timings for the estimate, counts. The fork server imports this beforehand."""

import multiprocessing
import os
import signal
from multiprocessing.synchronize import Event
from pathlib import Path
from types import FrameType

import models
from bench.plan.run import Run
from bench.runner.estimate.timed_run import time_data as time_data
from bench.runner.estimate.timed_run import time_run as time_run
from bench.runner.execute import execute
from bench.runner.run_options import DEFAULT_OPTIONS, Interrupted, RunOptions
from bench.runner.session import FeatureCache, RunSession
from bench.store.store import Record, Store


class _Process:
    """What this process does, and whether it was asked to stop: with all by their parent, or by a signal of its own."""

    def __init__(self) -> None:
        self.stopping: Event | None = None
        self.is_asked = False
        self.session: RunSession | None = None
        self.features: FeatureCache = {}

    def asked_to_stop(self) -> bool:
        return self.is_asked or (self.stopping is not None and self.stopping.is_set())

    def new_session(self, run: Run, store: Store, options: RunOptions) -> RunSession:
        self.session = RunSession(run, store, options, self.asked_to_stop, self.features)
        return self.session


_process = _Process()


def start(stopping: Event | None = None) -> None:
    """Leave Ctrl-C to the parent, which ends its workers itself; be asked to stop by SIGTERM or by `stopping`."""
    _process.stopping = stopping
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)
    multiprocessing.current_process().daemon = False  # so that a run may have processes that decode for it
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # which deterministic products on CUDA need


def do_run(
    run: Run, store: Store, data_dir: Path, options: RunOptions = DEFAULT_OPTIONS, known: str | None = None
) -> Record | None:
    """Do a run and keep its outcome; returns its record, or None while another process does it.

    Raises:
        Interrupted: this process was asked to stop.
        StoreError: the store cannot be written.
    """
    _process.is_asked = False
    try:
        return execute(run, store, data_dir, options, known=known, new_session=_process.new_session)
    finally:
        _process.session = None


def count(model: str, num_classes: int, image_size: int) -> models.Counts:
    """A model's parameters and multiply-accumulates."""
    return models.count(model, num_classes=num_classes, image_size=image_size)


def _terminate(number: int, frame: FrameType | None) -> None:
    """Stop at the next step of a training, at once elsewhere, but never in the middle of keeping a result."""
    _process.is_asked = True
    session = _process.session
    if session is None:
        raise SystemExit(128 + number)
    if session.phase in ("loading", "evaluating"):
        raise Interrupted(f"run {session.run.key} was stopped while {session.phase}")
