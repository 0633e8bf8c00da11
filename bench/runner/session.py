"""The work of one process on one run: it reports progress, writes checkpoints, and stops the run on request.

The training loop calls `watch` after each step, which usually only reads the clock. Nothing here changes the result of
the run.
"""

import contextlib
import json
import time
from collections.abc import Callable

import torch

from bench.files.atomic import StoreError, write_atomically
from bench.files.plain import read_json
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
"""The seconds between two progress reports."""
WORTH_KEEPING = 5.0
"""The seconds of unsaved training that are worth a last checkpoint, in case the process dies during evaluation."""

FeatureCache = dict[str, dict[str, tuple[Features, dict[int, str]]]]
"""The features and the bad images of each split, by a key of everything that they depend on."""


class RunSession:
    """Watches one run in one process, from its start or its last checkpoint to its end.

    Args:
        asked_to_stop: returns whether the process was asked to stop; by default it never was.
        features: the features that probes in this process share; by default each session has its own.
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
        """Return the steps from which the run was resumed, in this process and in earlier ones."""
        try:
            steps = read_json(self.folder / "resumes.json")
        except (OSError, ValueError):
            return []
        return [step for step in steps if type(step) is int and step >= 0] if isinstance(steps, list) else []

    def checkpoint(self) -> State | None:
        """Read the checkpoint of an earlier process; set it aside if it is damaged or made by other sources."""
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
            f"started again, since its checkpoint could not be used: {reason}; it was moved to "
            f"{aside.parent.name}/{aside.name}"
        )
        return None

    def begin(self, trainer: Trainer, *, resumed: bool) -> None:
        """Prepare to watch a training that starts, starts again, or is resumed."""
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
        """Report progress and write a checkpoint between two steps, if they are due.

        Raises:
            Interrupted: the process was asked to stop.
        """
        now = time.monotonic()
        if self.asked_to_stop():
            self.save(trainer)
            raise Interrupted(f"run {self.run.key} is saved at step {trainer.step}")
        is_last, every = trainer.step == trainer.num_steps, self.options.checkpoint_every
        if now - self.saved_at >= (min(WORTH_KEEPING, every) if is_last else every):
            self.save(trainer)
        if is_last or now - self.reported_at >= REPORT_EVERY:
            with trainer.paused():
                self._report(trainer, now)

    def save(self, trainer: Trainer) -> None:
        """Write a checkpoint in place of the previous one."""
        with trainer.paused():
            origin = {"made_by": self._makers(), "micro_batch": trainer.settings.micro_batch}
            write_atomically(self.folder / "checkpoint", checkpoint_bytes(trainer.state() | origin))
            self.saved_at = time.monotonic()

    def show(self, phase: Phase, progress: Progress | None = None) -> None:
        """Write the run's phase and progress for other processes to read."""
        self.phase: Phase = phase
        with contextlib.suppress(StoreError):  # if the disk is full, writing a checkpoint or the record will say so
            write_progress(self.folder, self.run.key, progress, phase, num_resumes=len(self.resumed_at))

    def draw_result(self, record: Record) -> None:
        """Add the accuracies of a record to the end of the curves."""
        accuracies = {split: record["metrics"].get(f"{split}_accuracy") for split in ("validation", "test")}
        values = {f"{split}/accuracy": value for split, value in accuracies.items() if value is not None}
        if values:
            self._draw(values, record["cost"]["images_seen"])

    def close(self) -> None:
        """Close the curves, whether the run succeeded or failed."""
        if self.curves is not None:
            self.curves.close()

    def _report(self, trainer: Trainer, now: float) -> None:
        """Add the new rows of the history to the curves, and write the progress."""
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
