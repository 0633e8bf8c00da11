"""Images per second of every registered model, in inference and in training, at 32 pixels.

Training goes through the harness's own loop: fused AdamW, gradient clipping, the recipe's defaults. The `core` models
are the three families at their smallest; `--bench-full` times all that take images of 32 pixels, on a CPU up to 100 M
parameters.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

import models
from bench.throughput.images import IMAGE_SIZE, NUM_CLASSES, random_batch
from bench.throughput.measure import measure
from bench.train.loop import accelerator_for, fit
from bench.train.recipe import Settings

MACS_A_ROUND = 2e8
"""Multiply-accumulates of one image, times steps: small models take more steps a round."""

LARGEST_ON_CPU = 100_000_000
"""Parameters."""

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
    steps = num_steps(name)
    batches = [random_batch(conditions.batch_size, conditions.device)] * steps
    time_model(benchmark, name, lambda: fit(model, batches, steps, settings, accelerator), conditions)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.benchmark(group="inference")
@pytest.mark.usefixtures("one_thread")
def test_inference(benchmark: BenchmarkFixture, name: str, conditions: Conditions) -> None:
    accelerator = accelerator_for(conditions.device, conditions.precision)
    model = build(name, conditions).eval()
    images, _ = random_batch(conditions.batch_size, conditions.device)
    steps = num_steps(name)

    def classify() -> None:
        with torch.inference_mode(), accelerator.autocast():
            for _ in range(steps):
                model(images)

    time_model(benchmark, name, classify, conditions)


def build(name: str, conditions: Conditions) -> torch.nn.Module:
    """The model on its device; a model that is not for these conditions is skipped, with the reason."""
    try:
        parameters = models.count(name, num_classes=NUM_CLASSES, image_size=IMAGE_SIZE).parameters
    except models.SpecError as error:
        pytest.skip(str(error))
    if conditions.device == "cpu" and parameters > LARGEST_ON_CPU:
        pytest.skip(f"{parameters / 1e6:.0f} M parameters take minutes a step on a CPU: measured on CUDA")
    return models.build(name, num_classes=NUM_CLASSES, image_size=IMAGE_SIZE, seed=0).to(conditions.device)


def num_steps(name: str) -> int:
    """Training steps, or batches classified, in a round: 8 at most."""
    macs = models.count(name, num_classes=NUM_CLASSES, image_size=IMAGE_SIZE).macs
    return max(1, min(8, int(MACS_A_ROUND / macs)))


def time_model(benchmark: BenchmarkFixture, name: str, job: Callable[[], object], conditions: Conditions) -> None:
    counts = models.count(name, num_classes=NUM_CLASSES, image_size=IMAGE_SIZE)
    notes = {"model": name, "threads": torch.get_num_threads()} | asdict(conditions) | asdict(counts)
    measure(benchmark, job, num_images=num_steps(name) * conditions.batch_size, device=conditions.device, notes=notes)
