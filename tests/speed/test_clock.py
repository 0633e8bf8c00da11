"""What a clock must not get wrong: it reads neither too early nor too late, on whatever kind of device."""

import statistics
import time
from collections.abc import Callable, Iterator

import pytest
import torch

from bench.speed.stopwatch import Stopwatch, stopwatch_for
from tests.speed.fake_device import SLEEP_S, FakeDevice

WITHIN = 0.02
ON_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture
def device() -> Iterator[FakeDevice]:
    device = FakeDevice()
    yield device
    device.close()


@pytest.fixture
def stopwatch(device: FakeDevice) -> Stopwatch:
    return device.stopwatch()


def test_the_planted_kernel_is_asynchronous(device: FakeDevice) -> None:
    start = time.perf_counter()
    device.launch()
    assert time.perf_counter() - start < SLEEP_S / 4, "a clock that read now would be right by accident"


@pytest.mark.parametrize("times", [1, 3])
def test_an_asynchronous_kernel_is_not_undermeasured(device: FakeDevice, stopwatch: Stopwatch, times: int) -> None:
    assert SLEEP_S * times <= stopwatch.seconds(device.launch, times) < 2 * SLEEP_S * times


def test_nor_is_its_latency(device: FakeDevice, stopwatch: Stopwatch) -> None:
    assert SLEEP_S <= stopwatch.latency(device.launch) < 2 * SLEEP_S


@pytest.mark.parametrize("read", [Stopwatch.seconds, Stopwatch.latency])
def test_work_that_was_queued_before_does_not_count(
    device: FakeDevice, stopwatch: Stopwatch, read: Callable[[Stopwatch, Callable[[], object]], float]
) -> None:
    for _ in range(5):
        device.launch()
    assert read(stopwatch, device.launch) < 3 * SLEEP_S


@pytest.mark.parametrize("read", [Stopwatch.seconds, Stopwatch.latency])
def test_known_seconds_are_measured_on_a_cpu(read: Callable[[Stopwatch, Callable[[], object]], float]) -> None:
    stopwatch = stopwatch_for(torch.device("cpu"))
    samples = [read(stopwatch, lambda: time.sleep(SLEEP_S)) for _ in range(15)]
    assert statistics.median(samples) == pytest.approx(SLEEP_S, rel=WITHIN)


@ON_CUDA
@pytest.mark.parametrize("read", [Stopwatch.seconds, Stopwatch.latency])
def test_a_kernel_on_cuda_is_not_undermeasured(read: Callable[[Stopwatch, Callable[[], object]], float]) -> None:
    """A kernel that spins for so many cycles of the GPU's clock, at the rate that a wait for it shows."""
    cycles = 100_000_000
    torch.cuda._sleep(cycles)
    torch.cuda.synchronize()
    start = time.perf_counter()
    torch.cuda._sleep(cycles)
    torch.cuda.synchronize()
    expected = time.perf_counter() - start
    found = read(stopwatch_for(torch.device("cuda")), lambda: torch.cuda._sleep(cycles))
    assert found == pytest.approx(expected, rel=0.1)
