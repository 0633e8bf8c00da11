"""The local pool: worker processes that share the runs of a suite.

On a CPU, one single-thread worker per core trains small models faster than one process with a thread per core. All
runs of the first seed come before those of the second, so that the results are balanced whenever the suite is stopped.
Within a seed, the longest chain of runs comes first, so that no core is idle at the end. Imports no torch.
"""

import datetime
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from pebble import ProcessExpired

from bench.analysis.format import duration
from bench.errors import InputError
from bench.files.locks import acquire
from bench.machine.device import Device
from bench.machine.environment import num_cores
from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.runner.estimate.estimate import TimedData, TimedRun, Timings, data_key, model_key
from bench.runner.pool import worker
from bench.runner.pool.processes import CannotStart, Processes, was_terminated
from bench.runner.pool.queue import Queue, attempts
from bench.runner.run_options import DEFAULT_OPTIONS, Interrupted, RunOptions
from bench.store.new_record import failure
from bench.store.store import Outcome, Record, Store

if TYPE_CHECKING:
    from models.counts import Counts

LONGEST_TIMING_SECONDS = 120.0
"""The time limit for timing a model or a data set; those that take longer have no estimate."""
TICK_SECONDS = 0.5


@dataclass(frozen=True)
class Started:
    """A worker has started a run."""

    run: Run


@dataclass(frozen=True)
class Ended:
    """A run has finished, failed, or could not be attempted."""

    run: Run
    record: Record


@dataclass(frozen=True)
class Tick:
    """Some time has passed while runs are under way."""


@dataclass
class Workers:
    """A pool of worker processes that end with its context.

    If an exception such as KeyboardInterrupt ends the context, the workers first write checkpoints of their runs.
    """

    count: int
    """The number of processes."""
    threads: int = 1
    """The number of threads per process."""
    known: Mapping[str, str] | None = None
    """The attempts (see `attempts`) in the store when the command started; None to read them when `execute` starts."""
    processes: Processes = field(init=False)
    running: dict[Future["Record | None"], Run] = field(init=False, default_factory=dict)

    def __enter__(self) -> "Workers":
        self.processes = Processes(self.count, self.threads)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.processes.close()
        else:
            self.processes.stop(self.running)

    def check_device(self, device: Device) -> None:
        """Refuse CUDA unless torch can use a device; a worker asks, since this process does without torch.

        Raises:
            InputError: torch can use none. The message says why.
        """
        reason = self.processes.result(self.processes.schedule(worker.why_no_cuda)) if device == "cuda" else ""
        if reason:
            raise InputError(f"device cuda: {reason}. `--device cpu` takes the CPU instead")

    def time_runs(self, runs: Sequence[Run], data_dir: Path) -> Timings:
        """Time each model and each data set of the runs once, in the workers."""
        tasks = {("data", data_key(run)): run for run in runs} | {("model", model_key(run)): run for run in runs}
        act = {"data": worker.time_data, "model": worker.time_run}
        futures = {
            (kind, key): self.processes.schedule(act[kind], run, data_dir, timeout=LONGEST_TIMING_SECONDS)
            for (kind, key), run in tasks.items()
        }
        models: dict[str, TimedRun] = {}
        data: dict[str, TimedData] = {}
        reasons: dict[str, str] = {}
        for (kind, key), future in futures.items():
            try:
                (models if kind == "model" else data)[key] = self.processes.result(future)
            except CannotStart:
                raise
            except (Exception, SystemExit) as error:
                reasons[key] = _why(error)
        return Timings(models, data, reasons)

    def count_models(self, models: list[str], num_classes: int, image_size: int) -> dict[str, "Counts"]:
        """Count each model's parameters and multiply-accumulates in the workers.

        Raises:
            SpecError: as `models.count` does.
        """
        futures = {model: self.processes.schedule(worker.count, model, num_classes, image_size) for model in models}
        return {model: self.processes.result(future) for model, future in futures.items()}

    def execute(
        self,
        plan: Plan,
        store: Store,
        data_dir: Path,
        seconds: Mapping[str, float],
        missing: dict[str, str],
        options: RunOptions = DEFAULT_OPTIONS,
    ) -> Iterator[Started | Ended | Tick]:
        """Execute the unfinished runs of a plan; yield an event if a run starts or ends, and every half second.

        If another process executes a run on the same store, its outcome is waited for.

        Args:
            plan: the runs.
            store: the store that the records are written to.
            data_dir: the folder of data sets.
            seconds: the estimated seconds of each run, by its key; the longest chain of runs starts first.
            missing: the targets whose data is missing, with the reason. Their runs are recorded as `not_run`.
            options: the options that change no result.

        Raises:
            StoreError: the store cannot be written.
        """
        known = attempts(store, plan.runs) if self.known is None else self.known
        queue = Queue(plan, store, seconds, missing)
        while queue.waiting or self.running:
            for run in queue.due():
                if reason := queue.obstacle(run, self.running.values()):
                    if (record := _keep_failure(run, store, "not_run", reason)) is not None:
                        queue.end(run)
                        yield Ended(run, record)
                elif len(self.running) < self.count and queue.is_ready(run, self.running.values()):
                    queue.take(run)
                    arguments = (run, store, data_dir, options, known.get(run.key, ""))
                    self.running[self.processes.schedule(worker.do_run, *arguments)] = run
                    yield Started(run)
            done, _ = wait(self.running, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED)
            self.processes.check_starts()
            if not self.running and queue.waiting:
                time.sleep(TICK_SECONDS)
            for future in done:
                run = self.running.pop(future)
                record = _record_of(future, run, store)
                if record is None:
                    queue.put_back(run)
                else:
                    queue.end(run)
                    yield Ended(run, record)
            yield Tick()


def check_device(device: Device, threads: int) -> None:
    """Do what `Workers.check_device` does, before a command writes anything; the fork server stays for its runs."""
    if device == "cuda":
        with Workers(1, threads) as workers:
            workers.check_device(device)


def default_workers(device: Device) -> int:
    """Return the default number of workers: one per core on a CPU, and one for a GPU."""
    return 1 if device == "cuda" else num_cores()


def _why(error: Exception | SystemExit) -> str:
    """Return the reason why a model or a data set could not be timed."""
    if was_terminated(error):
        return "its process was stopped by SIGTERM while it was timed"
    if isinstance(error, TimeoutError):
        return f"it could not be timed within {duration(LONGEST_TIMING_SECONDS)}"
    if isinstance(error, ProcessExpired):
        return f"its process died while it was timed, with exit code {error.exitcode}: memory may have run out"
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _record_of(future: Future[Record | None], run: Run, store: Store) -> Record | None:
    """Return the record of a worker, or write one if the worker died; return None if the run is to be tried again."""
    try:
        return future.result()
    except Interrupted:
        return None
    except (ProcessExpired, BrokenProcessPool, SystemExit) as error:
        if not isinstance(error, ProcessExpired) or was_terminated(error):
            return None
        reason = f"its worker died with exit code {error.exitcode}"
        if error.exitcode == -signal.SIGKILL:
            reason += " (killed: the machine may have run out of memory)"
        return _keep_failure(run, store, "failed", reason)


def _keep_failure(run: Run, store: Store, status: str, reason: str) -> Record | None:
    """Write a failure record for a run and return it; return None if another process executes the run."""
    lock = acquire(store.running_folder(run.key))
    if lock is None:
        return None
    with lock:
        record = store.read(run.key)
        if record is not None and record["status"] == "ok":
            return record
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
        outcome = Outcome(failure(run, status, reason) | {"started_at": now})
        store.write(outcome)
        return outcome.record
