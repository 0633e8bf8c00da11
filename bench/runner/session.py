"""One process' work on a run: it shows how far the run is, keeps it in checkpoints, and stops when it is asked to.

All of it is for the loop to call after each step, where it costs a look at the clock. Nothing here changes what the
run results in.
"""

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

import torch

from bench.files.writing import StoreError, write_atomically
from bench.machine.environment import sources_hash
from bench.plan.run import Run
from bench.runner.curves import Curves
from bench.runner.progress_file import Phase, write_progress
from bench.runner.run_options import Interrupted, RunOptions
from bench.store.store import Store
from bench.training.checkpoint import DamagedCheckpoint, checkpoint_bytes, read_checkpoint
from bench.training.progress import Progress
from bench.training.trainer import State, Trainer

REPORT_EVERY = 1.0
WORTH_KEEPING = 5.0
"""Seconds of training that are kept at its end, so that they are not lost with a process that dies in evaluation."""


class RunSession:
    """Watches one run in one process, from its beginning or from its last checkpoint to its end."""

    def __init__(self, run: Run, store: Store, options: RunOptions, asked_to_stop: Callable[[], bool]) -> None:
        self.run, self.store, self.options, self.asked_to_stop = run, store, options, asked_to_stop
        self.folder = store.running_folder(run.key)
        self.notes: list[str] = []
        self.phase: Phase = "loading"
        self.curves: Curves | None = None
        self.shown_rows = 0
        self.say("loading")

    @property
    def resumed_at(self) -> list[int]:
        """The steps that the run was resumed from so far, in this process and in those before."""
        try:
            steps: list[int] = json.loads((self.folder / "resumes.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return []
        return steps

    def checkpoint(self) -> State | None:
        """What an earlier process left of this run; a file that is damaged, or of other sources, is set aside."""
        path = self.folder / "checkpoint"
        try:
            state = read_checkpoint(path)
            if state is None or state[1]["made_by"] == self._makers():
                return state
            why = "it was made by other sources or another torch"
        except (DamagedCheckpoint, KeyError) as error:
            why = str(error)
        aside = self.store.set_aside(path, f"{self.run.key}-checkpoint")
        self.notes.append(
            f"began anew, since its checkpoint could not be used: {why}; it lies in {aside.parent.name}/{aside.name}"
        )
        return None

    def begin(self, training: Trainer, *, resumed: bool) -> None:
        """Take note of where the run starts in this process, or starts anew."""
        self.close()
        if resumed:
            steps = [*self.resumed_at, training.step]
            write_atomically(self.folder / "resumes.json", json.dumps(steps).encode())
        seen = training.history.images_seen
        self.curves = Curves(self.run, self.store.root / "curves" / self.run.key, self.options.tracker, seen or None)
        self.shown_rows = len(training.history.rows)
        self.saved_at = self.reported_at = time.monotonic()
        self.reported_images = seen
        self.say("training")

    def watch(self, training: Trainer) -> None:
        """Look after a training between two steps; raises Interrupted where the process was asked to stop."""
        now = time.monotonic()
        if self.asked_to_stop():
            self.save(training)
            raise Interrupted(f"run {self.run.key} is kept at step {training.step}")
        is_last, every = training.step == training.num_steps, self.options.checkpoint_every
        if now - self.saved_at >= (min(WORTH_KEEPING, every) if is_last else every):
            self.save(training)
        if is_last or now - self.reported_at >= REPORT_EVERY:
            self._report(training, now)

    def save(self, training: Trainer) -> None:
        """Keep the training in its checkpoint, in place of the one before."""
        with training.paused():
            tensors, facts = training.state()
            extra = {"made_by": self._makers(), "micro_batch": training.settings.micro_batch}
            write_atomically(self.folder / "checkpoint", checkpoint_bytes((tensors, facts | extra)))
            self.saved_at = time.monotonic()

    def say(self, phase: Phase, progress: Progress | None = None) -> None:
        """Tell other processes what this one does."""
        self.phase = phase
        with contextlib.suppress(StoreError):  # a full disk, which what decides something will meet too
            write_progress(self.folder, self.run.key, progress, phase, num_resumes=len(self.resumed_at))

    def show_result(self, metrics: dict[str, Any], images_seen: int) -> None:
        """Draw what the run came to at the end of its curves."""
        if self.curves is not None:
            self.curves.log_result(metrics, images_seen)

    def close(self) -> None:
        """End the curves, however the run ended."""
        if self.curves is not None:
            self.curves.close()

    def _report(self, training: Trainer, now: float) -> None:
        with training.paused():
            seen, seconds = training.history.images_seen, training.seconds
            rate = (seen - self.reported_images) / max(now - self.reported_at, 1e-9)
            rows = training.history.rows
            for step, images, learning_rate, loss in rows[self.shown_rows :]:
                if self.curves is not None:
                    self.curves.log(Progress(step, training.num_steps, images, learning_rate, loss, seconds, rate))
            self.shown_rows, self.reported_images, self.reported_at = len(rows), seen, now
            latest = rows[-1][3] if rows else None
            self.say(
                "training",
                Progress(training.step, training.num_steps, seen, training.learning_rate, latest, seconds, rate),
            )

    def _makers(self) -> dict[str, str]:
        return {"key": self.run.key, "sources": sources_hash(), "torch": torch.__version__}
