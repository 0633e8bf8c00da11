"""The clock reads neither too early nor too late, on synchronous and on asynchronous devices."""

import time
from typing import Any

import pytest
import torch

from bench.machine.clock import now, seconds_of
from tests.speed.fake_device import KERNEL_S, TICK_S, FakeDevice

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    return FakeDevice(monkeypatch)


@pytest.mark.parametrize("times", [1, 3])
def test_a_kernel_counts_until_it_is_done(device: FakeDevice, times: int) -> None:
    assert seconds_of(device.launch, CUDA, times) == pytest.approx(KERNEL_S * times + TICK_S)


def test_work_that_was_queued_earlier_does_not_count(device: FakeDevice) -> None:
    for _ in range(5):
        device.launch()
    assert seconds_of(device.launch, CUDA) == pytest.approx(KERNEL_S + TICK_S)


def test_a_cpu_is_not_asked_to_wait(device: FakeDevice) -> None:
    assert seconds_of(device.launch, CPU) == pytest.approx(TICK_S)


def test_known_seconds_are_measured_on_a_cpu() -> None:
    """At least what the job itself has measured, at most what its caller has."""
    slept: list[float] = []

    def sleep() -> None:
        start = time.perf_counter()
        time.sleep(0.005)
        slept.append(time.perf_counter() - start)

    start = now(CPU)
    measured = seconds_of(sleep, CPU, times=3)
    assert sum(slept) <= measured <= now(CPU) - start


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_kernel_on_cuda_counts_until_it_is_done() -> None:
    """At least what the device itself has measured from before the kernel to behind it."""
    events: Any = [torch.cuda.Event(enable_timing=True) for _ in range(2)]

    def spin() -> None:
        events[0].record()
        torch.cuda._sleep(100_000_000)
        events[1].record()

    start = now(CUDA)
    measured = seconds_of(spin, CUDA)
    assert events[0].elapsed_time(events[1]) / 1000 <= measured <= now(CUDA) - start
