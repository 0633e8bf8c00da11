"""What `bench status` says of a store: every run is counted once, under what it is at the moment."""

import io
import json
import os
import signal
import subprocess
import sys

import pytest
from rich.console import Console

from bench.cli.status import show_status, suite_status
from bench.files.locks import acquire
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.store.new_record import build_record
from bench.store.store import Outcome, Store, keep_suite, open_store, open_trials
from bench.tuning.choice import tuning_store
from bench.tuning.halving import chosen, study_states


@pytest.fixture
def runs(store):
    return expand(store.suite()).runs


@pytest.fixture
def busy(store, runs, begin, end):
    """A store with two runs that are ok, one that failed, two running ones, and one that was interrupted."""
    end(runs[0])
    end(runs[1])
    end(runs[2], "diverged", "the loss was nan at step 7")
    begin(runs[3], 0.5, resumes=2)
    begin(runs[4], None, phase="loading")
    begin(runs[5], 0.25, held=False)
    return store


def said(store, **choices: bool) -> str:
    console = Console(file=io.StringIO(), width=300)
    show_status(console, store, **({"watch": False, "as_json": False} | choices))
    return console.file.getvalue()


def test_each_run_is_counted_once(busy, runs):
    status = suite_status(busy)
    assert status["counts"] == {"ok": 2, "diverged": 1, "running": 2, "interrupted": 1, "to do": len(runs) - 6}
    assert sum(status["counts"].values()) == status["num_runs"] == len(runs)
    parts = runs[3].budget.amount / 2 + runs[5].budget.amount / 4
    assert status["budget"]["done"] == runs[0].budget.amount + runs[1].budget.amount + parts
    # The one that trains sees 16 images a second; what diverged is not waited for.
    assert status["seconds_left"] == (status["budget"]["all"] - status["budget"]["done"] - runs[2].budget.amount) / 16


def test_the_text_names_each_with_how_far_it_is(busy, runs):
    lines = said(busy).splitlines()
    step = f"step 32 of 64, 16 images/s, loss 1.500, {runs[3].budget.amount / 2 / 16:.0f} s left, resumed 2 times"
    assert [line for line in lines if runs[3].key in line and line.endswith(step) and f"{os.getpid()} on " in line]
    assert [line for line in lines if line.startswith("running") and line.endswith("loading") and runs[4].key in line]
    assert [line for line in lines if line.startswith(f"interrupted {runs[5].key}") and "at step 16; `bench" in line]
    failed = "the loss was nan at step 7; its seed counts as failed to train"
    assert [line for line in lines if runs[2].key in line and line.endswith(failed)]
    images = f"{suite_status(busy)['budget']['done']:,.0f} of {sum(run.budget.amount for run in runs):,.0f} images"
    assert lines[-1].startswith(f"done: 2 of {len(runs)} runs, {images} (")


def test_a_run_that_is_evaluated_has_done_all_its_training(store, runs, begin):
    begin(runs[0], None, phase="evaluating")
    assert suite_status(store)["budget"]["done"] == runs[0].budget.amount
    assert f"{runs[0].key} (process {os.getpid()}" in (text := said(store))
    assert ": evaluating\n" in text


def test_a_budget_in_flops_is_counted_in_flops(tmp_path, resolve_suite):
    suite = resolve_suite(match="flops", flops={"pretrain": 2e9, "transfer": 1e9}, images=None)
    store = open_store(tmp_path / "flops", suite)
    runs = expand(suite).runs
    assert (
        said(store).splitlines()[-1].endswith(f"0 of {sum(run.budget.amount for run in runs):.3g} training FLOPs (0 %)")
    )


def test_a_failed_run_that_is_tried_again_is_running(store, runs, begin, end):
    end(runs[0], "failed", "no luck")
    begin(runs[0], 0.5)
    assert suite_status(store)["counts"] == {"running": 1, "to do": len(runs) - 1}
    assert "no luck" not in said(store)


def test_a_finished_suite_and_a_folder_left_behind(store, runs, begin, end):
    for run in runs:
        end(run)
    begin(runs[0], 1.0, held=False)  # killed after its record was written, before its folder was removed
    status = suite_status(store)
    assert status["counts"] == {"ok": len(runs)}
    assert status["budget"]["done"] == status["budget"]["all"]
    assert status["seconds_left"] is None


