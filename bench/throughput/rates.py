"""How much of what a device can do a training makes use of: the rate of its matrix products, and a model's share of it.

A training of a model takes six operations for each multiply-accumulate of an image's forward pass: two forward, four
backward. Their number in a second over the measured rate of one large matrix product is the MFU (model FLOPs
utilisation).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

import models
from bench.throughput.images import Batch, random_batch
from bench.throughput.jobs import device_and_precision, go_on
from bench.train.loop import accelerator_for
from bench.train.recipe import Settings
from bench.train.training import Training

MANY_STEPS = 100_000
"""Of the training that is measured in part: losses are read as seldom as in a long run."""
LEAST_GAIN = 1.03
"""In images per second, of a batch twice as large that is worth it."""


@dataclass(frozen=True)
class Subject:
    """What is trained."""

    model: str
    image_size: int
    num_classes: int

    @property
    def training_flops(self) -> int:
        """Of one image."""
        return 6 * models.count(self.model, num_classes=self.num_classes, image_size=self.image_size).macs

    def mfu(self, images_per_second: float, matrix_rate: float) -> float:
        """The share of a device's matrix rate (FLOP/s) that training uses."""
        return self.training_flops * images_per_second / matrix_rate


def matrix_rate(device: torch.device, size: int = 8192, tries: int = 20) -> float:
    """FLOP/s of the fastest of several square products, after three to warm up: bfloat16 on CUDA, else float32."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    product = torch.empty_like(left)

    def multiply() -> None:
        torch.mm(left, right, out=product)

    for _ in range(3):
        multiply()
    return 2 * size**3 / min(_seconds(multiply, device) for _ in range(tries))


def best_batch(rate_of: Callable[[int], float], first: int, largest: int) -> int:
    """Double a batch until its images per second no longer rise, memory ends, or it is the largest."""
    batch, rate = first, rate_of(first)
    while 2 * batch <= largest:
        try:
            doubled = rate_of(2 * batch)
        except torch.OutOfMemoryError:
            break
        if doubled < LEAST_GAIN * rate:
            break
        batch, rate = 2 * batch, doubled
    return batch


def eager_rate(subject: Subject, batch_size: int, device: torch.device, steps: int = 10) -> float:
    """Images per second in a few steps, not compiled, after two to warm up."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    training, batch = prepare(subject, Settings(batch_size=batch_size), device)
    go_on(training, batch, 2)
    return steps * batch_size / _seconds(lambda: go_on(training, batch, steps), device)


def prepare(subject: Subject, settings: Settings, device: torch.device) -> tuple[Training, Batch]:
    """A training that has not begun, in the precision of the device's runs, and a batch for it."""
    model = models.build(subject.model, num_classes=subject.num_classes, image_size=subject.image_size, seed=0)
    training = Training(model, MANY_STEPS, settings, accelerator_for(*device_and_precision(device)))
    return training, random_batch(settings.batch_size, device.type, subject.image_size, subject.num_classes)


def profile_table(training: Training, batch: Batch, steps: int = 5) -> str:
    """The twenty operations that a few steps spend the most time of the device in."""
    is_cuda = training.accelerator.device.type == "cuda"
    activities = [torch.profiler.ProfilerActivity.CPU]
    if is_cuda:
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profile:
        go_on(training, batch, steps)
    order = "self_device_time_total" if is_cuda else "self_cpu_time_total"
    return str(profile.key_averages().table(sort_by=order, row_limit=20))


def _seconds(job: Callable[[], None], device: torch.device) -> float:
    """How long a job takes, on a GPU by its own clock."""
    if device.type == "cpu":
        began = time.perf_counter()
        job()
        return time.perf_counter() - began
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    job()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / 1000
