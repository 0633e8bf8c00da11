"""The one training loop: every family, stage and device goes through `fit`.

The same settings and seeds give the same weights, on the same machine and versions. The last weights count: there
is no early stopping, and no checkpoint is picked.
"""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.train.optimizer import build_optimizer, learning_rates
from bench.train.recipe import Settings

Batch = tuple[Tensor, Tensor]
"""Images (batch, 3, size, size), float, and labels (batch,), or (batch, classes) where images are mixed."""

NUM_HISTORY_ROWS = 100


class Diverged(ArithmeticError):
    """The loss stopped being finite."""


@dataclass(frozen=True)
class Fit:
    """What training left besides the weights."""

    history: pd.DataFrame
    """Columns step, images_seen, learning_rate, train_loss (the mean since the row before)."""
    images_seen: int
    train_seconds: float
    """Of the steps alone: neither evaluation nor reading data from disk."""

    @property
    def train_loss(self) -> float:
        """The mean over the last row's steps."""
        return float(self.history["train_loss"].iloc[-1])


def accelerator_for(device: Literal["cpu", "cuda"], precision: Literal["fp32", "bf16"]) -> Accelerator:
    """A fresh Accelerator: its state is process-wide, and runs of different precision may share a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(cpu=device == "cpu", mixed_precision="bf16" if precision == "bf16" else "no")


def num_steps(num_images: int, batch_size: int) -> int:
    """Steps in which so many images are seen; the last batch may be smaller."""
    return math.ceil(num_images / batch_size)


def fit(model: nn.Module, batches: Iterable[Batch], steps: int, settings: Settings, accelerator: Accelerator) -> Fit:
    """Train a model in place.

    Raises:
        Diverged: the loss is not finite; the message names the step.
    """
    model, optimizer = accelerator.prepare(model, build_optimizer(model, settings))
    model.train()
    log = _Log(max(1, steps // NUM_HISTORY_ROWS))
    start = _now(accelerator)
    for step, ((images, labels), learning_rate) in enumerate(
        zip(batches, learning_rates(settings, steps), strict=True), start=1
    ):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate
        with accelerator.autocast():
            loss = cross_entropy(model(images), labels, label_smoothing=settings.label_smoothing)
        accelerator.backward(loss)
        if settings.clip_norm is not None:
            accelerator.clip_grad_norm_(model.parameters(), settings.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        log.add(step, len(labels), learning_rate, loss.detach(), is_last=step == steps)
    return Fit(log.table(), log.images_seen, _now(accelerator) - start)


class _Log:
    """Collects losses on the device and reads them now and then: reading each would stall a GPU."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.images_seen = 0
        self.rows: list[tuple[int, int, float, float]] = []
        self.pending: list[Tensor] = []

    def add(self, step: int, num_images: int, learning_rate: float, loss: Tensor, *, is_last: bool) -> None:
        self.images_seen += num_images
        self.pending.append(loss)
        if len(self.pending) < self.every and not is_last:
            return
        losses = torch.stack(self.pending).float().cpu()
        finite = losses.isfinite()
        if not finite.all():
            first = step - len(losses) + 1 + int((~finite).int().argmax())
            raise Diverged(f"the loss was {losses[~finite][0].item()} at step {first}")
        self.rows.append((step, self.images_seen, learning_rate, losses.mean().item()))
        self.pending = []

    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=["step", "images_seen", "learning_rate", "train_loss"])


def _now(accelerator: Accelerator) -> float:
    """The clock in seconds, read when the device has done all its work."""
    if accelerator.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
