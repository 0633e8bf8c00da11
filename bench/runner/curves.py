"""Curves of a run while it trains, for TensorBoard, Weights & Biases or MLflow, through Accelerate's trackers.

They stand against the images seen: budgets match by images, so that curves of models whose batches differ can be laid
over each other. They are there to be looked at: no table reads them, and a tracker that fails is given up with a
warning, since no run may be lost for its picture. A resumed run goes on with its curve from where its checkpoint
was, so that a curve has each of its points once; a run that starts anew starts a new curve.
"""

import logging
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from bench.errors import InputError
from bench.plan.run import Run
from bench.runner.trackers import start_tracker
from bench.training.progress import Progress

if TYPE_CHECKING:
    from accelerate.tracking import GeneralTracker

TrackerName = Literal["tensorboard", "wandb", "mlflow", "none"]

logger = logging.getLogger(__name__)


def check_tracker(name: str) -> None:
    """See that a tracker can be had, before anything runs; imports nothing of it.

    Raises:
        InputError: there is no such tracker, or its package is not installed.
    """
    if name not in get_args(TrackerName):
        raise InputError(f"tracker {name!r} is not known; known: {', '.join(get_args(TrackerName))}")
    if name != "none" and find_spec(name) is None:
        extra = "vit-cnn-hybrid-bench" if name == "tensorboard" else f"vit-cnn-hybrid-bench[{name}]"
        raise InputError(
            f'tracker {name}: its package is not installed; install it with: pip install "{extra}", '
            "or run with another tracker"
        )


class Curves:
    """The open curves of one run, until they are closed; with tracker `none` they take everything and keep nothing.

    `resumed_at` is the number of images seen at the checkpoint that the run goes on from; None where it starts anew.
    """

    def __init__(self, run: Run, folder: Path, name: TrackerName, resumed_at: int | None) -> None:
        self.run = run
        self.kept_images = self.last_images = 0
        self.last_loss: float | None = None
        self.tracker: GeneralTracker | None = None
        if resumed_at is None:
            shutil.rmtree(folder, ignore_errors=True)
        if name != "none":
            self._try(lambda: self._start(name, folder, resumed_at))

    def log(self, progress: Progress) -> None:
        """Draw the next point; the loss where there is a new one, since it is a mean over many steps."""
        if progress.images_seen <= self.kept_images:
            return
        values = {}
        if progress.images_seen > self.last_images:
            values["train/learning_rate"] = progress.learning_rate
            values["train/images_per_second"] = progress.images_per_second
        if progress.train_loss is not None and progress.train_loss != self.last_loss:
            values["train/loss"] = progress.train_loss
        self.last_images, self.last_loss = progress.images_seen, progress.train_loss
        self._log(values, progress.images_seen)

    def log_result(self, metrics: dict[str, float | None], images_seen: int) -> None:
        """Add the accuracies of a record's metrics, at the curve's end."""
        found = {split: metrics.get(f"{split}_accuracy") for split in ("validation", "test")}
        values = {f"{split}/accuracy": accuracy for split, accuracy in found.items() if accuracy is not None}
        self._log(values, images_seen)

    def close(self) -> None:
        """Write what is pending; the curves take nothing more."""
        if self.tracker is not None:
            self._try(self.tracker.finish)
        self.tracker = None

    def _start(self, name: TrackerName, folder: Path, resumed_at: int | None) -> None:
        self.tracker, self.kept_images = start_tracker(name, self.run, folder, resumed_at)

    def _log(self, values: dict[str, float], images_seen: int) -> None:
        tracker = self.tracker
        if tracker is not None and values:
            self._try(lambda: tracker.log(values, step=images_seen))

    def _try(self, act: Callable[[], None]) -> None:
        """Whatever a tracker raises, a full disk or a server that is gone, it ends the curves and not the run."""
        try:
            act()
        except Exception as error:
            self.tracker = None
            what = f"{type(error).__name__}: {error}"
            logger.warning("no more curves of run %s, which goes on without them: %s", self.run.key, what)
