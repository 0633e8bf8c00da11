"""One process' work on a run: it shows how far the run is, keeps it in checkpoints, and stops it when asked to.

The loop calls `watch` after each step, at the cost of a look at the clock. Nothing here changes what the run results
in.
"""

import contextlib
import json
import time
from collections.abc import Callable

import torch

from bench.files.writing import StoreError, write_atomically
from bench.machine.environment import sources_hash
from bench.plan.run import Run
from bench.runner.progress_file import Phase, write_progress
from bench.runner.run_options import DEFAULT_OPTIONS, Interrupted, RunOptions
from bench.runner.trackers import Curves
from bench.store.store import Record, Store
from bench.training.checkpoint import DamagedCheckpoint, checkpoint_bytes, read_checkpoint
from bench.training.linear_probe import Features
from bench.training.progress import Progress
from bench.training.trainer import State, Trainer

REPORT_EVERY = 1.0
"""Seconds."""
WORTH_KEEPING = 5.0
"""Seconds of training that are kept at its end, so that they are not lost with a process that dies in evaluation."""

FeatureCache = dict[str, dict[str, tuple[Features, dict[int, str]]]]
"""Of each split, its features and its bad images, by what decides them."""


class RunSession:
    """Watches one run in one process, from its beginning or from its last checkpoint to its end.

    Args:
        asked_to_stop: whether the process was asked to stop; by default nobody asks.
        features: what probes in this process share; by default each session has its own.
    """

    def __init__(
        self,
        run: Run,
        store: Store,
        options: RunOptions = DEFAULT_OPTIONS,
        asked_to_stop: Callable[[], bool] = lambda: False,
        features: FeatureCache | None = None,
    ) -> None:
        self.run, self.store, self.options, self.asked_to_stop = run, store, options, asked_to_stop
        self.features: FeatureCache = {} if features is None else features
        self.folder = store.running_folder(run.key)
        self.notes: list[str] = []
        self.curves: Curves | None = None
        self.shown_rows = 0
        self.show("loading")

    @property
    def resumed_at(self) -> list[int]:
        """Return the steps that the run was resumed from so far, in this process and in those before."""
        try:
            steps: list[int] = json.loads((self.folder / "resumes.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return []
        return steps

    def checkpoint(self) -> State | None:
        """Read what an earlier process left of this run; set aside a file that is damaged, or of other sources."""
        path = self.folder / "checkpoint"
        try:
            state = read_checkpoint(path)
            if state is None or state["made_by"] == self._makers():
                return state
            reason = "it was made by other sources or another torch"
        except (DamagedCheckpoint, KeyError) as error:
            reason = str(error)
        aside = self.store.set_aside(path, f"{self.run.key}-checkpoint")
        self.notes.append(
            f"began anew, since its checkpoint could not be used: {reason}; it lies in {aside.parent.name}/{aside.name}"
        )
        return None

    def begin(self, trainer: Trainer, *, resumed: bool) -> None:
        """Take note of where the run starts in this process, or starts anew."""
        self.close()
        if resumed:
            steps = [*self.resumed_at, trainer.step]
            write_atomically(self.folder / "resumes.json", json.dumps(steps).encode())
        seen = trainer.history.images_seen
        self.curves = Curves(self.run, self.store.root / "curves" / self.run.key, self.options.tracker, seen or None)
        self.shown_rows = len(trainer.history.rows)
        self.saved_at = self.reported_at = time.monotonic()
        self.reported_images = seen
        self.show("training")

    def watch(self, trainer: Trainer) -> None:
        """Report and keep a training between two steps, when it is time to.

        Raises:
            Interrupted: the process was asked to stop.
        """
        now = time.monotonic()
        if self.asked_to_stop():
            self.save(trainer)
            raise Interrupted(f"run {self.run.key} is kept at step {trainer.step}")
        is_last, every = trainer.step == trainer.num_steps, self.options.checkpoint_every
        if now - self.saved_at >= (min(WORTH_KEEPING, every) if is_last else every):
            self.save(trainer)
        if is_last or now - self.reported_at >= REPORT_EVERY:
            with trainer.paused():
                self._report(trainer, now)

    def save(self, trainer: Trainer) -> None:
        """Keep the training in its checkpoint, in place of the one before."""
        with trainer.paused():
            made = {"made_by": self._makers(), "micro_batch": trainer.settings.micro_batch}
            write_atomically(self.folder / "checkpoint", checkpoint_bytes(trainer.state() | made))
            self.saved_at = time.monotonic()

    def show(self, phase: Phase, progress: Progress | None = None) -> None:
        """Let other processes see what this one does."""
        self.phase: Phase = phase
        with contextlib.suppress(StoreError):  # a full disk, which what decides something will meet too
            write_progress(self.folder, self.run.key, progress, phase, num_resumes=len(self.resumed_at))

    def draw_result(self, record: Record) -> None:
        """Draw the accuracies of a record at the end of the curves."""
        accuracies = {split: record["metrics"].get(f"{split}_accuracy") for split in ("validation", "test")}
        values = {f"{split}/accuracy": value for split, value in accuracies.items() if value is not None}
        if values:
            self._draw(values, record["cost"]["images_seen"])

    def close(self) -> None:
        """End the curves, however the run ended."""
        if self.curves is not None:
            self.curves.close()

    def _report(self, trainer: Trainer, now: float) -> None:
        """Draw the new rows of the history, and show how far the training is."""
        seen, rows = trainer.history.images_seen, trainer.history.rows
        rate = (seen - self.reported_images) / max(now - self.reported_at, 1e-9)
        for _, images_seen, learning_rate, loss in rows[self.shown_rows :]:
            values = {"train/loss": loss, "train/learning_rate": learning_rate, "train/images_per_second": rate}
            self._draw(values, images_seen)
        self.shown_rows, self.reported_images, self.reported_at = len(rows), seen, now
        latest = rows[-1][3] if rows else None
        progress = Progress(trainer.step, trainer.num_steps, seen, trainer.learning_rate, latest, trainer.seconds, rate)
        self.show("training", progress)

    def _draw(self, values: dict[str, float], images_seen: int) -> None:
        if self.curves is not None:
            self.curves.log(values, images_seen)

    def _makers(self) -> dict[str, str]:
        return {"key": self.run.key, "sources": sources_hash(), "torch": str(torch.__version__)}
