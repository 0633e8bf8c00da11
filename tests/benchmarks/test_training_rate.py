"""Training on a data-centre GPU beside what its matrix products could do: images per second and MFU, in bf16.

Floors and goals: ViT-S/16 at 224 pixels uses 30 % and 45 % of the rate of a product of 8192 x 8192 matrices that is
measured in turns with it; ViT-Ti/4 at 32 pixels trains on 50,000 and 100,000 images/s. Each is at its best setting
(batch, layout, compiled or not). Floors are asserted on a GPU that is fast enough to be of a data centre, goals are
recorded, and a model that does not train at all fails anywhere. Below a floor, a table of where the time went is kept
beside the JSON. On a CPU there is nothing to measure: `make throughput DEVICE=cuda`.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.speed.benchmark_session import effort_of
from bench.speed.replay import recorded_time, replay
from bench.speed.rounds import Contender, Effort, run_group
from bench.speed.table import matrix_share, sizes_of
from bench.speed.timed_setting import GroupKey, Network, Precision, Setting
from bench.speed.workload import prepare

DATA_CENTRE_FLOPS = 2e14
"""The measured matrix rate, per second, from which on a GPU is asked for the floors."""


@dataclass(frozen=True)
class Target:
    """A model, and what is asked for and hoped for of one of its figures."""

    model: str
    image_size: int
    figure: Literal["mfu", "images_per_second"]
    floor: float
    goal: float
    first_batch: int


TARGETS = {
    target.model: target
    for target in (
        Target("vit_small/16", 224, "mfu", floor=0.30, goal=0.45, first_batch=64),
        Target("vit_tiny/4", 32, "images_per_second", floor=50_000, goal=100_000, first_batch=512),
    )
}


@dataclass(frozen=True)
class Rate:
    """What a device trains a model at, at its best setting."""

    contender: Contender
    matrix_flops_per_second: float
    mfu: float

    @property
    def images_per_second(self) -> float:
        """By the median round."""
        return self.contender.setting.batch_size / median(self.contender.round_seconds)


@pytest.mark.core
@pytest.mark.benchmark(group="training rate", timer=recorded_time)
@pytest.mark.parametrize("name", TARGETS)
def test_training_rate(
    benchmark: BenchmarkFixture, device: torch.device, name: str, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    if device.type != "cuda":
        pytest.skip("about a GPU's share of its matrix rate: --bench-device cuda measures it")
    target = TARGETS[name]
    found = rate_of(target, device, "bf16", effort_of(pytestconfig))
    assert found.contender.status == "ok", f"{name}: {found.contender.status}: {found.contender.reason}"
    replay(benchmark, found.contender.round_seconds)
    figures = {"mfu": found.mfu, "images_per_second": found.images_per_second}
    reached = figures[target.figure]
    benchmark.extra_info |= figures | found.contender.setting.as_json() | {"floor": target.floor, "goal": target.goal}
    benchmark.extra_info |= {
        "matrix_flops_per_second": found.matrix_flops_per_second,
        "goal_reached": reached >= target.goal,
    }
    print(f"{name}: {figures['images_per_second']:,.0f} images/s, MFU {found.mfu:.1%}, {found.contender.setting}")
    if reached < target.floor:
        path = profile_path(pytestconfig.getoption("benchmark_json") or tmp_path / "speed.json", name)
        path.write_text(profile_table(found.contender.setting, device), encoding="utf-8")
        benchmark.extra_info["profile"] = str(path)
        message = f"{name}: {target.figure} is {reached:.3g}, below {target.floor:.3g}; where the time went: {path}"
        print(message)
        assert found.matrix_flops_per_second < DATA_CENTRE_FLOPS, message


def rate_of(target: Target, device: torch.device, precision: Precision, effort: Effort) -> Rate:
    """Measure a model in turns with timm's of the same configuration and with the matrix product."""
    network, reference = Network(target.model), Network(target.model, "timm")
    key = GroupKey("training", "best", precision, target.image_size)
    equal = Setting(target.model, "timm", "training", precision, target.image_size, target.first_batch)
    group = run_group(key, [network], reference, equal=equal, device=device, effort=effort)
    (contender,) = (one for one in group.contenders if not one.is_reference)
    share = matrix_share(contender, group, sizes_of(network, target.image_size)[1])
    return Rate(contender, median(group.matrix_flops_per_second), math.nan if share is None else share)


def profile_table(setting: Setting, device: torch.device, steps: int = 5) -> str:
    """The twenty operations that a few steps spend the most time of the device in."""
    activities, order = [torch.profiler.ProfilerActivity.CPU], "self_cpu_time_total"
    if device.type == "cuda":
        activities, order = [*activities, torch.profiler.ProfilerActivity.CUDA], "self_device_time_total"
    workload = prepare(setting, device)
    with torch.profiler.profile(activities=activities) as profile:
        workload.seconds(steps)
    return str(profile.key_averages().table(sort_by=order, row_limit=20))


def profile_path(results: Path, name: str) -> Path:
    """Beside the JSON, under its name and the model's."""
    return results.with_name(f"{results.stem}-{name.replace('/', '-')}.profile.txt")
