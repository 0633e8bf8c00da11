"""A/B timing: two jobs measured in turns in one process, and the ratio of their rates with its interval.

A machine that drifts, or does other work for a while, slows both alike. Which of a pair goes first changes each time.
"""

import time
from collections.abc import Callable

import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.ratios import paired_ratio
from bench.machine.clock import now, synchronize

Job = Callable[[], object]


def ab_timing(
    benchmark: BenchmarkFixture, a: Job, b: Job, device: torch.device, *, pairs: int, on_the_wall: bool = False
) -> Interval:
    """Time two jobs in turns, after two pairs to warm up; a pair is a round of the benchmark.

    Args:
        benchmark: The fixture; the ratio goes into its JSON.
        a: The first job.
        b: The second job.
        device: The device that does them.
        pairs: The number of pairs.
        on_the_wall: Whether a CPU is timed by the clock on the wall, as jobs with processes of their own need it. The
            processor time of this process serves otherwise: other processes lengthen it less.

    Returns:
        How many times as fast the first job is.
    """
    seconds: list[tuple[float, float]] = []
    by_processor_time = device.type == "cpu" and not on_the_wall

    def clock() -> float:
        return time.process_time() if by_processor_time else now(device)

    def timed(job: Job) -> float:
        start = clock()
        job()
        return clock() - start

    def pair() -> None:
        if len(seconds) % 2:
            b_seconds, a_seconds = timed(b), timed(a)
        else:
            a_seconds, b_seconds = timed(a), timed(b)
        seconds.append((a_seconds, b_seconds))

    synchronize(device)
    benchmark.pedantic(pair, rounds=pairs, warmup_rounds=2)
    of_a, of_b = zip(*seconds[-pairs:], strict=True)
    ratio = paired_ratio(of_b, of_a)
    benchmark.extra_info |= {
        "device": device.type,
        "ratio": ratio.mean,
        "low": ratio.low,
        "high": ratio.high,
        "pairs": ratio.n,
    }
    return ratio


def in_words(ratio: Interval) -> str:
    """Return a ratio with its interval, as text."""
    return f"{ratio.mean:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"
