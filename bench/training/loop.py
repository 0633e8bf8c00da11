"""The one training loop: every family, stage and device goes through `train`.

The same settings and seeds give the same weights on the same machine and versions, even if the training was interrupted
and resumed. The result is the last weights, or their average if the recipe asks for one. There is no early stopping and
no choice among checkpoints.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

import pandas as pd
from torch import Tensor

from bench.training.optimizer import learning_rates
from bench.training.trainer import Trainer

Batch = tuple[Tensor, Tensor]
"""Images (batch, 3, size, size), float, and labels: (batch,), or (batch, classes) if images are mixed."""

Watch = Callable[[Trainer], None]
"""A function that is called after each step: it may report progress, write a checkpoint, or raise to end the run."""


@dataclass(frozen=True)
class TrainResult:
    """The result of a training, except its weights."""

    history: pd.DataFrame
    """Columns step, images_seen, learning_rate, train_loss (the mean since the previous row)."""
    images_seen: int
    train_seconds: float
    """The seconds of the steps, without evaluation and checkpoints."""

    @property
    def train_loss(self) -> float:
        """Return the mean loss over the steps of the history's last row."""
        return float(self.history["train_loss"].iloc[-1])


def num_steps(num_images: int, batch_size: int) -> int:
    """Return the number of steps in which the model sees `num_images`, one or more: the number of `spans`."""
    return math.ceil(max(1, num_images - (batch_size > 1)) / batch_size)


def train(trainer: Trainer, batches: Iterable[Batch], watch: Watch | None = None) -> TrainResult:
    """Train from the current step to the last one; the model then holds its final weights.

    Args:
        trainer: new, or restored from a checkpoint.
        batches: the batches of the remaining steps, and no more.
        watch: called after each step.

    Raises:
        Diverged: a loss is not finite; the message names the step.
    """
    trainer.begin()
    rates = islice(learning_rates(trainer.settings, trainer.num_steps), trainer.step, None)
    for (images, labels), learning_rate in zip(batches, rates, strict=True):
        trainer.take_step(images, labels, learning_rate)
        if watch is not None:
            watch(trainer)
    trainer.end()
    return TrainResult(trainer.history.table(), trainer.history.images_seen, trainer.seconds)
