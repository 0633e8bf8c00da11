"""`pytest --benchmark` on a suite, end to end in a process of its own: rows, JSON and the table."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from bench.store.speed_file import read

ROOT = Path(__file__).resolve().parents[2]
GROUPS = "inference-latency or training-equal"


def measure(folder: Path, *options: str) -> str:
    """Return what a session printed that measured into a folder."""
    command = [
        *(sys.executable, "-m", "pytest", "tests/benchmarks/test_speed.py", "-p", "no:cacheprovider", "-rs"),
        *("--benchmark", "--bench-model", "vit_pico/16", "--bench-results", str(folder), *options),
    ]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of results after a session, and what it printed."""
    folder = tmp_path_factory.mktemp("speeds")
    options = ("--bench-rounds", "6", "--bench-model", "vit_pico/7", "--benchmark-json", str(folder / "speed.json"))
    return folder, measure(folder, "-k", GROUPS, *options)


@pytest.fixture
def rows(session: tuple[Path, str]) -> pd.DataFrame:
    (path,) = (session[0] / "throughput").glob("*.parquet")
    return read(path)


def test_every_row_has_its_figures(rows: pd.DataFrame) -> None:
    ran = rows[rows["status"] == "ok"]
    assert set(ran["model"]) == {"vit_pico/16"}
    assert {"ours", "timm", "torchvision"} == set(ran["implementation"])
    for name in ("parameters", "macs", "images_per_second"):
        assert (ran[name] > 0).all(), name
    assert ((ran["matrix_share"] > 0) & (ran["matrix_share"] < 1)).all()
    for name in ("peak_memory_bytes", "activation_memory_bytes", "joules_per_thousand_images"):
        assert ran[name].isna().all(), f"{name} of a CPU is not measured"
    assert (ran["threads"] == 1).all()
    assert set(rows["suite"]) == {"cpu with vit_pico/16, vit_pico/7"}, "it does not stand in for the suite's speeds"


def test_a_latency_has_a_thousand_samples(rows: pd.DataFrame) -> None:
    latencies = rows[(rows["kind"] == "latency") & (rows["status"] == "ok")]
    assert {len(calls) for calls in latencies["call_seconds"]} == {1000}
    assert (latencies["p50_ms"] <= latencies["p95_ms"]).all()
    assert (latencies["p95_ms"] <= latencies["p99_ms"]).all()
    assert (latencies["batch_size"] == 1).all()


def test_ratios_are_to_the_reference_of_their_group(rows: pd.DataFrame) -> None:
    others = rows[~rows["is_reference"] & (rows["status"] == "ok")]
    assert (others["reference_ratio_low"] <= others["reference_ratio"]).all()
    assert (others["reference_ratio"] <= others["reference_ratio_high"]).all()
    assert set(rows.loc[rows["is_reference"], "implementation"]) == {"timm"}


def test_what_cannot_be_built_is_a_row_with_its_reason_and_a_skip(
    session: tuple[Path, str], rows: pd.DataFrame
) -> None:
    failed = rows[rows["model"] == "vit_pico/7"]
    assert set(failed["status"]) == {"failed"}
    assert failed["reason"].str.contains("7").all()
    assert "failed: SpecError" in session[1]


def test_the_table_is_printed(session: tuple[Path, str]) -> None:
    said = "training, equal settings: fp32, 16 px, cpu, 1 thread. Measured in one process: the intervals are of that"
    assert said in session[1]
    assert "the reference" in session[1]
    assert "kept in" in session[1]


def test_the_json_holds_each_row_s_samples_by_model(session: tuple[Path, str], rows: pd.DataFrame) -> None:
    content = json.loads((session[0] / "speed.json").read_text())
    assert content["machine_info"]["torch"]
    benchmarks = content["benchmarks"]
    assert {one["group"] for one in benchmarks} == {"vit_pico/16"}
    (one,) = (one for one in benchmarks if one["params"] and "ours-training-equal" in one["name"])
    row = rows[(rows["task"] == "training") & (rows["implementation"] == "ours") & (rows["status"] == "ok")].iloc[0]
    assert one["stats"]["data"] == list(row["round_seconds"]), "samples are stored unrounded"
    assert one["extra_info"]["images_per_second"] == pytest.approx(32 / one["stats"]["median"])


def test_pytest_benchmark_s_own_compare_opens_it(session: tuple[Path, str]) -> None:
    again = shutil.copy(session[0] / "speed.json", session[0] / "again.json")
    command = [sys.executable, "-m", "pytest_benchmark", "compare", str(session[0] / "speed.json"), str(again)]
    result = subprocess.run(command, cwd=session[0], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "vit_pico/16-ours-training-equal" in result.stdout
    assert "benchmark 'vit_pico/16'" in result.stdout


def test_restarts_are_processes_of_their_own(tmp_path: Path) -> None:
    """Each has the same rounds; the measurement is one record per network."""
    said = measure(tmp_path, "-k", "ours-inference-equal", "--bench-rounds", "2", "--bench-restarts", "2")
    assert "Measured in 2 processes: an interval over them needs 6" in said
    (path,) = (tmp_path / "throughput").glob("*.parquet")
    rows = read(path)
    assert [list(restarts) for restarts in rows["round_restarts"]] == [[0, 0, 1, 1]] * len(rows)
    assert rows["num_rounds"].tolist() == [4] * len(rows)
    assert rows["reference_ratio_low"].isna().all()
