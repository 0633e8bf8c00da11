"""The workers: order, failures that stop nothing, and sudden deaths. Real processes, tiny runs."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

import models
from bench.errors import InputError
from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.runner.estimate.estimate import data_key, model_key
from bench.runner.pool import worker
from bench.runner.pool.pool import Ended, Started, Workers
from bench.runner.pool.processes import CannotStart, Processes
from bench.runner.pool.schedule import by_priority
from bench.runner.run_options import RunOptions
from bench.store.store import Store, open_store

SECONDS = {"vit_pico/8": 1.0, "bit_resnet_pico": 2.0, "r_pico+vit_pico/8": 3.0}
"""Per image."""


def seconds(plan: Plan) -> dict[str, float]:
    """As if the runs had been estimated."""
    return {run.key: SECONDS.get(run.model, 1.0) * run.budget.amount for run in plan.runs}


@pytest.fixture
def store(tmp_path, resolve_suite) -> Store:
    return open_store(tmp_path / "results", resolve_suite(seeds=[0, 1]))


def test_seeds_are_outermost_and_the_longest_chain_goes_first(plan_suite: Callable[..., Plan]):
    plan = plan_suite(seeds=[0, 1])
    order = by_priority(plan, seconds(plan))
    assert [run.seed for run in order] == sorted(run.seed for run in order)
    first = [run for run in order if run.seed == 0]
    positions = {run.key: position for position, run in enumerate(first)}
    assert all(positions[run.starts_from] < positions[run.key] for run in first if run.starts_from)
    heads = [run for run in first if run.starts_from is None]
    assert [run.model for run in heads] == ["r_pico+vit_pico/8"] * 3 + ["bit_resnet_pico"] * 3 + ["vit_pico/8"] * 3
    assert {run.key for run in order} == {run.key for run in plan.runs}


def test_a_suite_on_two_workers_where_one_run_fails_and_one_target_is_missing(store, plan_suite, tmp_path):
    """What starts from the failed run is not run, the others end ok; the next call redoes only the rest."""
    models = ["bit_resnet_pico", "vit_pico/8"]
    plan = plan_suite(
        models=models, subsets=[16], targets=["digits@20", {"target": "cifar10", "optional": True}], from_scratch=False
    )
    broken = next(run for run in plan.runs if run.stage == "pretrain" and run.model == "vit_pico/8")
    plan = _with_a_run_that_fails(plan, broken)
    with Workers(2) as workers:
        events = list(workers.execute(plan, store, tmp_path, seconds(plan), {"cifar10": "no data here"}))
    statuses = {event.run.key: event.record for event in events if isinstance(event, Ended)}
    assert len(statuses) == len(plan.runs)
    for run in plan.runs:
        record = statuses[run.key]
        if run.key == broken.key:
            assert record["status"] == "failed"
        elif str(run.target) == "cifar10":
            assert (record["status"], record["reason"]) == ("not_run", "no data here")
        elif run.starts_from == broken.key:
            assert record["status"] == "not_run"
            assert broken.key in record["reason"]
        else:
            assert record["status"] == "ok"
        assert store.read(run.key)["status"] == record["status"]

    with Workers(1) as workers:
        again = list(workers.execute(plan, store, tmp_path, seconds(plan), {}))
    started = [event.run for event in again if isinstance(event, Started)]
    assert {run.key for run in started} == {
        run.key for run in plan.runs if not store.is_finished(run.key) and run.starts_from != broken.key
    }


def test_a_worker_that_is_killed_is_a_record_and_stops_nothing(store, plan_suite, tmp_path, monkeypatch):
    plan = plan_suite(models=["bit_resnet_pico"], subsets=[16])
    victim = next(run for run in plan.runs if run.stage == "scratch")
    monkeypatch.setattr(worker, "do_run", _KillFor(victim.key))
    with Workers(1) as workers:
        events = list(workers.execute(plan, store, tmp_path, seconds(plan), {}))
    statuses = {event.run.stage: event.record for event in events if isinstance(event, Ended)}
    assert statuses["scratch"]["status"] == "failed"
    assert "exit code -9 (killed" in statuses["scratch"]["reason"]
    assert {statuses["pretrain"]["status"], statuses["transfer"]["status"]} == {"ok"}


def test_models_are_timed(plan_suite, tmp_path):
    """All but those of data that is not there."""
    plan = plan_suite(models=["vit_pico/8", "bit_resnet_pico"], subsets=[16])
    broken = next(run for run in plan.runs if run.stage == "pretrain" and run.model == "vit_pico/8")
    plan = _with_a_run_that_fails(plan, broken)
    with Workers(2) as workers:
        timings = workers.time_runs(plan.runs, tmp_path)
    gone = next(run for run in plan.runs if run.corpus and run.corpus.name == "gone")
    assert data_key(gone) in timings.reasons
    assert all("gone" in reason for reason in timings.reasons.values())
    assert timings.data.keys() == {data_key(run) for run in plan.runs} - timings.reasons.keys()
    assert timings.models.keys() == {model_key(run) for run in plan.runs} - timings.reasons.keys()
    assert all(timed.seconds_per_image > 0 for timed in timings.models.values())


def test_models_are_counted_and_an_unknown_one_says_so():
    with Workers(1) as workers:
        counts = workers.count_models(["vit_pico/8", "bit_resnet_pico"], num_classes=4, image_size=32)
        assert counts == {name: models.count(name, num_classes=4) for name in counts}
        with pytest.raises(models.SpecError, match="33 pixels"):
            workers.count_models(["vit_pico/8"], num_classes=4, image_size=33)


class _KillFor:
    """Stands for the work of a worker, and kills its process for one run."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self, run: Run, store: Store, data_dir: Path, options: RunOptions, known: str):
        if run.key == self.key:
            os.kill(os.getpid(), signal.SIGKILL)
        return worker.do_run(run, store, data_dir, options, known)


