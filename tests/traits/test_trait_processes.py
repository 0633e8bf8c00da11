"""The processes that measure traits: Ctrl-C keeps what is done, and a worker that dies is a failure of its trait."""

import signal
import subprocess
import sys
import time
from concurrent.futures import Future

import pytest
from pebble import ProcessExpired

from bench.cli.traits import _record_of
from bench.files.locks import holder
from bench.plan.expand import expand
from bench.store.store import open_store
from bench.traits.known_traits import traits_named
from bench.traits.trait import TraitOfRun
from bench.traits.trait_plan import plan_traits, trained_runs
from bench.traits.trait_record import read_trait
from tests.traits.conftest import CHANGES, finish_runs

CUES = traits_named(["cue-conflict"])


@pytest.fixture
def many(tmp_path, resolve_suite):
    """A store of 48 runs to measure."""
    store = open_store(tmp_path / "results", resolve_suite(**CHANGES | {"seeds": list(range(12))}))
    finish_runs(store, *trained_runs(expand(store.suite())))
    return store


def test_ctrl_c_keeps_what_is_measured(many, interruptible):
    command = [*interruptible, sys.executable, "-m", "bench", "traits", "tiny", "--workers", "1"]
    arguments = ["--results", str(many.root.parent)]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        while not list(many.root.glob("traits/*/record.json")):
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.stdout.read().decode()
    assert process.returncode == 130, said
    assert "the same command continues from here" in said
    assert "Traceback" not in said
    found = plan_traits(many, expand(many.suite()), CUES)
    assert found.num_finished >= 1
    assert len(found.todo) + found.num_finished == 48
    assert found.set_aside == ()
    assert not [path for path in many.root.glob("running/*") if holder(path)]
    assert (many.tables / "traits.parquet").is_file()


@pytest.fixture
def task(store, runs, finish) -> TraitOfRun:
    run = next(run for run in runs if run.target is not None)
    finish(run)
    return TraitOfRun(CUES[0], run)


def test_a_worker_that_died_is_recorded_and_one_that_was_stopped_is_not(store, task):
    died: Future = Future()
    died.set_exception(ProcessExpired("Abnormal termination", code=-signal.SIGKILL))
    assert _record_of(died, task, store).reason.startswith("its worker died with exit code -9 (killed: the machine")
    assert read_trait(store, task.key).status == "failed"
    stopped: Future = Future()
    stopped.set_exception(ProcessExpired("Abnormal termination", code=-signal.SIGTERM))
    assert _record_of(stopped, task, store).reason == "its worker was stopped; the same command measures it"
    assert read_trait(store, task.key).reason.startswith("its worker died")
