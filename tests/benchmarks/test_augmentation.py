"""How much faster batches are made than `vit_pico/8` trains on them."""

from collections.abc import Iterator

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

import models
from bench.data.augment.policies import AutoAugment, RandAugment
from bench.data.augment.resized import ResizedCrop
from bench.data.loading.batches import training_batches
from bench.data.loading.image_loader import ImageLoader
from bench.data.loading.stream import PLANNED, Augmentation, Stream
from bench.speed.timed_setting import NUM_CLASSES
from bench.speed.workload import random_batch
from tests.benchmarks.support.ab_timing import ab_timing
from tests.benchmarks.support.images import IMAGE_SIZE, random_images
from tests.benchmarks.support.tasks import training_job

MODEL = "vit_pico/8"
BATCH_SIZE = 128
NUM_BATCHES = PLANNED // BATCH_SIZE
"""Batches per round: as many as are drawn at once, so that every round has its share of that."""
PAIRS = 9

AT_LEAST = {
    "crop and flip": (Augmentation(4, True), 20),
    "randaugment": (Augmentation(4, True, policy=RandAugment()), 5),
    "autoaugment": (Augmentation(4, True, policy=AutoAugment()), 5),
    "resized crop and randaugment": (Augmentation(0, True, ResizedCrop(), RandAugment()), 5),
}
"""How many times as fast on one thread of a CPU, by what is done to the images."""


@pytest.mark.core
@pytest.mark.benchmark(group="augmentation")
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", AT_LEAST)
def test_batches_beside_training(benchmark: BenchmarkFixture, device: torch.device, name: str) -> None:
    """Resident batches of 128 at 32 pixels, beside forward and backward of a batch at 16 tokens; asserted on a CPU."""
    augmentation, at_least = AT_LEAST[name]
    batches = endless_batches(augmentation, device)
    model = models.build(MODEL, num_classes=NUM_CLASSES, image_size=IMAGE_SIZE, seed=0).to(device)
    train = training_job(model, random_batch(BATCH_SIZE, device.type))

    def make() -> None:
        for _ in range(NUM_BATCHES):
            next(batches)

    ratio = ab_timing(benchmark, make, train, device, pairs=PAIRS)
    times_faster = NUM_BATCHES * ratio.mean
    notes = {"model": MODEL, "batch_size": BATCH_SIZE, "times_as_fast_as_training": times_faster}
    benchmark.extra_info |= {"at_least": at_least, **notes}
    if device.type == "cpu" and benchmark.enabled:
        assert times_faster >= at_least, f"{name}: {times_faster:.1f} times as fast as {MODEL} trains"


def endless_batches(augmentation: Augmentation, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    stream = Stream(0, "pretrain", 10**9, BATCH_SIZE, augmentation)
    return training_batches(random_images(2048), stream, ImageLoader("resident", device))