def _with_a_run_that_fails(plan: Plan, broken: Run) -> Plan:
    """The same plan, where one run asks for a corpus that does not exist. Its key stays, as others start from it."""
    from dataclasses import replace

    failing = replace(broken, corpus=broken.corpus.model_copy(update={"name": "gone"}))
    assert failing.key == broken.key
    return Plan(tuple(failing if run.key == broken.key else run for run in plan.runs), plan.cells)


def start_workers(limit_bytes: int = -1, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start workers in a process of its own, because a fork server that runs already would be used again."""
    script = f"""
import resource
from bench.errors import InputError
from bench.runner.pool.processes import CannotStart, Processes
if {limit_bytes} > 0:
    resource.setrlimit(resource.RLIMIT_AS, ({limit_bytes}, resource.RLIM_INFINITY))
try:
    Processes(1, 1).close()
except InputError as error:
    print(error)
"""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=True)


def test_a_temporary_folder_whose_path_is_too_long_is_named_with_the_limit(tmp_path: Path):
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    said = start_workers(TMPDIR=str(folder)).stdout
    assert f"{folder}, has a path of {len(str(folder))} bytes, but the path of a socket in it may have 107" in said
    assert "set TMPDIR to a folder with a shorter path" in said


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENOSPC, errno.EROFS])
def test_shared_memory_without_room_is_named(number: int, monkeypatch: pytest.MonkeyPatch):
    def no_room(context: ForkServerContext) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(ForkServerContext, "Event", no_room)
    with pytest.raises(InputError, match=rf"/dev/shm, .*\({os.strerror(number)}\); make room there, or mount"):
        Processes(1, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not keep to such a limit")
def test_a_limit_of_memory_below_what_torch_needs_is_named() -> None:
    said = start_workers(limit_bytes=1_500_000_000).stdout
    assert "each may have 1.40 GiB of memory (`ulimit -v`), which is too little to load torch; raise the limit" in said


def test_workers_that_cannot_start_are_not_started_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "start", os.fspath)  # raises a TypeError, since it is called with three arguments
    processes = Processes(1, 1)
    with pytest.raises(CannotStart, match="each ends before it takes a task"):
        processes.result(processes.schedule(worker.why_no_cuda))
