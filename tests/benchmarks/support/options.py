"""What the options of `pytest --benchmark` ask for."""

from dataclasses import replace

import pytest

from bench.machine.device import Device
from bench.speed.best_settings import SearchLimits
from bench.speed.rounds import Effort


def asked_for(config: pytest.Config) -> tuple[str, Device, tuple[str, ...]]:
    """Return the arguments of `bench.speed.cases.select`."""
    names = ("bench_suite", "bench_device", "bench_model")
    suite, device, models = (config.getoption(name) for name in names)
    return suite, device, tuple(models)


def effort_of(config: pytest.Config) -> Effort:
    """Return how much is measured: compiling takes seconds per network on a GPU, half a minute on a CPU."""
    effort = Effort()
    if config.getoption("bench_device") == "cuda":
        effort = Effort(rounds=15, modes=("eager", "compiled"), limits=SearchLimits(batch=32768, seconds=1.0))
    elif config.getoption("bench_full"):
        effort = Effort(rounds=21, modes=("eager", "compiled"), limits=SearchLimits(batch=1024, seconds=1.0))
    return replace(effort, rounds=config.getoption("bench_rounds") or effort.rounds)
