"""Seconds from a suite to the runs of 10,000 that are left to do, as `bench run` finds them before it goes on."""

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.config.resolved import ResolvedSuite, resolve
from bench.config.suite import Suite
from bench.plan.expand import expand
from bench.store.new_record import build_record
from bench.store.store import Store

NUM_RUNS = 10_000
LIMIT_S = 2.0
SUITE: dict[str, Any] = {
    "corpus": {"name": "fractals", "classes": 4},
    "subsets": [16, 32],
    "models": ["vit_pico/8", "bit_resnet_pico", "r_pico+vit_pico/8"],
    "targets": ["digits@20"],
}
"""15 runs per seed."""


@pytest.mark.core
@pytest.mark.benchmark(group="store")
def test_plan_and_scan(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """A suite is expanded with its keys, and every record is read to its end: half of the runs are finished."""
    content = Suite.model_validate(SUITE | {"seeds": tuple(range(NUM_RUNS // 15 + 1))})
    suite = resolve("many", content, device="cpu", data_dir=tmp_path)
    store = Store(tmp_path / "many")
    num_finished = _write_records(store, suite)

    def plan_and_scan() -> int:
        plan = expand(suite)
        assert len(plan.runs) >= NUM_RUNS
        return len(store.finished(run.key for run in plan.runs))

    assert benchmark.pedantic(plan_and_scan, rounds=3, warmup_rounds=1) == num_finished
    if benchmark.stats is not None:  # absent under --benchmark-disable
        assert benchmark.stats["min"] < LIMIT_S


def _write_records(store: Store, suite: ResolvedSuite) -> int:
    """Write a record for each run of a suite, every other one `ok`; return how many are."""
    runs = expand(suite).runs
    names = [f"class {number}" for number in range(10)]
    data = {"class_names": names, "num_classes": len(names)}
    record = build_record(runs[0], status="ok", metrics={"test_accuracy": 0.5}, data=data)
    for number, run in enumerate(runs):
        status = "failed" if number % 2 else "ok"
        folder = store.run_folder(run.key)
        folder.mkdir(parents=True)
        content = record | {"key": run.key, "run": run.resolved(), "status": status}
        (folder / "record.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return (len(runs) + 1) // 2
