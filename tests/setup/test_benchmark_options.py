"""`--benchmark` and its companions, on a tiny project that has the real root conftest and pytest settings."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

TEST = """
def test_plain():
    assert True
"""

BENCHMARKS = """
import time
import pytest

@pytest.mark.core
def test_core(benchmark):
    benchmark.extra_info["images_per_second"] = 7
    benchmark.pedantic(time.sleep, args=(0.001,), rounds=3)

def test_long(benchmark):
    benchmark.pedantic(time.sleep, args=(0.001,), rounds=3)
"""

RUNNING_OUT = """
import signal
import sys
import time

import pytest

def step(seconds):
    if seconds == 60:  # as if nearly all of the session's time had passed
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= sys.modules["conftest"].SESSION_LIMIT_S
        sys.modules["conftest"].SESSION_START -= sys.modules["conftest"].SESSION_LIMIT_S
        signal.setitimer(signal.ITIMER_REAL, 0.01, 5.0)
    try:
        time.sleep(seconds)
    except Exception:  # what the clock raises gets through this
        pass

@pytest.mark.core
@pytest.mark.parametrize("seconds", [0.001, 60, 0.002])
def test_slow(benchmark, seconds):
    benchmark.pedantic(step, args=(seconds,), rounds=1)
"""

PLUGINS = ("-p", "benchmark", "-p", "timeout", "-p", "xdist", "-p", "no:cacheprovider")
"""Only those that matter here, as loading the others takes most of a session's time."""

HAS_HISTOGRAMS = bool(find_spec("pygal") and find_spec("pygaljs"))

Pytest = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    write(tmp_path / "tests/test_plain.py", TEST)
    write(tmp_path / "tests/benchmarks/test_speed.py", BENCHMARKS)
    return tmp_path