def test_json_holds_the_same(busy, runs, capsys):
    said(busy, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(json.dumps(suite_status(busy)))
    assert [run["key"] for run in found["running"]] == [runs[3].key, runs[4].key]
    assert found["running"][0]["progress"]["step"] == 32
    assert found["running"][0]["num_resumes"] == 2
    assert found["interrupted"][0]["key"] == runs[5].key
    assert found["not_ok"][0]["status"] == "diverged"


@pytest.fixture
def tunable(tmp_path, resolve_suite):
    """A suite of one family that asks for four trials of pretraining, two of which go on, with nothing made yet."""
    space = {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}
    tuning = {"trials": 4, "space": space, "halvings": [0.5]}
    suite = resolve_suite(tuning=tuning, models=["vit_pico/8"], transfers=["linear"])
    return suite, Store(tmp_path / "tuned" / suite.name)


def make(trials: Store, run: Run, status: str = "ok", accuracy: float = 0.5) -> None:
    metrics = {"validation_accuracy": accuracy, "validation_loss": 1.0}
    trials.write(Outcome(build_record(run, status=status, reason="" if status == "ok" else status, metrics=metrics)))


def test_trials_are_counted_before_anything_else_is_run_and_beside_it(tunable):
    suite, store = tunable
    trials = open_trials(tuning_store(store.root).root)
    keep_suite(trials, suite)
    runs = len(expand(suite).runs)
    lines = said(store).splitlines()
    assert lines[0] == f"{store.root}: {runs} runs: {runs} to do"
    assert lines[1:3] == ["tuning: 4 trials: 0 done, 4 left", "  vit pretrain: 4 not run"]

    (study,) = study_states(suite, trials.look)
    make(trials, study.due[0].run, "diverged")
    for number, due in enumerate(study.due[1:]):
        make(trials, due.run, accuracy=0.1 * number)
    (study,) = study_states(suite, trials.look)
    folder = trials.running_folder(study.due[0].run.key)
    folder.mkdir(parents=True)
    with acquire(folder):
        status = suite_status(store)
        assert status["tuning"]["counts"] == {"done": 1, "failed": 1, "left": 2}
        assert status["running"] == []
        assert [run["key"] for run in status["tuning"]["running"]] == [study.due[0].run.key]
        text = said(store)
    assert "tuning: 4 trials: 1 done, 1 failed, 2 left\n  vit pretrain: 1 diverged, 1 pruned, 2 not run\n" in text
    assert [line for line in text.splitlines() if line.startswith(f"running {study.due[0].run.key}")]

    for due in study.due:
        make(trials, due.run)
    open_store(store.root.parent, suite.tuned(chosen(study_states(suite, trials.look))))
    found = suite_status(store)
    assert found["counts"] == {"to do": runs}
    assert found["tuning"] == {
        "counts": {"done": 3, "failed": 1, "left": 0},
        "studies": {"vit pretrain": {"diverged": 1, "pruned": 1, "ok": 2}},
        "is_chosen": True,
        "running": [],
    }
    assert "tuning: 4 trials: 3 done, 1 failed; every study has chosen its settings" in said(store)


def test_a_tuning_that_is_not_begun_says_so_and_one_that_nobody_asked_for_says_nothing(store, tunable):
    suite, untuned = tunable
    open_store(untuned.root.parent, suite)
    assert "tuning: no trial has begun; `bench tune` runs them" in said(untuned)
    assert suite_status(untuned)["tuning"]["counts"] == {"done": 0, "failed": 0, "left": 0}
    assert "tuning: " not in said(store)


def test_watching_looks_again_until_ctrl_c_without_torch(busy, interruptible):
    script = (
        "import sys, bench.cli.status as status; status.WATCH_EVERY = 0.05\n"
        "from bench.cli.app import app\n"
        f"try: app(['status', 'tiny', '--results', {str(busy.root.parent)!r}, '--watch', '--json'])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "loaded = {'torch', 'torchvision', 'timm'} & sys.modules.keys(); assert not loaded, loaded"
    )
    with subprocess.Popen([*interruptible, sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        looks = [json.loads(process.stdout.readline()) for _ in range(3)]
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    assert looks[0] == looks[2]
    assert looks[0]["counts"]["running"] == 2
