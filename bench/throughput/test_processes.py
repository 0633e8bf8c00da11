"""Two single-thread processes against one process with two threads, training the same number of images on a CPU.

The reason why the runner gives each core a worker of one thread. ViT of width 64, at 16 and at 64 tokens, with data
and augmentation included; all processes are warm before the clock starts.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.throughput.measure import measure
from bench.throughput.trainer import BATCH_SIZE

STEPS = 32
"""In a round, over all processes."""

Trainer = subprocess.Popen[str]


@pytest.fixture(scope="module")
def trainers(pytestconfig: pytest.Config) -> Iterator[list[Trainer]]:
    """Two processes that train when told to; they are gone afterwards, in whatever way it ends."""
    command = [sys.executable, "-m", "bench.throughput.trainer"]
    processes = [
        subprocess.Popen(command, cwd=pytestconfig.rootpath, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@pytest.mark.core
@pytest.mark.benchmark(group="two cores")
@pytest.mark.parametrize(("processes", "threads"), [(2, 1), (1, 2)])
@pytest.mark.parametrize(("name", "tokens"), [("vit_pico/8", 16), ("vit_pico/4", 64)])
def test_two_cores(
    benchmark: BenchmarkFixture, trainers: list[Trainer], name: str, tokens: int, processes: int, threads: int
) -> None:
    working = trainers[:processes]
    order(working, f"prepare {name} {threads}")
    notes = {"model": name, "tokens": tokens, "processes": processes, "threads": threads, "batch_size": BATCH_SIZE}
    measure(
        benchmark,
        lambda: order(working, f"train {STEPS // processes}"),
        num_images=STEPS * BATCH_SIZE,
        device="cpu",
        notes=notes,
    )


def order(trainers: Sequence[Trainer], what: str) -> None:
    """Tell all of them to begin, then wait for all."""
    for trainer in trainers:
        assert trainer.stdin
        print(what, file=trainer.stdin, flush=True)
    for trainer in trainers:
        assert trainer.stdout
        assert trainer.stdout.readline() == "done\n", "a trainer ended before it was done"