@pytest.fixture
def run(project: Path) -> Pytest:
    def run_pytest(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-rs", "-v", *PLUGINS, *arguments]
        environment = outside_pytest(COLUMNS="200", PYTHONPATH=str(ROOT), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)

    return run_pytest


def test_plain_pytest_skips_benchmarks(run: Pytest) -> None:
    result = run()
    assert outcomes(result) == {"passed": 1, "skipped": 2}
    assert "a speed benchmark: pytest --benchmark runs it" in result.stdout


@pytest.mark.slow
def test_plain_pytest_skips_benchmarks_in_parallel_too(run: Pytest) -> None:
    assert outcomes(run("-n", "2")) == {"passed": 1, "skipped": 2}


def test_benchmark_runs_them_and_only_them(project: Path, run: Pytest) -> None:
    write(project / "tests/test_plain.py", "raise AssertionError('a test was imported')")
    result = run("--benchmark", "--benchmark-json", "speed.json")
    assert outcomes(result) == {"passed": 1, "skipped": 1}
    (kept,) = json.loads((project / "speed.json").read_text())["benchmarks"]
    assert kept["name"] == "test_core"
    assert kept["extra_info"] == {"images_per_second": 7}


def test_results_may_lie_outside_the_project(tmp_path_factory: pytest.TempPathFactory, run: Pytest) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    given = (f"--bench-results={elsewhere}", f"--benchmark-json={elsewhere}/speed.json")
    assert outcomes(run("--benchmark", *given)) == {"passed": 1, "skipped": 1}
    assert (elsewhere / "speed.json").is_file()


def test_benchmark_leaves_out_other_tests_in_the_same_folder(project: Path, run: Pytest) -> None:
    write(project / "tests/benchmarks/test_other.py", TEST)
    assert outcomes(run("--benchmark")) == {"passed": 1, "skipped": 1, "deselected": 1}


def test_benchmark_only_still_works(run: Pytest) -> None:
    result = run("--benchmark-only")
    assert outcomes(result) == {"passed": 1, "skipped": 2}
    assert "Skipping non-benchmark (--benchmark-only active)" in result.stdout


def test_default_selection_is_declared(run: Pytest) -> None:
    result = run("--benchmark")
    assert "test_core PASSED" in result.stdout
    assert "not in the default selection: --bench-full runs it" in result.stdout


@pytest.mark.parametrize("options", [("--bench-full",), ("--benchmark", "--bench-full")])
def test_bench_full_runs_all(run: Pytest, options: tuple[str, ...]) -> None:
    assert outcomes(run(*options)) == {"passed": 2}


@pytest.mark.parametrize("option", ["--benchmark", "--benchmark-only"])
def test_default_selection_ends_in_time(project: Path, run: Pytest, option: str) -> None:
    limit_session(project, seconds=600)
    write(project / "tests/benchmarks/test_speed.py", RUNNING_OUT)
    result = run("tests/benchmarks", option, "--benchmark-json", "speed.json")
    assert outcomes(result) == {"passed": 1, "skipped": 2}
    reason = "the default selection ended after 600 s: --bench-full runs all, without a limit"
    assert [line.partition(": ")[2] for line in skipped(result)] == [f"interrupted: {reason}", reason]
    kept = json.loads((project / "speed.json").read_text())["benchmarks"]
    assert [entry["params"] for entry in kept] == [{"seconds": 0.001}]


def test_bench_full_has_no_limit(project: Path, run: Pytest) -> None:
    limit_session(project, seconds=0)
    assert outcomes(run("--benchmark")) == {"skipped": 2}
    assert outcomes(run("--bench-full")) == {"passed": 2}


def test_limit_keeps_the_promise_of_three_minutes() -> None:
    assert 60 <= float(re.findall(r"^SESSION_LIMIT_S = (.+)$", (ROOT / "conftest.py").read_text(), re.M)[0]) <= 165


def test_benchmarks_refuse_to_run_in_parallel(run: Pytest) -> None:
    result = run("--benchmark", "-n", "2")
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "cannot run in parallel" in result.stderr


def test_unknown_device_is_refused(run: Pytest) -> None:
    result = run("--benchmark", "--bench-device", "tpu")
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "cpu" in result.stderr
    assert "cuda" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--bench-suite", "nosuch"), "unknown suite 'nosuch'"),
        (("--bench-model", "nosuch"), "unknown model 'nosuch'; known: vit_pico/8"),
        (("--benchmark-json", "missing/speed.json"), "missing/speed.json: cannot be written; name a file in an exist"),
        (("--benchmark-json", "tests"), "tests: cannot be written"),
        (("--benchmark-histogram",), "it needs pygal and pygaljs; pip install 'pytest-benchmark[histogram]'"),
        (("--bench-rounds", "0"), "--bench-rounds 0: at least 1 round is needed"),
        (("--bench-results", "pyproject.toml"), "--bench-results pyproject.toml: a file; name a folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_options_are_refused_before_anything_is_timed(
    run: Pytest, options: tuple[str, ...], message: str
) -> None:
    if "--benchmark-histogram" in options and HAS_HISTOGRAMS:
        pytest.skip("they can be drawn")
    result = run("--benchmark", *options)
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert "test_core" not in result.stdout


@pytest.mark.skipif(not HAS_HISTOGRAMS, reason="pygal or pygaljs is not installed")
def test_a_histogram_is_drawn(project: Path, run: Pytest) -> None:
    assert outcomes(run("--benchmark", "--benchmark-histogram=speeds")) == {"passed": 1, "skipped": 1}
    assert "test_core" in (project / "speeds.svg").read_text(encoding="utf-8")


@pytest.mark.slow
def test_absent_device_is_refused() -> None:
    environment = outside_pytest(CUDA_VISIBLE_DEVICES="", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    benchmarks = "tests/benchmarks/test_drawing_speed.py"  # those whose libraries load soonest
    command = [sys.executable, "-m", "pytest", *PLUGINS, benchmarks, "--benchmark", "--bench-device", "cuda"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--bench-device cuda: there is no CUDA device that torch can use" in result.stdout
    assert "(CUDA_VISIBLE_DEVICES is empty); allowed here: cpu" in result.stdout


def outside_pytest(**variables: str) -> dict[str, str]:
    """The environment without what an outer pytest and its xdist workers leave in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | variables


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def limit_session(project: Path, seconds: float) -> None:
    text, count = re.subn(
        r"^SESSION_LIMIT_S = .+$", f"SESSION_LIMIT_S = {seconds}", (project / "conftest.py").read_text(), flags=re.M
    )
    assert count == 1
    (project / "conftest.py").write_text(text)


def skipped(result: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in result.stdout.splitlines() if line.startswith("SKIPPED")]


def outcomes(result: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """The counts of pytest's last line; the session itself must have ended well."""
    assert result.returncode == 0, result.stdout + result.stderr
    last = result.stdout.strip().splitlines()[-1]
    return {word: int(count) for count, word in re.findall(r"(\d+) (\w+)", last.partition(" in ")[0])}
