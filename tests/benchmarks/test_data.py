"""Images per second of batches with augmentation. One thread."""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.data.loading.batches import training_batches
from bench.data.loading.pipelines import Feed
from bench.data.loading.stream import Augmentation, Stream
from bench.speed.images import IMAGE_SIZE, random_images
from bench.speed.measure import measure


@pytest.mark.core
@pytest.mark.benchmark(group="data")
@pytest.mark.usefixtures("one_thread")
def test_batches(benchmark: BenchmarkFixture, device: torch.device) -> None:
    """Gathered, shifted, flipped and scaled on the device, in batches of 32: what training waits for."""
    data = random_images(2048)
    stream = Stream(seed=0, stage="pretrain", num_images=16_384, batch_size=32, augmentation=Augmentation(4, True))

    def draw() -> None:
        for images, _ in training_batches(data, stream, Feed("resident", device)):
            assert images.shape == (32, 3, IMAGE_SIZE, IMAGE_SIZE)

    measure(benchmark, draw, num_images=stream.num_images, device=device.type, notes={"threads": 1, "batch_size": 32})
