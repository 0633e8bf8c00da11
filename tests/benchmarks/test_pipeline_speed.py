"""Pipelines beside what they are compared with: torchvision's own loader, and a training step without its data."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

import models
from bench.data.loading.batches import training_batches
from bench.data.loading.image_loader import ImageLoader
from bench.data.loading.stream import Augmentation, Stream
from bench.data.opening import OpenData
from bench.speed.timed_setting import NUM_CLASSES
from bench.speed.workload import random_batch
from models.external.weights_source import MEAN, STD
from tests.benchmarks.support.ab_timing import ab_timing, in_words
from tests.benchmarks.support.images import IMAGE_SIZE, random_images
from tests.benchmarks.support.tasks import training_job

Batches = Iterator[tuple[Tensor, Tensor]]

NUM_PICTURES, WIDTH, HEIGHT = 256, 500, 375
LARGE = 224
BATCH_SIZE = 32
NUM_BATCHES = 8
"""Of each loader in each round."""
PAIRS = 9
WORKERS = 2
MOST_WAITING = 1.05
"""A GPU's step with its data over the step alone."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JPEG files of about 40 kB, of the size and the detail of photographs, in two classes."""
    folder, generator = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for number in range(NUM_PICTURES):
        coarse = generator.normal(128, 60, (HEIGHT // 16, WIDTH // 16, 3)).clip(0, 255).astype(np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
        grain = generator.normal(0, 8, smooth.shape)
        file = folder / f"class{number % 2}" / f"{number:03}.jpg"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(file, quality=85)
    return folder


@pytest.mark.benchmark(group="pipelines")
@pytest.mark.usefixtures("one_thread")
def test_streaming_beside_torchvision_s_loader(
    benchmark: BenchmarkFixture, device: torch.device, pictures: Path
) -> None:
    """From the same JPEG files to the same kind of batches, flipped at random, with as many workers."""
    ours, theirs = our_batches(pictures, device), torchvision_batches(pictures, device)
    ratio = ab_timing(benchmark, taking(ours), taking(theirs), device, pairs=PAIRS, on_the_wall=True)
    print(f"streaming: {in_words(ratio)} of the rate of torchvision's loader")
    assert ratio.high >= 1, f"streaming is slower: {in_words(ratio)}"


@pytest.mark.core
@pytest.mark.benchmark(group="pipelines")
def test_a_gpu_hardly_waits(benchmark: BenchmarkFixture, device: torch.device) -> None:
    """A training step of ViT-Ti/4 at 32 pixels, batch 256, with its resident data and without."""
    if device.type != "cuda":
        pytest.skip("about a GPU's waiting: --bench-device cuda measures it")
    stream = Stream(0, "pretrain", 10**9, 256, Augmentation(4, True))
    batches = training_batches(random_images(8192), stream, ImageLoader("resident", device))
    model = models.build("vit_tiny/4", num_classes=NUM_CLASSES, image_size=IMAGE_SIZE, seed=0).to(device)
    step = training_job(model, random_batch(256, device.type))

    def fed() -> None:
        next(batches)
        step()

    ratio = ab_timing(benchmark, step, fed, device, pairs=50)
    print(f"a step with its data takes {in_words(ratio)} of the step alone")
    assert ratio.low <= MOST_WAITING


def taking(batches: Batches) -> Callable[[], None]:
    def take() -> None:
        for _ in range(NUM_BATCHES):
            images, _ = next(batches)
            assert images.shape == (BATCH_SIZE, 3, LARGE, LARGE)

    return take


def our_batches(pictures: Path, device: torch.device) -> Batches:
    images = OpenData("folder", str(pictures), Path("data")).some(np.arange(NUM_PICTURES), LARGE)
    stream = Stream(0, "pretrain", 10**9, BATCH_SIZE, Augmentation(flip=True))
    return training_batches(images, stream, ImageLoader("streaming", device, WORKERS))


def torchvision_batches(pictures: Path, device: torch.device) -> Batches:
    """As torchvision's own reference does it, at the size of the shorter side, cropped to the centre."""
    steps = [transforms.Resize(LARGE), transforms.CenterCrop(LARGE), transforms.RandomHorizontalFlip()]
    scaling = [transforms.ToTensor(), transforms.Normalize([MEAN] * 3, [STD] * 3)]
    loader: DataLoader[tuple[Tensor, Tensor]] = DataLoader(
        ImageFolder(pictures, transforms.Compose([*steps, *scaling])),
        batch_size=BATCH_SIZE,
        shuffle=True,
        num_workers=WORKERS,
        persistent_workers=True,
        drop_last=True,
        pin_memory=device.type == "cuda",
        multiprocessing_context="forkserver",
    )
    while True:
        for images, labels in loader:
            yield images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
