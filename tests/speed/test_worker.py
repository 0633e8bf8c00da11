"""The process that measures when it is told to, as `bench compare --rerun` starts it."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from bench.speed.stopwatch import stopwatch_for
from bench.speed.timed_setting import Setting
from bench.speed.workload import Lane
from tests.benchmarks.support.worker import WAITING, seconds_a_step

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
SETTING = Setting("vit_pico/16", "ours", "training", "fp32", 32, 4).as_json()

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def process() -> Iterator[subprocess.Popen[str]]:
    """One for all tests, as it takes seconds to begin; with its input it ends, and so does what is open then."""
    command = [sys.executable, "-m", "tests.benchmarks.support.worker"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert tell(process, "open", setting=SETTING, device="cpu", threads=1)["ok"]
        (child,) = children(process)
        process.stdin.close()
        assert process.wait() == 0
        assert not child.is_running()


@pytest.fixture
def ask(process: subprocess.Popen[str]) -> Ask:
    return partial(tell, process)


@pytest.fixture
def open_setting(ask: Ask) -> Ask:
    return lambda **changes: ask("open", setting=SETTING | changes, device="cpu", threads=1)


def tell(process: subprocess.Popen[str], do: str, **order: Any) -> dict[str, Any]:
    print(json.dumps({"do": do} | order), file=process.stdin, flush=True)
    return json.loads(process.stdout.readline())


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


@pytest.mark.parametrize("task", ["training", "inference"])
def test_it_opens_takes_turns_and_closes(ask, open_setting, process, task):
    assert open_setting(task=task) == {"ok": True, "root": str(ROOT)}
    began = time.perf_counter()
    answer = ask("turn", steps=5)
    assert answer["ok"]
    assert 0 < 5 * answer["seconds"] < time.perf_counter() - began
    assert ask("close") == {"ok": True}
    assert children(process) == []


def test_each_opening_has_a_fresh_process(ask, open_setting, process):
    found = set()
    for _ in range(3):
        open_setting()
        found |= {child.pid for child in children(process)}
        ask("close")
    assert len(found) == 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": "vit_unknown"}, "SpecError: "),
        ({"image_size": 31}, "SpecError: "),
        ({"flavour": "sweet"}, "KeyError: "),
        ({"batch_size": 0}, ""),
    ],
)
def test_what_cannot_be_opened_is_refused_with_the_reason_and_the_next_is_opened(ask, open_setting, changes, reason):
    answer = open_setting(**changes)
    assert (answer["ok"], answer["status"]) == (False, "failed")
    assert answer["reason"].startswith(reason)
    assert open_setting()["ok"]
    assert ask("close")["ok"]


@pytest.mark.parametrize("do", ["turn", "close", "dance"])
def test_nothing_is_done_while_nothing_is_open(ask, do):
    answer = ask(do, steps=1)
    assert not answer["ok"]
    assert "nothing is open" in answer["reason"]


def test_a_process_that_dies_in_its_turn_is_a_failure_and_the_next_is_opened(ask, open_setting, process):
    open_setting()
    (child,) = children(process)
    print(json.dumps({"do": "turn", "steps": 10**6}), file=process.stdin, flush=True)
    time.sleep(0.2)
    child.send_signal(signal.SIGKILL)
    answer = json.loads(process.stdout.readline())
    assert (answer["ok"], answer["status"]) == (False, "failed")
    assert "its process died of signal 9" in answer["reason"]
    assert open_setting()["ok"]
    assert ask("close")["ok"]


def lane(job: Callable[[], object]) -> Lane:
    return Lane(job, stopwatch_for(CPU))


def test_what_the_code_waits_for_by_itself_counts():
    assert seconds_a_step(lane(lambda: time.sleep(0.01)), 3, CPU) == pytest.approx(0.01, rel=0.3)


@pytest.mark.skipif(not WAITING.exists(), reason="the system does not tell for how long a thread waits")
def test_time_that_the_processor_gives_to_others_does_not_count():
    """Three other processes on the same core take three quarters of it."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    others = [multiprocessing.get_context("fork").Process(target=_be_busy, daemon=True) for _ in range(3)]
    try:
        for other in others:
            other.start()
        began = time.perf_counter()
        measured = seconds_a_step(lane(_work_for_10_ms), 20, CPU)
        passed = (time.perf_counter() - began) / 21
    finally:
        for other in others:
            other.kill()
            other.join()
        os.sched_setaffinity(0, allowed)
    assert passed > 0.02
    assert measured == pytest.approx(0.01, rel=0.2)


def _be_busy() -> None:
    while True:
        pass


def _work_for_10_ms() -> None:
    end = time.thread_time() + 0.01
    while time.thread_time() < end:
        pass
