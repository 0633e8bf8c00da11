"""Two jobs measured in turns in one process: the ratio of their rates, pair by pair, with its interval.

A machine that drifts, or does other work for a while, slows both alike; which of a pair goes first changes each time.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.analysis.stats.intervals import mean_interval

Job = Callable[[], object]


@dataclass(frozen=True)
class Ratio:
    """How many times as fast the first job is: geometric mean over pairs, and its 95 % interval (Student's t)."""

    ratio: float
    low: float
    high: float
    pairs: int

    def __str__(self) -> str:
        return f"{self.ratio:.3f} ({self.low:.3f} to {self.high:.3f})"


def side_by_side(
    benchmark: BenchmarkFixture,
    one: Job,
    other: Job,
    *,
    device: str,
    pairs: int,
    clock: Callable[[], float] | None = None,
) -> Ratio:
    """Time two jobs in turns, after two pairs to warm up; a pair is a round of the benchmark.

    On a CPU by the processor time of this process, which other processes lengthen less than the time of day; jobs that
    have processes of their own need the clock on the wall.
    """
    clock = clock or (time.process_time if device == "cpu" else time.perf_counter)
    seconds: list[tuple[float, float]] = []

    def timed(job: Job) -> float:
        start = clock()
        job()
        if device == "cuda":
            torch.cuda.synchronize()
        return clock() - start

    def pair() -> None:
        if len(seconds) % 2:
            later, first = timed(other), timed(one)
        else:
            first, later = timed(one), timed(other)
        seconds.append((first, later))

    benchmark.pedantic(pair, rounds=pairs, warmup_rounds=2)
    logs = [math.log(theirs / ours) for ours, theirs in seconds[-pairs:]]
    interval = mean_interval(logs)
    return Ratio(math.exp(interval.mean), math.exp(interval.low), math.exp(interval.high), interval.n)
