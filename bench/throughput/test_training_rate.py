"""Training on a data-centre GPU beside what its matrix products could do: images per second and MFU, compiled, in bf16.

Floors and goals: ViT-S/16 at 224 pixels uses 30 % and 45 % of the rate of a product of 8192 x 8192 matrices that is
measured beside it; ViT-Ti/4 at 32 pixels trains on 50,000 and 100,000 images/s. Floors are asserted on a GPU that is
fast enough to be of a data centre, goals are recorded. Below a floor, a table of where the time went is kept beside
the JSON. The batch is doubled, uncompiled, for as long as that gains anything. On a CPU there is nothing to measure:
`make throughput DEVICE=cuda`.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.throughput.jobs import go_on
from bench.throughput.measure import measure
from bench.throughput.rates import Subject, best_batch, eager_rate, matrix_rate, prepare, profile_table
from bench.train.recipe import Settings

DATA_CENTRE_FLOPS = 2e14
"""The measured matrix rate, per second, from which on a GPU is asked for the floors."""
STEPS = 30
"""In a round."""


@dataclass(frozen=True)
class Target:
    """A model, and what is asked for and hoped for of one of its figures."""

    subject: Subject
    figure: Literal["mfu", "images_per_second"]
    floor: float
    goal: float
    first_batch: int
    largest_batch: int


TARGETS = {
    "vit_small/16": Target(Subject("vit_small/16", 224, 1000), "mfu", 0.30, 0.45, 64, 1024),
    "vit_tiny/4": Target(Subject("vit_tiny/4", 32, 10), "images_per_second", 50_000, 100_000, 512, 8192),
}


@pytest.fixture(scope="module")
def device_rate(device: torch.device) -> float:
    """FLOP/s of a large matrix product."""
    if device.type != "cuda":
        pytest.skip("about a GPU's share of its matrix rate: --bench-device cuda measures it")
    return matrix_rate(device)


@pytest.mark.core
@pytest.mark.benchmark(group="training rate")
@pytest.mark.parametrize("name", TARGETS)
def test_training_rate(
    benchmark: BenchmarkFixture,
    device_rate: float,
    device: torch.device,
    name: str,
    pytestconfig: pytest.Config,
    tmp_path: Path,
) -> None:
    target = TARGETS[name]
    subject = target.subject
    batch_size = best_batch(lambda size: eager_rate(subject, size, device), target.first_batch, target.largest_batch)
    training, batch = prepare(subject, Settings(batch_size=batch_size, compile=True), device)
    notes = asdict(subject) | {"batch_size": batch_size, "matrix_flops_per_second": device_rate}
    measure(
        benchmark,
        lambda: go_on(training, batch, STEPS),
        num_images=STEPS * batch_size,
        device=device.type,
        notes=notes,
    )
    if benchmark.stats is None:
        return
    rate = benchmark.extra_info["images_per_second"]
    benchmark.extra_info["mfu"] = subject.mfu(rate, device_rate)
    reached = benchmark.extra_info[target.figure]
    benchmark.extra_info |= {"floor": target.floor, "goal": target.goal, "goal_reached": reached >= target.goal}
    print(f"{name}: {rate:,.0f} images/s, MFU {benchmark.extra_info['mfu']:.1%}, batch {batch_size}")
    if reached < target.floor:
        profile = profile_path(pytestconfig.getoption("benchmark_json") or tmp_path / "speed.json", name)
        profile.write_text(profile_table(training, batch), encoding="utf-8")
        benchmark.extra_info["profile"] = str(profile)
        message = f"{name}: {target.figure} is {reached:.3g}, below {target.floor:.3g}; where the time went: {profile}"
        print(message)
        assert device_rate < DATA_CENTRE_FLOPS, message


def profile_path(results: Path, name: str) -> Path:
    """Beside the JSON, under its name and the model's."""
    return results.with_name(f"{results.stem}-{name.replace('/', '-')}.profile.txt")
