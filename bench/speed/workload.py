"""A network made ready to be timed under its setting, which then takes its turns.

Everything that belongs to no measurement is done before: the network is built, moved, compiled and warmed up, and its
batch lies on the device. A training step is that of a run (`Trainer.take_step`: forward, loss, backward, clipping,
fused AdamW, with default settings, the same for every network); inference is a forward pass without gradients.
Precisions are those of runs: float32 without TF32, and bfloat16 by autocast.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import models
from bench.analysis.speed_columns import OURS
from bench.config.recipe import Settings
from bench.speed.images import random_batch
from bench.speed.peers.matching import build_peer
from bench.speed.stopwatch import Job, Stopwatch, stopwatch_for
from bench.speed.timed_setting import NUM_CLASSES, Device, Network, Setting
from bench.training.compute import compute_on
from bench.training.trainer import Trainer, compiled

WARM_UP_STEPS = 2
MANY_STEPS = 100_000
"""Of the training that is timed in part: losses are read as seldom as in a long run."""


@dataclass(frozen=True)
class Workload:
    """Something that is timed in turns with others, in steps of one batch."""

    job: Job
    stopwatch: Stopwatch

    def seconds(self, steps: int) -> float:
        """Seconds a step: of so many in a row, after one that is not timed, as others had the caches before."""
        self.job()
        return self.stopwatch.seconds(self.job, steps) / steps

    def latencies(self, calls: int) -> list[float]:
        """Seconds of each of so many calls, after two that are not timed."""
        for _ in range(2):
            self.job()
        return [self.stopwatch.latency(self.job) for _ in range(calls)]

    def steps_in(self, seconds: float) -> int:
        """How many steps last about so long, at least one; tried out."""
        step = min(self.stopwatch.seconds(self.job) for _ in range(2))
        return max(1, round(seconds / max(step, 1e-7)))

    def fastest(self, turns: int, seconds: float) -> float:
        """Seconds a step in the fastest of several turns of about so many seconds: a first impression."""
        steps = self.steps_in(seconds)
        return min(self.stopwatch.seconds(self.job, steps) for _ in range(turns)) / steps


def prepare(setting: Setting, device: torch.device) -> Workload:
    """Build a network and make it ready; raises what building or running it raises."""
    network = build_network(setting.network, setting.image_size)
    workload = Workload(job_of(network, setting, device), stopwatch_for(device))
    for _ in range(WARM_UP_STEPS):
        workload.job()
    workload.stopwatch.synchronize()
    return workload


def build_network(network: Network, image_size: int) -> nn.Module:
    """The network with random weights, on the CPU or whatever device is torch's default."""
    if network.implementation == OURS:
        return models.build(network.model, num_classes=NUM_CLASSES, image_size=image_size, seed=0)
    return build_peer(network.model, network.implementation, num_classes=NUM_CLASSES, image_size=image_size)


def job_of(network: nn.Module, setting: Setting, device: torch.device) -> Job:
    """What a step of a setting does."""
    batch = random_batch(setting.batch_size, device.type, setting.image_size, NUM_CLASSES)
    job = _training_step if setting.task == "training" else _forward_pass
    return job(network, batch, setting, device)


def _training_step(network: nn.Module, batch: tuple[Tensor, Tensor], setting: Setting, device: torch.device) -> Job:
    settings = Settings(
        batch_size=setting.batch_size,
        channels_last=setting.layout == "channels_last",
        compile=setting.mode == "compiled",
    )
    training = Trainer(network, MANY_STEPS, settings, compute_on(_name(device), setting.precision))
    training.begin()

    def step() -> None:
        training.take_step(*batch, settings.learning_rate)

    return step


def _forward_pass(network: nn.Module, batch: tuple[Tensor, Tensor], setting: Setting, device: torch.device) -> Job:
    compute = compute_on(_name(device), setting.precision)
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


def _name(device: torch.device) -> Device:
    return "cuda" if device.type == "cuda" else "cpu"
