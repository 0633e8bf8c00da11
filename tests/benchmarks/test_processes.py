"""Two single-thread processes against one process with two threads, training the same number of images on a CPU.

The reason why the runner gives each core a worker of one thread. ViT of width 64, at 16 and at 64 tokens, with data
and augmentation included; all processes are warm before the clock starts.
"""

from collections.abc import Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.speed.measure import measure
from tests.benchmarks.support.orders import Worker, order, workers
from tests.benchmarks.support.trainer import BATCH_SIZE

IN_FULL, SHORT = (32, 7), (4, 3)
"""Steps in a round, over all processes, and rounds: with `--bench-full`, and in the default selection."""


@pytest.fixture(scope="module")
def trainers() -> Iterator[list[Worker]]:
    """Two processes that train when told to."""
    with workers(2, "tests.benchmarks.support.trainer") as processes:
        yield processes


@pytest.mark.core
@pytest.mark.benchmark(group="two cores")
@pytest.mark.parametrize(("processes", "threads"), [(2, 1), (1, 2)])
@pytest.mark.parametrize(("name", "tokens"), [("vit_pico/8", 16), ("vit_pico/4", 64)])
def test_two_cores(
    benchmark: BenchmarkFixture,
    trainers: list[Worker],
    name: str,
    tokens: int,
    processes: int,
    threads: int,
    in_full: bool,
) -> None:
    steps, rounds = IN_FULL if in_full else SHORT
    working = trainers[:processes]
    order(working, f"prepare {name} {threads}")
    notes = {"model": name, "tokens": tokens, "processes": processes, "threads": threads, "batch_size": BATCH_SIZE}
    measure(
        benchmark,
        lambda: order(working, f"train {steps // processes}"),
        num_images=steps * BATCH_SIZE,
        device="cpu",
        notes=notes,
        rounds=rounds,
    )
