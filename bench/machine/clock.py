"""The clock of the suite: it is read only after the device has finished all its work.

A GPU works asynchronously, so its work may not be done when a call returns.
"""

import time
from collections.abc import Callable

import torch


def synchronize(device: torch.device | str) -> None:
    """Wait until a device has finished all its work; on a CPU, work is finished when its call returns."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def now(device: torch.device | str) -> float:
    """Return the seconds since an arbitrary moment, read after the device has finished all its work."""
    synchronize(device)
    return time.perf_counter()


def seconds_of(job: Callable[[], object], device: torch.device | str, times: int = 1) -> float:
    """Return the seconds that an idle device needs to do a job `times` times in a row and become idle again."""
    start = now(device)
    for _ in range(times):
        job()
    return now(device) - start
