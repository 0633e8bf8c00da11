"""Processes that do runs and die at a chosen moment: killed by SIGKILL, as a machine that loses its power does."""

import multiprocessing
from pathlib import Path

from bench.plan.run import Run
from bench.runner.pool.worker import PRELOADED
from bench.runner.run_options import RunOptions
from bench.store.store import Store
from tests.faults.moments import Moment

DONE, BUSY = 0, 3
"""Exit codes of a process that lived."""

ALWAYS = RunOptions(checkpoint_every=0.0, tracker="none")
"""A checkpoint after each step, so that little is lost."""
NEVER = RunOptions(checkpoint_every=3600.0, tracker="none")


def do_run(run: Run, store: Store, data_dir: Path, options: RunOptions, moment: Moment | None = None) -> int:
    """Do a run in a process of its own, in which something happens; returns the exit code, -9 where it was killed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    process = context.Process(target=_work, args=(run, store, data_dir, options, moment))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _work(run: Run, store: Store, data_dir: Path, options: RunOptions, moment: Moment | None) -> None:
    from bench.runner.pool import worker

    worker.start()
    if moment is not None:
        moment()
    raise SystemExit(DONE if worker.do_run(run, store, data_dir, options) is not None else BUSY)
