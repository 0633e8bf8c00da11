"""Whole calls of `bench run`: killed, told to end, run side by side, and with runs that fail each in its own way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.plan import expand
from bench.store import Store

SUITE = """
corpus: {name: fractals, classes: 4}
subsets: [16]
models: ["vit_pico/8:depth=1", bit_resnet_pico]
targets: [digits@20]
seeds: [0, 1]
images: {pretrain: 640, transfer: 64}
transfers: [fine-tune, linear]
"""
ONE_LONG = ("--only", "model=bit_resnet_pico,subset=16,seed=0,transfer=fine-tune")

COUNTER = """
import os
rename = os.rename

def counted(source, target, **words):
    rename(source, target, **words)
    folder, _, key = str(target).rpartition("/")
    if folder.endswith("/runs"):
        with open({log!r}, "a") as log:
            log.write(key + "\\n")

os.rename = counted
"""
"""What Python imports as it starts: it notes each outcome that is put into a store, in whatever process."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a call of `bench run` in a process group of its own, which is gone afterwards in any case."""
    (tmp_path / "suite.yaml").write_text(SUITE, encoding="utf-8")
    hooks, log = tmp_path / "hooks", tmp_path / "outcomes"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(COUNTER.format(log=str(log)), encoding="utf-8")
    path = os.pathsep.join([str(hooks), os.getcwd()])
    started: list[subprocess.Popen[str]] = []

    def started_with(*options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "bench", "run", "suite.yaml", "--tracker", "none", *options]
        environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "200", "BENCH_DATA": "", "PYTHONPATH": path}
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield started_with
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results" / "suite")


@pytest.mark.faults
def test_told_to_end_it_keeps_what_it_has_and_goes_on_later(start, store, tmp_path):
    """With no checkpoint due for an hour: the one that there is, is of the end."""
    (tmp_path / "suite.yaml").write_text(SUITE.replace("640", "9600"), encoding="utf-8")
    first = start("--checkpoint-every", "3600", "--workers", "1", *ONE_LONG)
    wait_until(lambda: 3 <= steps_under_way(store) < 290)
    told = time.monotonic()
    first.send_signal(signal.SIGTERM)
    said, _ = first.communicate(timeout=30)
    assert time.monotonic() - told < 10
    assert first.returncode == 128 + signal.SIGTERM
    assert "interrupted: finished runs are kept, and those under way lie in checkpoints" in said
    assert len(list((store.root / "running").glob("*/checkpoint"))) == 1
    said = finish(start("--workers", "1", *ONE_LONG))
    records = list(store.records())
    assert [record["status"] for record in records] == ["ok"] * 2, said
    resumed = [record for record in records if record["num_resumes"]]
    assert len(resumed) == 1
    assert resumed[0]["resumed_at_step"][0] >= 3


@pytest.mark.faults
@pytest.mark.parametrize("workers", [(1, 2), (1, 1, 1, 1)])
def test_several_calls_on_one_store_do_each_run_once(start, store, tmp_path, workers):
    for call in [start("--workers", str(number)) for number in workers]:
        finish(call)
    done = (tmp_path / "outcomes").read_text(encoding="utf-8").split()
    assert sorted(done) == sorted(run.key for run in expand(store.suite()).runs)
    assert {record["status"] for record in store.records()} == {"ok"}


@pytest.mark.faults
@pytest.mark.parametrize("whom", ["group", "parent"])
def test_a_call_that_is_killed_is_taken_over_by_the_one_beside_it(start, store, whom):
    first = start("--workers", "2", "--checkpoint-every", "0")
    wait_until(lambda: steps_under_way(store) >= 3)
    second = start("--workers", "2")
    if whom == "group":
        os.killpg(first.pid, signal.SIGKILL)
    else:
        first.kill()
    finish(second)
    assert {record["status"] for record in store.records()} == {"ok"}
    assert len(list(store.records())) == len(expand(store.suite()).runs)


@pytest.mark.faults
def test_a_worker_that_is_killed_leaves_a_failure_that_the_next_call_makes_good(start, store):
    first = start("--workers", "1", "--checkpoint-every", "0")
    wait_until(lambda: steps_under_way(store) >= 3)
    (lock,) = (store.root / "running").glob("*/lock")
    key = lock.parent.name
    os.kill(json.loads(lock.read_text())["pid"], signal.SIGKILL)
    said, _ = first.communicate(timeout=100)
    assert first.returncode == 1
    assert store.read(key)["status"] == "failed"
    assert f"failed {key}" in said
    finish(start("--workers", "2"))
    assert store.read(key)["status"] == "ok"
    assert store.read(key)["num_resumes"] == 1


@pytest.mark.faults
def test_a_signal_to_all_processes_at_once_keeps_what_they_have(start, store):
    """As a batch system sends it."""
    first = start("--checkpoint-every", "3600", "--workers", "2")
    wait_until(lambda: steps_under_way(store) >= 3)
    os.killpg(first.pid, signal.SIGTERM)
    first.communicate(timeout=30)
    assert list((store.root / "running").glob("*/checkpoint"))
    finish(start("--workers", "2"))
    assert {record["status"] for record in store.records()} == {"ok"}


def finish(call: subprocess.Popen[str]) -> str:
    said, _ = call.communicate(timeout=100)
    assert call.returncode == 0, said
    return said


def steps_under_way(store: Store) -> int:
    """The most that any run under way has said that it has done."""
    steps = [0]
    for path in (store.root / "running").glob("*/progress.json"):
        try:
            steps.append((json.loads(path.read_text()).get("progress") or {"step": 0})["step"])
        except (OSError, ValueError):
            continue
    return max(steps)


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)
