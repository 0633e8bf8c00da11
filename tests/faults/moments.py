"""Moments of a run, at which a test has something happen: a death, a pause, an error.

All of it is patched into the process that does the run; the harness knows nothing of it. Imports nothing of the
harness beforehand, so that Python may import this as it starts.
"""

import importlib.util
import os
import pkgutil
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

Act = Callable[[], None]
"""What happens."""
Moment = Callable[[], None]
"""Called in the process that does the run, before that begins: it has the act happen when its moment comes."""


run_here: list[str | None] = [None]
"""Keys of the runs that this process has begun: a moment belongs to the last one at the time when it is set."""

ANY = "any"
"""In place of a run's key: whichever comes to the moment first."""


def kill() -> None:
    """End this process as no handler can."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_leader() -> None:
    """End the process that the group of this one is named for: the call of `bench run`."""
    os.kill(os.getpgrp(), signal.SIGKILL)


def kill_group() -> None:
    """End the call and all of its processes at once."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


def pause(mark: Path, seconds: float) -> None:
    """Let the test know that the moment has come, and wait, whatever signals arrive in between."""
    mark.touch()
    time.sleep(seconds)


def fail(error: Exception) -> None:
    """Raise an error."""
    raise error


def in_training(step: int, act: Act = kill) -> Moment:
    """After a step, before anything is kept of it."""
    return partial(_patch, "bench.training.trainer.Trainer", "take_step", step, act, after=True)


def in_evaluation(batch: int, act: Act = kill) -> Moment:
    """Before a batch of images is answered for, of validation or test."""
    return partial(_patch, "bench.training.evaluate", "_answers", batch, act, after=False)


def each_step(act: Act) -> Moment:
    """Before each step of training."""
    return partial(_patch, "bench.training.trainer.Trainer", "take_step", None, act, after=False)


def loses_its_numbers(step: int) -> Moment:
    """From a step on the loss is no number any more."""
    return partial(_spoil_losses, step)


def writing(name: str, count: int, act: Act = kill) -> Moment:
    """While the file of a name is written for the `count`-th time: half of it is on the disk."""
    return partial(_act_half_way, name, count, act)


def renaming(name: str, count: int, act: Act = kill, *, after: bool) -> Moment:
    """Just before, or just after, a file or folder of a name is put in its place for the `count`-th time."""
    return partial(_act_at_rename, name, count, act, after=after)


def replacing(name: str, act: Act = kill) -> Moment:
    """Between the two renames that put a folder in the place of another: that is moved aside, this is not there yet."""
    return partial(_act_at_rename, f".old-{name}", 1, act, after=True)


def await_run(key: str, store: str, moment: Moment) -> None:
    """Set a moment in whichever process begins a run of a store; called as Python starts, before any import."""
    sys.meta_path.insert(0, _Finder(partial(_set_at_session, key, store, moment)))


class _Finder:
    """Has something done as soon as the sessions of runs have been imported."""

    def __init__(self, act: Callable[[type], None]) -> None:
        self.act = act

    def find_spec(self, name: str, path: object = None, target: object = None):
        if name != "bench.runner.session" or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        real = spec.loader.exec_module

        def exec_module(module) -> None:
            real(module)
            self.act(module.RunSession)

        spec.loader.exec_module = exec_module
        return spec


def _set_at_session(key: str, root: str, moment: Moment, session: type) -> None:
    """Act in sessions on one store alone."""
    real = session.__init__

    def begin(self, run, store, *words) -> None:
        run_here.append(run.key)
        if key in (run.key, ANY) and str(store.root.absolute()) == root:
            moment()
        real(self, run, store, *words)

    session.__init__ = begin


def _patch(owner: str, name: str, count: int | None, act: Act, *, after: bool) -> None:
    """Have something happen at the `count`-th call of a function, or at each."""
    place = pkgutil.resolve_name(owner)
    real, calls, key = getattr(place, name), iter(range(1, 10**6)), run_here[-1]

    def patched(*args, **words):
        is_now = count in (None, next(calls)) and run_here[-1] == key
        if is_now and not after:
            act()
        result = real(*args, **words)
        if is_now and after:
            act()
        return result

    setattr(place, name, patched)


def _spoil_losses(step: int) -> None:
    from bench.training.trainer import Trainer

    real, key = Trainer._loss, run_here[-1]

    def spoiled(self: Trainer, *batch, share: float):
        loss = real(self, *batch, share=share)
        return loss * float("nan") if self.step + 1 >= step and run_here[-1] == key else loss

    Trainer._loss = spoiled


def _act_half_way(name: str, count: int, act: Act) -> None:
    from bench.files import atomic

    real, calls = atomic.write_flushed, iter(range(1, 10**6))

    def patched(path: Path, content: bytes) -> None:
        if name in path.name and next(calls) == count:
            real(path, content[: len(content) // 2])
            act()
        real(path, content)

    atomic.write_flushed = patched


def _act_at_rename(name: str, count: int, act: Act, *, after: bool) -> None:
    calls = iter(range(1, 10**6))
    for method in ("rename", "replace"):
        setattr(Path, method, _acting_rename(getattr(Path, method), name, calls, count, act, after=after))


def _acting_rename(real, name: str, calls, count: int, act: Act, *, after: bool):
    def patched(path: Path, target: Path) -> Path:
        final = Path(target).name
        is_now = (final == name or (name.startswith(".old-") and final.startswith(name))) and next(calls) == count
        if is_now and not after:
            act()
        result = real(path, target)
        if is_now and after:
            act()
        return result

    return patched


def count_outcomes(log: str, store: str) -> None:
    """Note in a file each outcome that is put into a store; called as Python starts."""
    rename = os.rename

    def counted(source, target, **words) -> None:
        rename(source, target, **words)
        folder, _, key = os.fspath(target).rpartition("/")
        if os.path.abspath(folder) == os.path.join(store, "runs") and not key.startswith("."):
            with open(log, "a", encoding="utf-8") as lines:
                lines.write(key + "\n")

    os.rename = counted
