"""pytest-benchmark is told samples that were measured elsewhere, and keeps exactly these."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.speed.replay import replay

ROOT = Path(__file__).resolve().parents[2]
BENCHMARK = """
import pytest
from bench.speed.replay import recorded_time, replay

@pytest.mark.benchmark(timer=recorded_time)
@pytest.mark.parametrize("samples", [{samples}, {samples}[::-1]])
def test_told(benchmark, samples):
    replay(benchmark, samples)
"""
SAMPLES = [0.1, 0.3, 1 / 3, 1e-7, 123.456789012345678]


def test_samples_are_kept_unrounded(tmp_path: Path) -> None:
    (tmp_path / "test_told.py").write_text(BENCHMARK.format(samples=SAMPLES))
    command = [sys.executable, "-m", "pytest", "-p", "benchmark", "--benchmark-json", "told.json", "-q"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    kept = json.loads((tmp_path / "told.json").read_text())["benchmarks"]
    assert [one["stats"]["data"] for one in kept] == [SAMPLES, SAMPLES[::-1]]
    assert kept[0]["options"]["timer"] == "recorded_time"


def test_a_benchmark_without_a_sample_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="measured nothing"):
        replay(None, [])
