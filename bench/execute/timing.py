"""A few steps of a run's model, timed, so that what a suite will take can be said before it is run."""

from dataclasses import dataclass

import torch

import models
from bench.execute.budgets import FLOPS_PER_MAC
from bench.plan import Run
from bench.train.loop import accelerator_for
from bench.train.training import Training

TIMED_STEPS = 6
NUM_CLASSES = 10
"""Of the head; how many it has makes little difference."""


@dataclass(frozen=True)
class Timing:
    """What a model costs in training."""

    seconds_per_image: float
    macs: int
    """of one image's forward pass"""
    parameters: int

    @property
    def flops_per_image(self) -> int:
        """Of training on it."""
        return FLOPS_PER_MAC * self.macs


def time_run(run: Run) -> Timing:
    """Time a few training steps of a run's model on random images, after one to warm up."""
    torch.set_num_threads(run.threads)
    accelerator = accelerator_for(run.device, run.precision)
    model = models.build(run.model, num_classes=NUM_CLASSES, image_size=run.image_size, seed=0)
    size = run.settings.batch_size
    images = torch.randn(size, 3, run.image_size, run.image_size, device=accelerator.device)
    labels = torch.arange(size, device=accelerator.device) % NUM_CLASSES
    training = Training(model, TIMED_STEPS + 1, run.settings, accelerator)
    training.begin()
    training.take_step(images, labels, run.settings.learning_rate)
    start = training.seconds
    for _ in range(TIMED_STEPS):
        training.take_step(images, labels, run.settings.learning_rate)
    seconds = training.seconds - start
    counts = models.count(run.model, num_classes=NUM_CLASSES, image_size=run.image_size)
    return Timing(seconds / (TIMED_STEPS * size), counts.macs, counts.parameters)
