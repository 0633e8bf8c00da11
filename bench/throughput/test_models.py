"""Images per second of every registered model, in inference and in training, at 32 pixels.

Training goes through the harness's own loop: fused AdamW, gradient clipping, the recipe's defaults. The `core` models
are the three families at their smallest; `--bench-full` times all.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

import models
from bench.throughput.images import IMAGE_SIZE, NUM_CLASSES
from bench.throughput.measure import measure
from bench.train.loop import accelerator_for, fit
from bench.train.recipe import Settings

STEPS = 8
"""Training steps, or batches classified, in a round."""

CORE = ("vit_pico/8", "bit_resnet_pico", "r_pico+vit_pico/8")
MODELS = [
    *(pytest.param(name, marks=pytest.mark.core) for name in CORE),
    *(name for name in models.known_models() if name not in CORE),
]


@dataclass(frozen=True)
class Conditions:
    """What a model is timed under: that of the `cpu` suite, or that of the `gpu` suite."""

    device: Literal["cpu", "cuda"]
    precision: Literal["fp32", "bf16"]
    batch_size: int


@pytest.fixture
def conditions(device: torch.device) -> Conditions:
    return Conditions("cuda", "bf16", 512) if device.type == "cuda" else Conditions("cpu", "fp32", 32)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.benchmark(group="training")
@pytest.mark.usefixtures("one_thread")
def test_training(benchmark: BenchmarkFixture, name: str, conditions: Conditions) -> None:
    accelerator = accelerator_for(conditions.device, conditions.precision)
    settings = Settings(batch_size=conditions.batch_size)
    model = build(name, conditions)
    batches = [random_batch(conditions)] * STEPS
    time_model(benchmark, name, lambda: fit(model, batches, STEPS, settings, accelerator), conditions)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.benchmark(group="inference")
@pytest.mark.usefixtures("one_thread")
def test_inference(benchmark: BenchmarkFixture, name: str, conditions: Conditions) -> None:
    accelerator = accelerator_for(conditions.device, conditions.precision)
    model = build(name, conditions).eval()
    images, _ = random_batch(conditions)

    def classify() -> None:
        with torch.inference_mode(), accelerator.autocast():
            for _ in range(STEPS):
                model(images)

    time_model(benchmark, name, classify, conditions)


def build(name: str, conditions: Conditions) -> torch.nn.Module:
    return models.build(name, num_classes=NUM_CLASSES, image_size=IMAGE_SIZE, seed=0).to(conditions.device)


def random_batch(conditions: Conditions) -> tuple[Tensor, Tensor]:
    """Images (batch, 3, size, size) and labels (batch,); what they show takes no part in the speed."""
    size = conditions.batch_size
    images = torch.randn(size, 3, IMAGE_SIZE, IMAGE_SIZE, generator=torch.Generator().manual_seed(0))
    return images.to(conditions.device), (torch.arange(size) % NUM_CLASSES).to(conditions.device)


def time_model(benchmark: BenchmarkFixture, name: str, job: Callable[[], object], conditions: Conditions) -> None:
    counts = models.count(name, num_classes=NUM_CLASSES, image_size=IMAGE_SIZE)
    notes = {"model": name, "threads": torch.get_num_threads()} | asdict(conditions) | asdict(counts)
    measure(benchmark, job, num_images=STEPS * conditions.batch_size, device=conditions.device, notes=notes)
