"""`bench traits`: measure traits of the finished runs of a store, and rebuild its tables."""

import signal
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from pebble import ProcessExpired
from rich.console import Console
from rich.progress import Progress

from bench.analysis.format import plural
from bench.cli.signals import interruptible
from bench.cli.terminal import marked
from bench.errors import InputError
from bench.machine.device import Device
from bench.plan.expand import Plan
from bench.runner.pool.pool import check_device, default_workers
from bench.runner.pool.processes import Processes, was_terminated
from bench.store.store import Store
from bench.tables.build import build_tables
from bench.traits.measuring import measure
from bench.traits.trait import Trait, TraitOfRun
from bench.traits.trait_plan import TraitPlan, plan_traits
from bench.traits.trait_record import TraitRecord, blank_record, write_trait

TICK_SECONDS = 0.5


def measure_traits(
    store: Store, plan: TraitPlan, data_dir: Path, device: Device, num_workers: int | None, console: Console
) -> bool:
    """Measure what a plan lacks, and print what is not measured and why; return whether a trait failed.

    Raises:
        InputError: the device is missing, or the store cannot be written.
        KeyboardInterrupt, Terminated: the user stopped it; what is measured is kept.
    """
    for message in plan.set_aside:
        console.print(marked("set aside", "yellow", f": {message}"), highlight=False, soft_wrap=True)
    for sentence in plan.left_out:
        console.print(marked("not measured", "yellow", f": {sentence}"), highlight=False, soft_wrap=True)
    if plan.num_finished:
        console.print(f"{plural(plan.num_finished, 'trait')} measured before will be skipped", highlight=False)
    if not plan.todo:
        return False
    threads = plan.todo[0].run.threads
    check_device(device, threads)
    count = min(num_workers or default_workers(device), len(plan.todo))
    console.print(f"measuring {plural(len(plan.todo), 'trait')} with {plural(count, 'worker')}", highlight=False)
    failed = [
        (task, record.reason)
        for task, record in _measured(store, plan.todo, data_dir, device, Processes(count, threads), console)
        if record.status != "ok"
    ]
    for task, reason in failed:
        console.print(marked("failed", "red", f": {task}: {reason}"), highlight=False, soft_wrap=True)
    return bool(failed)


def measure_of_store(
    store: Store,
    plan: Plan,
    traits: Sequence[Trait],
    data_dir: Path,
    device: Device,
    num_workers: int | None,
    console: Console,
    *,
    every_row: bool = False,
) -> bool:
    """Measure traits of a store's finished runs, and rebuild its tables; return whether a trait failed.

    Raises:
        InputError: no trait can be measured on any of these runs; the message says why.
    """
    planned = plan_traits(store, plan, traits, every_row=every_row)
    if not planned.todo and not planned.num_finished:
        raise InputError("; ".join(("no trait can be measured", *planned.left_out, *planned.set_aside)))
    try:
        with interruptible(console):
            failed = measure_traits(store, planned, data_dir, device, num_workers, console)
    finally:
        store.write_tables(build_tables(store))
    console.print(f"tables in {store.tables}", highlight=False)
    return failed


def _measured(
    store: Store,
    todo: Sequence[TraitOfRun],
    data_dir: Path,
    device: Device,
    processes: Processes,
    console: Console,
) -> list[tuple[TraitOfRun, TraitRecord]]:
    """Measure traits in worker processes, a few at a time, and return their records."""
    waiting, measured = list(reversed(todo)), []
    running: dict[Future[TraitRecord | None], TraitOfRun] = {}
    try:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task("traits", total=len(todo))
            while waiting or running:
                while waiting and len(running) < processes.count:
                    task = waiting.pop()
                    running[processes.schedule(measure, task, store, data_dir, device)] = task
                done, _ = wait(running, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED)
                processes.check_starts()
                for future in done:
                    task = running.pop(future)
                    if (record := _record_of(future, task, store)) is not None:
                        measured.append((task, record))
                    progress.advance(bar)
    except BaseException:
        processes.stop(running)
        raise
    processes.close()
    return measured


def _record_of(future: Future[TraitRecord | None], task: TraitOfRun, store: Store) -> TraitRecord | None:
    """Return the record of a worker, or write one if the worker died; None if another process measures the trait."""
    try:
        return future.result()
    except (ProcessExpired, BrokenProcessPool, SystemExit) as error:
        if not isinstance(error, ProcessExpired) or was_terminated(error):
            return blank_record(task, "failed", "its worker was stopped; the same command measures it")
        reason = f"its worker died with exit code {error.exitcode}"
        if error.exitcode == -signal.SIGKILL:
            reason += " (killed: the machine may have run out of memory)"
        return write_trait(store, blank_record(task, "failed", reason))
