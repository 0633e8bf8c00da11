"""Prepares a network to be timed under its setting, and times its steps.

Before the clock starts, the network is built, compiled and warmed up, and its batch is on the device. A training step
is that of a run (`Trainer.take_step`) with default settings: forward, loss, backward, clipping, fused AdamW. Inference
is a forward pass without gradients. The precisions are those of runs: float32 without TF32, and bfloat16 by autocast.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import models
from bench.analysis.speed_columns import OURS
from bench.config.recipe import Settings
from bench.machine.clock import seconds_of
from bench.machine.device import Device
from bench.speed.peers.matching import build_peer
from bench.speed.timed_setting import NUM_CLASSES, Network, Setting
from bench.training.compute import compute_on
from bench.training.loop import Batch
from bench.training.trainer import Trainer, compiled

WARM_UP_STEPS = 2
MANY_STEPS = 100_000
"""The nominal length of the timed training, so that losses are read as rarely as in a long run."""

Job = Callable[[], object]


@dataclass(frozen=True)
class Workload:
    """A job that is timed in turns with others."""

    job: Job
    """Does one step on one batch."""
    device: Device

    def seconds_per_step(self, steps: int) -> float:
        """Return the mean seconds of `steps` steps, after an untimed one that fills the caches again."""
        self.job()
        return seconds_of(self.job, self.device, steps) / steps

    def latencies(self, calls: int) -> list[float]:
        """Return the seconds of each of `calls` single calls, after two untimed ones."""
        for _ in range(2):
            self.job()
        return [seconds_of(self.job, self.device) for _ in range(calls)]

    def steps_in(self, seconds: float) -> int:
        """Return the number of steps that take about `seconds`, at least one; two steps are timed for that."""
        step = min(seconds_of(self.job, self.device) for _ in range(2))
        return max(1, round(seconds / max(step, 1e-7)))

    def fastest(self, turns: int, seconds: float) -> float:
        """Return the seconds per step in the fastest of several turns of about `seconds`, as a rough estimate."""
        steps = self.steps_in(seconds)
        return min(seconds_of(self.job, self.device, steps) for _ in range(turns)) / steps


def prepare(setting: Setting, device: Device) -> Workload:
    """Build a network and warm it up; exceptions of any type pass through."""
    network = build_network(setting.network, setting.image_size)
    workload = Workload(job_of(network, setting, device), device)
    for _ in range(WARM_UP_STEPS):
        workload.job()
    return workload


def build_network(network: Network, image_size: int) -> nn.Module:
    """Build a network with random weights, on torch's default device."""
    if network.implementation == OURS:
        return models.build(network.model, num_classes=NUM_CLASSES, image_size=image_size, seed=0)
    return build_peer(network.model, network.implementation, num_classes=NUM_CLASSES, image_size=image_size)


def job_of(network: nn.Module, setting: Setting, device: Device) -> Job:
    """Return a function that does one step under a setting."""
    batch = random_batch(setting.batch_size, device, setting.image_size)
    job = _training_step if setting.task == "training" else _forward_pass
    return job(network, batch, setting, device)


def random_batch(size: int, device: str, image_size: int = 32) -> Batch:
    """Return a batch of noise on a device: images (size, 3, image_size, image_size) and labels (size,)."""
    images = torch.randn(size, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
    return images.to(device), (torch.arange(size) % NUM_CLASSES).to(device)


def _training_step(network: nn.Module, batch: Batch, setting: Setting, device: Device) -> Job:
    settings = Settings(
        batch_size=setting.batch_size,
        channels_last=setting.layout == "channels_last",
        compile=setting.mode == "compiled",
    )
    training = Trainer(network, MANY_STEPS, settings, compute_on(device, setting.precision))
    training.begin()
    return lambda: training.take_step(*batch, settings.learning_rate)


def _forward_pass(network: nn.Module, batch: Batch, setting: Setting, device: Device) -> Job:
    compute = compute_on(device, setting.precision)
    images, _ = batch
    network = network.to(device).eval()
    if setting.layout == "channels_last":
        network.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    classify: Callable[[Tensor], Tensor] = compiled(network) if setting.mode == "compiled" else network

    def forward() -> None:
        with torch.inference_mode(), compute.autocast():
            classify(images)

    return forward
