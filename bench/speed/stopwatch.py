"""The clock of the speed benchmarks: it is read when the device has done all that it was given, never before.

A GPU works behind the process that gives it work, so the time of a call is not the time of its work. Where there are
events (marks that a device passes in the order of its work), these are timed; what a caller waits for is timed by the
clock on the wall, from a device that is idle to one that is idle again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch

Job = Callable[[], object]


class Event(Protocol):
    """A mark among a device's work, as `torch.cuda.Event` with timing is one."""

    def record(self) -> Any:
        """Put the mark behind all work given so far."""

    def synchronize(self) -> Any:
        """Wait until the device has come to the mark."""

    def elapsed_time(self, end_event: Any) -> float:
        """Milliseconds to another mark."""


@dataclass(frozen=True)
class Stopwatch:
    """How one device is timed."""

    synchronize: Callable[[], object]
    """Wait until the device has done all that it was given."""
    new_event: Callable[[], Event] | None = None
    """None where work is done when its call returns."""

    def seconds(self, job: Job, times: int = 1) -> float:
        """Seconds that the device takes for a job done so many times in a row."""
        self.synchronize()
        if self.new_event is None:
            return self._on_the_wall(job, times)
        begin, end = self.new_event(), self.new_event()
        begin.record()
        for _ in range(times):
            job()
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end)) / 1000

    def latency(self, job: Job) -> float:
        """Seconds that somebody waits who asks an idle device for the job and for its result."""
        self.synchronize()
        return self._on_the_wall(job, 1)

    def _on_the_wall(self, job: Job, times: int) -> float:
        start = time.perf_counter()
        for _ in range(times):
            job()
        self.synchronize()
        return time.perf_counter() - start


def stopwatch_for(device: torch.device) -> Stopwatch:
    """The stopwatch of a torch device."""
    if device.type != "cuda":
        return Stopwatch(synchronize=lambda: None)
    return Stopwatch(torch.cuda.synchronize, lambda: torch.cuda.Event(enable_timing=True))
