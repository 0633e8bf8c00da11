"""Seconds, memory and bytes of `bench report` on 1,000 cells of 10,000 test images: tables, claims, figures, pages.

The time must grow no faster than the cells.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.support.analysed_store import CELLS_PER_TARGET, TARGETS, write_store

NUM_IMAGES = 10_000
LIMIT_S = 60.0
LIMIT_BYTES = 4 * 2**30
LIMIT_PAGE_BYTES = 6_000_000
MOST_GROWTH = 1.3
"""The most times as long that a cell may take among all of them as among a quarter: once, and what a machine adds."""

SCRIPT = """
import json, pathlib, sys, time
from bench.machine.environment import peak_memory_bytes
started = time.perf_counter()
from bench.cli.app import app
try:
    app(["report", "analysed", "--results", sys.argv[1], "--reports", sys.argv[1] + "-reports"])
except SystemExit as end:
    assert not end.code, end.code
reading = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time(), "bytes": peak_memory_bytes()}
page = pathlib.Path(sys.argv[1] + "-reports", "analysed", "index.html")
print(json.dumps(reading | {"page_bytes": page.stat().st_size}))
"""


@pytest.mark.benchmark(group="analysis")
def test_analysis_of_a_thousand_cells(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """From records and predictions; then again from the cached per-image correctness."""
    num_targets = len(TARGETS)
    quarter, whole = (write_store(tmp_path / str(number), number, NUM_IMAGES) for number in (1, num_targets))
    few = _analyse(quarter)
    first = benchmark.pedantic(_analyse, args=(whole,), rounds=1)
    again = _analyse(whole)
    for store, cells in ((quarter, CELLS_PER_TARGET), (whole, num_targets * CELLS_PER_TARGET)):
        assert len(pd.read_parquet(store / "analysed/tables/cells.parquet")) == cells
        comparison = pd.read_parquet(store / "analysed/tables/comparison.parquet")
        assert set(comparison["method"]) == {"seeds and images"}
    assert first["page_bytes"] < LIMIT_PAGE_BYTES
    benchmark.extra_info.update(quarter=few, first=first, again=again)
    if benchmark.stats is not None:  # absent under --benchmark-disable
        assert max(first["seconds"], again["seconds"]) < LIMIT_S
        assert max(first["bytes"], again["bytes"]) < LIMIT_BYTES
        assert first["seconds"] < MOST_GROWTH * num_targets * few["seconds"]


def _analyse(results: Path) -> dict[str, Any]:
    ended = subprocess.run([sys.executable, "-c", SCRIPT, results], capture_output=True, text=True, check=True)
    reading: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return reading
