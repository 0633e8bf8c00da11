"""Local workers: processes that share a suite's runs, forked from a server that has the heavy imports done.

On a CPU one single-thread worker a core trains small models about 1.6 times as fast as one process with a thread a
core (`docs/performance.md`). Seeds run outermost, so that whatever is done when time runs out is a balanced result;
within a seed the longest run goes first, so that no core idles at the end. Imports no torch itself.
"""

import multiprocessing
import multiprocessing.forkserver
import os
import signal
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from pebble import ProcessExpired, ProcessPool

from bench.execute.environment import num_cores
from bench.execute.record import failure
from bench.plan import Plan, Run
from bench.store import Outcome, Record, Store

if TYPE_CHECKING:
    from models.counts import Counts

EVALUATION_SHARE = 0.08
"""Evaluation, set-up and writing, as a share of a run's training time; measured on the `cpu` suite."""


@dataclass(frozen=True)
class Started:
    """A worker took a run."""

    run: Run


@dataclass(frozen=True)
class Ended:
    """A run was done, failed, or could not be attempted."""

    run: Run
    record: Record


@dataclass
class Workers:
    """A pool of worker processes; a context manager, since they have to end with it."""

    count: int
    threads: int = 1
    pool: ProcessPool = field(init=False)

    def __enter__(self) -> "Workers":
        context = _context(self.threads)
        self.pool = ProcessPool(max_workers=self.count, initializer=_start_worker, context=context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.pool.close()
        else:
            self.pool.stop()
        self.pool.join()

    def time_models(self, runs: tuple[Run, ...]) -> dict[str, float]:
        """Seconds that each model trains on an image, measured on a few steps in the workers."""
        one_of_each = {run.model: run for run in runs}
        futures = {model: self.pool.schedule(_seconds_per_image, args=[run]) for model, run in one_of_each.items()}
        timings = {model: _timing(future) for model, future in futures.items()}
        return {model: seconds for model, seconds in timings.items() if seconds is not None}

    def count_models(self, models: list[str], num_classes: int, image_size: int) -> dict[str, "Counts"]:
        """Each model's parameters and multiply-accumulates, counted in the workers; SpecError as `count` has it."""
        futures = {model: self.pool.schedule(_count, args=[model, num_classes, image_size]) for model in models}
        return {model: future.result() for model, future in futures.items()}

    def execute(
        self, plan: Plan, store: Store, data_dir: Path, seconds_per_image: dict[str, float], missing: dict[str, str]
    ) -> Iterator[Started | Ended]:
        """Do a plan's unfinished runs; yields as they start and end.

        `missing` maps targets whose data is not there to the reason: their runs are recorded as `not_run`.
        """
        order = {run.key: position for position, run in enumerate(by_priority(plan, seconds_per_image))}
        waiting = {run.key: run for run in plan.runs if not store.is_finished(run.key)}
        running: dict[Future[Record], Run] = {}
        while waiting or running:
            for key in sorted(waiting, key=order.__getitem__):
                run = waiting[key]
                if reason := _obstacle(run, waiting, running, store, missing):
                    del waiting[key]
                    yield Ended(run, _keep_failure(run, store, "not_run", reason))
                elif len(running) < self.count and _is_ready(run, waiting, running):
                    del waiting[key]
                    running[self.pool.schedule(_do_run, args=[run, store, data_dir])] = run
                    yield Started(run)
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                run = running.pop(future)
                yield Ended(run, _record_of(future, run, store))


def estimated_seconds(run: Run, seconds_per_image: dict[str, float]) -> float:
    """About how long one worker takes for a run."""
    slowest = max(seconds_per_image.values(), default=0.0)
    return run.images * seconds_per_image.get(run.model, slowest) * (1 + EVALUATION_SHARE)


def by_priority(plan: Plan, seconds_per_image: dict[str, float]) -> list[Run]:
    """Seeds outermost; within a seed the run with the longest chain behind it first."""
    seeds = list(dict.fromkeys(run.seed for run in plan.runs))
    own = {run.key: estimated_seconds(run, seconds_per_image) for run in plan.runs}
    chain = dict(own)
    for run in reversed(plan.runs):
        if run.starts_from is not None:
            chain[run.starts_from] = max(chain[run.starts_from], own[run.starts_from] + chain[run.key])
    return sorted(plan.runs, key=lambda run: (seeds.index(run.seed), -chain[run.key]))


def default_workers(device: Literal["cpu", "cuda"]) -> int:
    """One a core on a CPU, one for a GPU."""
    return 1 if device == "cuda" else num_cores()


def _context(threads: int) -> multiprocessing.context.ForkServerContext:
    """Start the fork server: it takes its environment, and its deafness to Ctrl-C, from this process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.execute.worker"])
    os.environ["OMP_NUM_THREADS"] = str(threads)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)
    return context


def _is_ready(run: Run, waiting: dict[str, Run], running: dict[Future[Record], Run]) -> bool:
    unfinished = waiting.keys() | {other.key for other in running.values()}
    return run.starts_from not in unfinished


def _obstacle(
    run: Run, waiting: dict[str, Run], running: dict[Future[Record], Run], store: Store, missing: dict[str, str]
) -> str:
    """Why a run can't be attempted, or nothing."""
    if str(run.target) in missing:
        return missing[str(run.target)]
    if run.starts_from is None or not _is_ready(run, waiting, running):
        return ""
    parent = store.read(run.starts_from)
    status = parent["status"] if parent else "not_run"
    return "" if status == "ok" else f"it starts from run {run.starts_from}, which ended as {status}"


def _record_of(future: Future[Record], run: Run, store: Store) -> Record:
    """The record that a worker left, or the one of its sudden death."""
    try:
        return future.result()
    except ProcessExpired as error:
        reason = f"its worker died with exit code {error.exitcode}"
        if error.exitcode == -signal.SIGKILL:
            reason += " (killed: the machine may have run out of memory)"
        return _keep_failure(run, store, "failed", reason)


def _keep_failure(run: Run, store: Store, status: str, reason: str) -> Record:
    record = failure(run, status, reason)
    store.write(Outcome(record))
    return record


def _timing(future: Future[float]) -> float | None:
    """A timing, or none for a model that can't be timed: the record of its runs will tell why."""
    return None if future.exception() is not None else future.result()


def _start_worker() -> None:
    from bench.execute import worker

    worker.start()


def _do_run(run: Run, store: Store, data_dir: Path) -> Record:
    from bench.execute import worker

    return worker.do_run(run, store, data_dir)


def _count(model: str, num_classes: int, image_size: int) -> "Counts":
    from bench.execute import worker

    return worker.count(model, num_classes, image_size)


def _seconds_per_image(run: Run) -> float:
    from bench.execute import worker

    return worker.seconds_per_image(run)
