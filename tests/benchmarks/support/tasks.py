"""What is done to a model while the clock runs."""

from collections.abc import Callable
from contextlib import suppress
from itertools import repeat
from typing import Literal

import torch
from torch import nn

from bench.training.compute import compute_on
from bench.training.loop import Batch, Watch, train
from bench.training.trainer import Trainer


class RoundOverError(Exception):
    """The training has come as far as it shall in this round."""


def go_on(training: Trainer, batch: Batch, steps: int, watch: Watch | None = None) -> None:
    """Take a training some steps further through the one loop, always on the same batch."""
    last = training.step + steps

    def end(training: Trainer) -> None:
        if watch is not None:
            watch(training)
        if training.step == last:
            raise RoundOverError

    with suppress(RoundOverError):
        train(training, repeat(batch), end)


def training_job(model: nn.Module, batch: Batch) -> Callable[[], None]:
    """Return forward and backward of one batch, in bf16 on CUDA; an optimizer does the same for any model."""
    images, labels = batch
    compute = compute_on(*device_and_precision(images.device))
    model.train()

    def step() -> None:
        with compute.autocast():
            loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        model.zero_grad(set_to_none=True)

    return step


def device_and_precision(device: torch.device) -> tuple[Literal["cpu", "cuda"], Literal["fp32", "bf16"]]:
    """Return what runs use on a device unless they are told otherwise."""
    return ("cuda", "bf16") if device.type == "cuda" else ("cpu", "fp32")
