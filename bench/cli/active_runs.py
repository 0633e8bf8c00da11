"""Runs that some process is at, and runs that a dead one left: how far they are, and in words. Imports no torch."""

from dataclasses import dataclass

from bench.files.locks import holder
from bench.plan.run import Run
from bench.runner.progress_file import RunProgress, read_progress
from bench.store.store import Store


@dataclass(frozen=True)
class UnderWay:
    """A run with a folder under `running/`."""

    run: Run
    said: RunProgress | None
    """None where its process has said nothing yet."""
    is_held: bool
    """Whether a living process is at it; else the next `bench run` goes on with it."""

    @property
    def share_done(self) -> float:
        """Of its training, from 0 to 1."""
        return self.said.share_done if self.said else 0.0

    @property
    def pace(self) -> float:
        """What it gets through of its budget in a second."""
        return self.run.budget.amount * self.said.share_per_second if self.said else 0.0


def runs_under_way(store: Store, runs: dict[str, Run]) -> list[UnderWay]:
    """The unfinished runs among some (by key) that were begun, in the order of these."""
    folder = store.root / "running"
    begun = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    found = []
    for key, run in runs.items():
        if key in begun and not store.is_finished(key):
            folder = store.running_folder(key)
            found.append(UnderWay(run, read_progress(folder), holder(folder) is not None))
    return found


def how_far(said: RunProgress | None) -> str:
    """Such as `step 120 of 640, 850 images/s, loss 1.234, 12 s left`; with its phase where it is not training."""
    step = f"step {said.progress.step:,} of {said.progress.num_steps:,}" if said and said.progress else ""
    return ", ".join(text for text in (step, *figures(said)) if text)


def figures(said: RunProgress | None) -> tuple[str, str, str]:
    """The rate (or the phase, where it is not training), the loss and the time left, each in words or empty."""
    if said is None or said.progress is None or said.phase != "training":
        return (said.phase if said else "starting"), "", ""
    loss = said.progress.train_loss
    return (
        f"{said.progress.images_per_second:,.0f} images/s",
        f"loss {loss:.3f}" if loss is not None else "",
        f"{duration(said.seconds_left)} left" if said.seconds_left is not None else "",
    )


def duration(seconds: float) -> str:
    """Such as `40 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
