"""Processes that do runs and die at a chosen moment: killed by SIGKILL, as a machine that loses its power does.

What decides the moment is patched in the dying process alone; the harness knows nothing of it.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.execute.conduct import Conduct
from bench.plan import Run
from bench.store import Store

DONE, BUSY = 0, 3
"""Exit codes of a process that lived."""

ALWAYS = Conduct(checkpoint_every=0.0, tracker="none")
"""A checkpoint after each step, so that little is lost."""
NEVER = Conduct(checkpoint_every=3600.0, tracker="none")


def do_run(run: Run, store: Store, data_dir: Path, conduct: Conduct, prepare: Callable[[], None]) -> int:
    """Do a run in a process of its own, after preparing that; returns the exit code, -9 where it was killed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.execute.worker"])
    process = context.Process(target=_work, args=(run, store, data_dir, conduct, prepare))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def live() -> None:
    """Do not die."""


def dies_in_training(step: int) -> Callable[[], None]:
    """Die after a step, before anything is kept of it."""
    return partial(_patch, "bench.train.training.Training", "take_step", step, after=True)


def dies_in_evaluation(batch: int) -> Callable[[], None]:
    """Die before a batch of images is answered for, of validation or test."""
    return partial(_patch, "bench.train.evaluate", "_answers", batch, after=False)


def dies_writing(name: str, count: int) -> Callable[[], None]:
    """Die while the file of a name is written for the `count`-th time: half of it is on the disk."""
    return partial(_die_half_way, name, count)


def dies_renaming(name: str, count: int, *, after: bool) -> Callable[[], None]:
    """Die just before, or just after, a file or folder of a name is put in its place for the `count`-th time."""
    return partial(_die_at_rename, name, count, after=after)


def kill() -> None:
    """End this process as no handler can."""
    os.kill(os.getpid(), signal.SIGKILL)


def _work(run: Run, store: Store, data_dir: Path, conduct: Conduct, prepare: Callable[[], None]) -> None:
    from bench.execute import worker

    worker.start()
    prepare()
    raise SystemExit(DONE if worker.do_run(run, store, data_dir, conduct) is not None else BUSY)


def _patch(owner: str, name: str, count: int, *, after: bool) -> None:
    """Have the `count`-th call of a function kill the process."""
    import pkgutil

    place = pkgutil.resolve_name(owner)
    real, calls = getattr(place, name), iter(range(1, 10**6))

    def deadly(*args, **words):
        is_last = next(calls) == count
        if is_last and not after:
            kill()
        result = real(*args, **words)
        if is_last:
            kill()
        return result

    setattr(place, name, deadly)


def _die_half_way(name: str, count: int) -> None:
    from bench import writing

    real, calls = writing.write_flushed, iter(range(1, 10**6))

    def deadly(path: Path, content: bytes) -> None:
        if name in path.name and next(calls) == count:
            real(path, content[: len(content) // 2])
            kill()
        real(path, content)

    writing.write_flushed = deadly


def _die_at_rename(name: str, count: int, *, after: bool) -> None:
    calls = iter(range(1, 10**6))
    for method in ("rename", "replace"):
        setattr(Path, method, _deadly_rename(getattr(Path, method), name, calls, count, after=after))


def _deadly_rename(real, name: str, calls, count: int, *, after: bool):
    def deadly(path: Path, target: Path) -> Path:
        is_last = Path(target).name == name and next(calls) == count
        if is_last and not after:
            kill()
        result = real(path, target)
        if is_last:
            kill()
        return result

    return deadly
