"""The local pool: worker processes that share the runs of a suite.

On a CPU, one single-thread worker per core trains small models faster than one process with a thread per core. Seeds
run outermost, so that the results are balanced whenever time runs out. Within a seed the longest chain of runs goes
first, so that no core idles at the end. Imports no torch.
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
from typing import TYPE_CHECKING, Literal

from pebble import ProcessExpired

from bench.analysis.format import duration
from bench.errors import InputError
from bench.files.locks import acquire
from bench.machine.environment import num_cores
from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.runner.estimate.estimate import TimedData, TimedRun, Timings, data_key, model_key
from bench.runner.pool import worker
from bench.runner.pool.processes import Processes, was_told_to_end
from bench.runner.pool.queue import Queue, attempts
from bench.runner.run_options import DEFAULT_OPTIONS, Interrupted, RunOptions
from bench.store.new_record import failure
from bench.store.store import Outcome, Record, Store

if TYPE_CHECKING:
    from models.counts import Counts

LONGEST_TIMING_SECONDS = 120.0
"""A model or data set that takes longer cannot be timed."""
TICK_SECONDS = 0.5


@dataclass(frozen=True)
class Started:
    """A worker took a run."""

    run: Run


@dataclass(frozen=True)
class Ended:
    """A run was done, failed, or could not be attempted."""

    run: Run
    record: Record


@dataclass(frozen=True)
class Tick:
    """Some time has passed while runs go on."""


@dataclass
class Workers:
    """A pool of worker processes that end with its context.

    If an exception such as Ctrl-C ends the context, the workers first keep their runs in checkpoints.
    """

    count: int
    threads: int = 1
    known: Mapping[str, str] | None = None
    """the attempts (see `attempts`) that the store held when the call began; by default, when `execute` begins"""
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

    def check_device(self, device: Literal["cpu", "cuda"]) -> None:
        """Refuse CUDA unless torch can use a device; a worker asks, since this process does without torch.

        Raises:
            InputError: torch can use none. The message says why.
        """
        reason = self.processes.schedule(worker.why_no_cuda).result() if device == "cuda" else ""
        if reason:
            raise InputError(f"device cuda: {reason}. `--device cpu` takes the CPU instead")

    def time_runs(self, runs: Sequence[Run], data_dir: Path) -> Timings:
        """Time each model and each data set of some runs once, in the workers."""
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
                (models if kind == "model" else data)[key] = future.result()
            except (Exception, SystemExit) as error:
                reasons[key] = _why(error)
        return Timings(models, data, reasons)

    def count_models(self, models: list[str], num_classes: int, image_size: int) -> dict[str, "Counts"]:
        """Count each model's parameters and multiply-accumulates in the workers.

        Raises:
            SpecError: as `models.count` does.
        """
        futures = {model: self.processes.schedule(worker.count, model, num_classes, image_size) for model in models}
        return {model: future.result() for model, future in futures.items()}

    def execute(
        self,
        plan: Plan,
        store: Store,
        data_dir: Path,
        seconds: Mapping[str, float],
        missing: dict[str, str],
        options: RunOptions = DEFAULT_OPTIONS,
    ) -> Iterator[Started | Ended | Tick]:
        """Do a plan's unfinished runs; yield an event when a run starts or ends, and at least each half second.

        Runs that another process does on the same store are waited for.

        Args:
            plan: what to do.
            store: where the records go.
            data_dir: where data sets lie.
            seconds: the estimated seconds of each run, by its key; the longest chain of runs begins first.
            missing: targets whose data is missing, with the reason. Their runs are recorded as `not_run`.
            options: how runs are carried out.

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


def check_device(device: Literal["cpu", "cuda"], threads: int) -> None:
    """Do what `Workers.check_device` does, before a command writes anything; the fork server stays for its runs."""
    if device == "cuda":
        with Workers(1, threads) as workers:
            workers.check_device(device)


def default_workers(device: Literal["cpu", "cuda"]) -> int:
    """Return one worker per core on a CPU, and one for a GPU."""
    return 1 if device == "cuda" else num_cores()


def _why(error: Exception | SystemExit) -> str:
    """Return why something could not be timed."""
    if was_told_to_end(error):
        return "its process was told to end while it was timed"
    if isinstance(error, TimeoutError):
        return f"it could not be timed within {duration(LONGEST_TIMING_SECONDS)}"
    if isinstance(error, ProcessExpired):
        return f"its process died while it was timed, with exit code {error.exitcode}: memory may have run out"
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _record_of(future: Future[Record | None], run: Run, store: Store) -> Record | None:
    """Return the record that a worker left, or that of its sudden death; None if the run is to be tried again."""
    try:
        return future.result()
    except Interrupted:
        return None
    except (ProcessExpired, BrokenProcessPool, SystemExit) as error:
        if not isinstance(error, ProcessExpired) or was_told_to_end(error):
            return None
        reason = f"its worker died with exit code {error.exitcode}"
        if error.exitcode == -signal.SIGKILL:
            reason += " (killed: the machine may have run out of memory)"
        return _keep_failure(run, store, "failed", reason)


def _keep_failure(run: Run, store: Store, status: str, reason: str) -> Record | None:
    """Write the record of a run that no worker does, and return it; None if another process works on the run."""
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
