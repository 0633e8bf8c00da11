"""The device of the benchmarks, and what the JSON says about the machine."""

import platform
from collections.abc import Iterator
from typing import Any

import pytest
import torch


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    """What `--bench-device` names; the session ends where it is not there."""
    name = request.config.getoption("bench_device")
    if name == "cuda" and not torch.cuda.is_available():
        pytest.exit(
            "--bench-device cuda: this machine has no CUDA device; allowed here: cpu", pytest.ExitCode.USAGE_ERROR
        )
    return torch.device(name)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As in a run on a CPU: one thread for each worker."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    on_cuda = config.getoption("bench_device") == "cuda" and torch.cuda.is_available()
    machine_info["torch"] = torch.__version__
    machine_info["gpu"] = torch.cuda.get_device_name() if on_cuda else None
    machine_info["platform"] = platform.platform()
