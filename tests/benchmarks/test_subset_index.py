"""The index of as many images as ImageNet-21k has: seconds and memory of a process of its own."""

import json
import subprocess
import sys
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

NUM_IMAGES, NUM_CLASSES = 14_000_000, 21_000
MOST_SECONDS, MOST_BYTES = 30, 2**30


@pytest.mark.benchmark(group="ladder")
@pytest.mark.parametrize("first_classes", [None, 18_000])
def test_index(benchmark: BenchmarkFixture, pytestconfig: pytest.Config, first_classes: int | None) -> None:
    """Order, SHA-256 and index file."""
    words = [str(number) for number in (NUM_IMAGES, NUM_CLASSES, first_classes) if number is not None]
    readings: list[dict[str, Any]] = []

    def index() -> None:
        command = [sys.executable, "-m", "tests.benchmarks.support.indexer", *words]
        done = subprocess.run(command, cwd=pytestconfig.rootpath, stdout=subprocess.PIPE, text=True, check=True)
        readings.append(json.loads(done.stdout))

    benchmark.pedantic(index, rounds=2)
    benchmark.extra_info["readings"] = readings
    assert max(reading["seconds"] for reading in readings) < MOST_SECONDS
    assert max(reading["bytes"] for reading in readings) < MOST_BYTES
