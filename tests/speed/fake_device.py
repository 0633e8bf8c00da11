"""A device of tests with a clock of its own: time passes only where the test says so, to the last digit.

It works behind its caller, as a GPU does: a launched kernel takes the device's time, and none of the caller's.
"""

from types import SimpleNamespace

import pytest
import torch

from bench.machine import clock

KERNEL_S = 0.02
TICK_S = 1e-6
"""What a look at the clock takes, so that nothing takes no time at all."""


class FakeDevice:
    """Takes the place of CUDA and of the clock on the wall."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.idle_from = 0.0, 0.0
        monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=self.perf_counter))
        monkeypatch.setattr(torch.cuda, "synchronize", self.synchronize)

    def work(self, seconds: float) -> None:
        """Do something on the CPU."""
        self.now += seconds

    def launch(self) -> None:
        """Queue a kernel, and return at once."""
        self.idle_from = max(self.now, self.idle_from) + KERNEL_S

    def synchronize(self) -> None:
        self.now = max(self.now, self.idle_from)

    def perf_counter(self) -> float:
        self.now += TICK_S
        return self.now
