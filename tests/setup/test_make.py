"""The Makefile, in a folder of its own with recording stand-ins for the set-up and for the environment's Python."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

INSTALL = """#!/bin/sh
echo "install $*" >>calls
mkdir -p "$2/bin"
cp fake-python "$2/bin/python"
[ ! -e install-hangs ] || sleep 60
[ ! -e install-fails ]
"""

PYTHON = """#!/bin/sh
echo "$*" >>calls
if [ "$3" = run ]; then exit "${RUN_STATUS:-0}"; fi
if [ "$3" = report ]; then exit "${REPORT_STATUS:-0}"; fi
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements").mkdir()
    for name in ("requirements/uv.txt", "requirements/dev.txt", "pyproject.toml", "requirements/check_python.py"):
        (tmp_path / name).touch()
    (tmp_path / "requirements/install.sh").write_text(INSTALL)
    (tmp_path / "fake-python").write_text(PYTHON)
    (tmp_path / "fake-python").chmod(0o755)
    return tmp_path


def test_help_has_a_line_for_each_target(project: Path) -> None:
    (targets,) = re.findall(r"^\.PHONY: (.+)$", (project / "Makefile").read_text(), re.M)
    lines = make(project, "help").stdout.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("make ")] == targets.split()
    assert make(project).stdout.splitlines() == lines
    assert calls(project) == [], "help needs no set-up"


def test_setup_is_done_once(project: Path) -> None:
    make(project, "setup")
    make(project, "setup")
    assert calls(project) == ["install python3 .venv"]


@pytest.mark.parametrize("changed", ["requirements/dev.txt", "requirements/uv.txt", "pyproject.toml"])
def test_setup_is_done_again_when_its_sources_change(project: Path, changed: str) -> None:
    make(project, "setup")
    touch_later(project / changed)
    make(project, "setup")
    assert len(calls(project)) == 2


def test_setup_takes_another_python_and_place(project: Path) -> None:
    make(project, "setup", "PYTHON=python3.13", "VENV=elsewhere")
    assert calls(project) == ["install python3.13 elsewhere"]


def test_failed_setup_is_tried_again(project: Path) -> None:
    (project / "install-fails").touch()
    assert make(project, "bench").returncode != 0
    (project / "install-fails").unlink()
    assert make(project, "setup").returncode == 0
    assert calls(project) == ["install python3 .venv"] * 2


def test_interrupted_setup_is_tried_again(project: Path, interruptible: list[str]) -> None:
    (project / "install-hangs").touch()
    command = [*interruptible, "make", "setup"]
    process = subprocess.Popen(command, cwd=project, start_new_session=True, stderr=subprocess.DEVNULL)
    wait_for(project / "calls")
    os.killpg(process.pid, 2)
    assert process.wait() != 0
    (project / "install-hangs").unlink()
    make(project, "setup")
    assert len(calls(project)) == 2


def test_bench_runs_and_reports(project: Path) -> None:
    make(project, "bench")
    assert commands(project) == [
        "-m bench run auto --results results",
        "-m bench report auto --results results --reports reports",
    ]


def test_bench_passes_its_variables_on(project: Path) -> None:
    make(
        project, "bench", "SUITE=my suites/a.yaml", "DATA=/my data", "RESULTS=r", "REPORTS=p", "DEVICE=cpu", "WORKERS=3"
    )
    assert commands(project) == [
        "-m bench run my suites/a.yaml --results r --data /my data --device cpu --workers 3",
        "-m bench report my suites/a.yaml --results r --reports p",
    ]


def test_variables_of_the_shell_are_not_options(project: Path) -> None:
    make(project, "report", SUITE="other", RESULTS="elsewhere", VENV="/usr")
    assert commands(project) == ["-m bench report auto --results results --reports reports"]


def test_a_run_that_failed_is_reported_and_fails_make(project: Path) -> None:
    assert make(project, "bench", RUN_STATUS="1").returncode != 0
    assert [call.split()[2] for call in commands(project)] == ["run", "report"]


@pytest.mark.parametrize("status", ["2", "130"])
def test_nothing_is_reported_after_wrong_input_or_an_interrupt(project: Path, status: str) -> None:
    assert make(project, "bench", RUN_STATUS=status).returncode != 0
    assert [call.split()[2] for call in commands(project)] == ["run"]


@pytest.mark.parametrize("target", ["bench", "report"])
def test_a_report_that_failed_fails_make(project: Path, target: str) -> None:
    assert make(project, target, REPORT_STATUS="1").returncode != 0


def test_report_trains_nothing(project: Path) -> None:
    make(project, "report", "SUITE=smoke")
    assert commands(project) == ["-m bench report smoke --results results --reports reports"]


def test_throughput_keeps_its_json(project: Path) -> None:
    make(project, "throughput", "DEVICE=cuda", "RESULTS=kept")
    (call,) = commands(project)
    assert re.fullmatch(
        r"-m pytest --benchmark --bench-suite=auto --bench-results=kept "
        r"--bench-device cuda --benchmark-json=kept/throughput/\d{8}-\d{6}\.json",
        call,
    )
    assert (project / "kept/throughput").is_dir()


def test_clean_keeps_results(project: Path) -> None:
    make(project, "setup")
    (project / "results").mkdir()
    make(project, "clean")
    assert not (project / ".venv").exists()
    assert (project / "results").exists()


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """make, as a person calls it: without what an outer make hands down."""
    inherited = {name: value for name, value in os.environ.items() if name not in OUTER}
    return subprocess.run(["make", *arguments], cwd=folder, env=inherited | environment, capture_output=True, text=True)


OUTER = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PYTHON")


def calls(folder: Path) -> list[str]:
    path = folder / "calls"
    return [line.strip() for line in path.read_text().splitlines()] if path.exists() else []


def commands(folder: Path) -> list[str]:
    return [call for call in calls(folder) if not call.startswith("install")]


def touch_later(path: Path) -> None:
    later = time.time() + 5
    os.utime(path, (later, later))


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.02)
