"""A store in which runs are under way, held by a living process, or left by a dead one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from bench.files.locks import acquire
from bench.plan.run import Run
from bench.runner.progress_file import write_progress
from bench.store.new_record import build_record
from bench.store.store import Outcome, Store, open_store
from bench.training.progress import Progress


@pytest.fixture
def store(tmp_path, resolve_suite) -> Store:
    return open_store(tmp_path / "results", resolve_suite())


@pytest.fixture
def begin(store: Store) -> Iterator[Callable[..., None]]:
    """Put a run under way that has done a share of its steps; held by this process, or by nobody."""

    locks = ExitStack()

    def begun(run: Run, share: float | None, *, held: bool = True, phase: str = "training", resumes: int = 0) -> None:
        folder = store.running_folder(run.key)
        folder.mkdir(parents=True, exist_ok=True)
        if held and (lock := acquire(folder)) is not None:
            locks.enter_context(lock)
        progress = None if share is None else progress_of(run, share)
        write_progress(folder, run.key, progress, phase, num_resumes=resumes)

    with locks:
        yield begun


@pytest.fixture
def end(store: Store) -> Callable[..., None]:
    """Keep a run's record."""

    def ended(run: Run, status: str = "ok", reason: str = "") -> None:
        store.write(Outcome(build_record(run, status=status, reason=reason, metrics={"test_accuracy": 0.5})))

    return ended


def progress_of(run: Run, share: float) -> Progress:
    """So far of 64 steps, at 16 images a second."""
    return Progress(
        step=round(64 * share),
        num_steps=64,
        images_seen=round(run.budget.amount * share),
        learning_rate=1e-3,
        train_loss=1.5,
        seconds=run.budget.amount * share / 16,
        images_per_second=16.0,
    )
