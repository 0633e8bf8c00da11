"""The index of as many images as ImageNet-21k has: seconds and memory of a process of its own."""

import json
import subprocess
import sys
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.support.measure import measure

NUM_IMAGES, NUM_CLASSES = 14_000_000, 21_000
MOST_SECONDS, MOST_BYTES = 30, 2**30


@pytest.mark.benchmark(group="ladder")
@pytest.mark.parametrize("first_classes", [None, 18_000])
def test_index(benchmark: BenchmarkFixture, pytestconfig: pytest.Config, first_classes: int | None) -> None:
    """Order, SHA-256 and index file; labels and imports are in the memory and the round, not in the seconds."""
    words = [str(number) for number in (NUM_IMAGES, NUM_CLASSES, first_classes) if number is not None]
    found: list[dict[str, Any]] = []

    def index() -> None:
        command = [sys.executable, "-m", "tests.benchmarks.support.indexer", *words]
        done = subprocess.run(command, cwd=pytestconfig.rootpath, stdout=subprocess.PIPE, text=True, check=True)
        found.append(json.loads(done.stdout))

    measure(benchmark, index, num_images=NUM_IMAGES, notes={}, rounds=2)
    for name in ("order_seconds", "file_seconds", "peak_memory_bytes"):
        benchmark.extra_info[name] = [round_[name] for round_ in found]
    assert max(round_["order_seconds"] + round_["file_seconds"] for round_ in found) < MOST_SECONDS
    assert max(round_["peak_memory_bytes"] or 0 for round_ in found) < MOST_BYTES
