"""The one training loop: every family, stage and device goes through `train`.

The same settings and seeds give the same weights, on the same machine and versions, whether or not the training was
interrupted and resumed in between. The last weights count, or their average if the recipe asks for one: there is
no early stopping, and no checkpoint is picked.
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
"""Images (batch, 3, size, size), float, and labels (batch,), or (batch, classes) where images are mixed."""

Watch = Callable[[Trainer], None]
"""What is called after each step: it may report the training, keep it in a checkpoint, or end it by an exception."""


@dataclass(frozen=True)
class TrainResult:
    """What a training leaves besides the weights."""

    history: pd.DataFrame
    """columns step, images_seen, learning_rate, train_loss (the mean since the row before)"""
    images_seen: int
    train_seconds: float
    """of the steps alone, without evaluation and checkpoints"""

    @property
    def train_loss(self) -> float:
        """Return the mean over the last row's steps."""
        return float(self.history["train_loss"].iloc[-1])


def num_steps(num_images: int, batch_size: int) -> int:
    """Return the number of steps in which `num_images` are seen; the last batch may be smaller."""
    return math.ceil(num_images / batch_size)


def train(trainer: Trainer, batches: Iterable[Batch], watch: Watch | None = None) -> TrainResult:
    """Take a training from its present step to its last, and leave its model with the weights that count.

    Args:
        trainer: new, or restored from a checkpoint.
        batches: exactly those that are still to come.
        watch: called after each step.

    Raises:
        Diverged: the loss is not finite; the message names the step.
    """
    trainer.begin()
    rates = islice(learning_rates(trainer.settings, trainer.num_steps), trainer.step, None)
    for (images, labels), learning_rate in zip(batches, rates, strict=True):
        trainer.take_step(images, labels, learning_rate)
        if watch is not None:
            watch(trainer)
    trainer.end()
    return TrainResult(trainer.history.table(), trainer.history.images_seen, trainer.seconds)
