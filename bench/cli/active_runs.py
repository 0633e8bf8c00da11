"""Read the runs of a store that are under way or interrupted, and their progress. Imports no torch."""

from dataclasses import dataclass

from bench.analysis.format import count, decimal, duration
from bench.files.locks import holder
from bench.plan.run import Run
from bench.runner.progress_file import RunProgress, read_progress
from bench.store.store import Store


@dataclass(frozen=True)
class ActiveRun:
    """An unfinished run that has a folder under `running/`."""

    run: Run
    latest: RunProgress | None
    """The last report of its process; None before the first report."""
    is_held: bool
    """Whether a living process executes it; if not, the next `bench run` resumes it."""

    @property
    def share_done(self) -> float:
        """Return the share of its training that is done, from 0 to 1."""
        return self.latest.share_done if self.latest else 0.0

    @property
    def budget_per_second(self) -> float:
        """Return the amount of its budget that it uses per second."""
        return self.run.budget.amount * self.latest.share_per_second if self.latest else 0.0


def active_runs(store: Store, runs: dict[str, Run]) -> list[ActiveRun]:
    """Return the runs that have started and are not finished, in the order of `runs` (runs by key)."""
    folder = store.root / "running"
    begun = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    unfinished = [key for key in runs if key in begun and not store.is_finished(key)]
    folders = {key: store.running_folder(key) for key in unfinished}
    return [ActiveRun(runs[key], read_progress(path), holder(path) is not None) for key, path in folders.items()]


def figures(latest: RunProgress | None) -> tuple[str, str, str]:
    """Return a run's images per second, loss and time left as texts; unless it trains, its phase and empty texts."""
    if latest is None or latest.progress is None or latest.phase != "training":
        return (latest.phase if latest else "starting"), "", ""
    loss, seconds = latest.progress.train_loss, latest.seconds_left
    return (
        f"{count(round(latest.progress.images_per_second))} images/s",
        f"loss {decimal(loss)}" if loss is not None else "",
        f"{duration(round(seconds))} left" if seconds is not None else "",
    )


def progress_text(latest: RunProgress | None) -> str:
    """Return a text such as `step 120 of 640, 850 images/s, loss 1.234, 12 s left`."""
    progress = latest.progress if latest else None
    step = f"step {progress.step:,} of {progress.num_steps:,}" if progress else ""
    return ", ".join(text for text in (step, *figures(latest)) if text)
