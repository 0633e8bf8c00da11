"""What is done to a model while the clock runs."""

from collections.abc import Callable
from contextlib import suppress
from itertools import repeat
from typing import Literal

import torch
from torch import nn

from bench.speed.images import Batch
from bench.training.compute import compute_on
from bench.training.loop import Watch, train
from bench.training.trainer import Trainer

Job = Callable[[], None]


class RoundOver(Exception):
    """The training has come as far as it shall in this round."""


def go_on(training: Trainer, batch: Batch, steps: int, watch: Watch | None = None) -> None:
    """Take a training so many steps further through the one loop, always on the same batch."""
    last = training.step + steps

    def end(training: Trainer) -> None:
        if watch is not None:
            watch(training)
        if training.step == last:
            raise RoundOver

    with suppress(RoundOver):
        train(training, repeat(batch), end)


def training_job(model: nn.Module, batch: Batch) -> Job:
    """Forward and backward of one batch, in bf16 on CUDA; what the optimizer does is the same for any model."""
    images, labels = batch
    compute = compute_on(*device_and_precision(images.device))
    model.train()

    def step() -> None:
        with compute.autocast():
            loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        model.zero_grad(set_to_none=True)

    return step


def inference_job(model: nn.Module, batch: Batch) -> Job:
    """Forward of one batch in evaluation, in bf16 on CUDA."""
    images, _ = batch
    compute = compute_on(*device_and_precision(images.device))
    model.eval()

    def classify() -> None:
        with torch.inference_mode(), compute.autocast():
            model(images)

    return classify


def device_and_precision(device: torch.device) -> tuple[Literal["cpu", "cuda"], Literal["fp32", "bf16"]]:
    """What runs use there unless they are told otherwise."""
    return ("cuda", "bf16") if device.type == "cuda" else ("cpu", "fp32")
