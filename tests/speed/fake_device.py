"""A device of tests that works behind its caller, as a GPU does."""

import queue
import threading
import time
from collections.abc import Callable

from bench.speed.stopwatch import Stopwatch

SLEEP_S = 0.02
"""Of a kernel."""


class FakeDevice:
    """Kernels and events are queued, and done in their order."""

    def __init__(self) -> None:
        self.work: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while (kernel := self.work.get()) is not None:
            kernel()

    def launch(self) -> None:
        """Queue a kernel, and return at once."""
        self.work.put(lambda: time.sleep(SLEEP_S))

    def synchronize(self) -> None:
        done = threading.Event()
        self.work.put(done.set)
        done.wait()

    def new_event(self) -> "FakeEvent":
        return FakeEvent(self)

    def stopwatch(self) -> Stopwatch:
        """The clock for it, as that of a GPU is made."""
        return Stopwatch(self.synchronize, self.new_event)

    def close(self) -> None:
        """End when all work is done."""
        self.work.put(None)
        self.thread.join()


class FakeEvent:
    def __init__(self, device: FakeDevice) -> None:
        self.device, self.passed, self.at = device, threading.Event(), 0.0

    def record(self) -> None:
        self.device.work.put(self._pass)

    def _pass(self) -> None:
        self.at = time.perf_counter()
        self.passed.set()

    def synchronize(self) -> None:
        self.passed.wait()

    def elapsed_time(self, end_event: "FakeEvent") -> float:
        assert self.passed.is_set(), "an event that the device has not come to was read"
        assert end_event.passed.is_set(), "an event that the device has not come to was read"
        return 1000 * (end_event.at - self.at)
