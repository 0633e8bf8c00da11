"""The one clock: the time is read only after the device has done everything that it was given.

A GPU works behind the process that gives it work, so a call that has returned says nothing about its work.
"""

import time
from collections.abc import Callable

import torch


def synchronize(device: torch.device | str) -> None:
    """Wait until a device has done all its work; on a CPU, work is done when its call returns."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def now(device: torch.device | str) -> float:
    """Return the seconds since an arbitrary moment, read after the device has done all its work."""
    synchronize(device)
    return time.perf_counter()


def seconds_of(job: Callable[[], object], device: torch.device | str, times: int = 1) -> float:
    """Return the seconds that an idle device takes to do a job `times` times in a row and to be idle again."""
    start = now(device)
    for _ in range(times):
        job()
    return now(device) - start
