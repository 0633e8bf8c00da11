"""What `bench status` says of a store: every run is counted once, under what it is at the moment."""

import io
import json
import os
import signal
import subprocess
import sys

import pytest
from rich.console import Console

from bench.commands.status import as_dict, show_status, suite_status
from bench.plan import expand
from bench.store import open_store


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
    assert status.counts == {"ok": 2, "diverged": 1, "running": 2, "interrupted": 1, "to do": len(runs) - 6}
    assert sum(status.counts.values()) == status.num_runs == len(runs)
    assert status.amount_done == runs[0].budget.amount + runs[1].budget.amount + runs[3].budget.amount / 2
    # The one that trains sees 16 images a second; what diverged is not waited for.
    assert status.seconds_left == (status.amount - status.amount_done - runs[2].budget.amount) / 16


def test_the_text_names_each_with_how_far_it_is(busy, runs):
    lines = said(busy).splitlines()
    step = f"step 32 of 64, 16 images/s, loss 1.500, {runs[3].budget.amount / 2 / 16:.0f} s left, resumed 2 times"
    assert [line for line in lines if runs[3].key in line and line.endswith(step) and f"{os.getpid()} on " in line]
    assert [line for line in lines if line.startswith("running") and line.endswith("loading") and runs[4].key in line]
    assert [line for line in lines if line.startswith(f"interrupted {runs[5].key}") and "at step 16; `bench" in line]
    assert [line for line in lines if runs[2].key in line and line.endswith("the loss was nan at step 7")]
    images = f"{suite_status(busy).amount_done:,.0f} of {sum(run.budget.amount for run in runs):,.0f} images"
    assert lines[-1].startswith(f"done: 2 of {len(runs)} runs, {images} (")


def test_a_run_that_is_evaluated_has_done_all_its_training(store, runs, begin):
    begin(runs[0], None, phase="evaluating")
    assert suite_status(store).amount_done == runs[0].budget.amount
    assert f"{runs[0].key} (process {os.getpid()}" in (text := said(store))
    assert ": evaluating\n" in text


def test_a_budget_in_flops_is_counted_in_flops(tmp_path, resolve_suite):
    suite = resolve_suite(match="flops", flops={"pretrain": 2e9, "transfer": 1e9}, images=None)
    store = open_store(tmp_path / "flops", suite)
    runs = expand(suite).runs
    assert (
        said(store).splitlines()[-1].endswith(f"0 of {sum(run.budget.amount for run in runs):.3g} training FLOPs (0%)")
    )


def test_a_failed_run_that_is_tried_again_is_running(store, runs, begin, end):
    end(runs[0], "failed", "no luck")
    begin(runs[0], 0.5)
    assert suite_status(store).counts == {"running": 1, "to do": len(runs) - 1}
    assert "no luck" not in said(store)


def test_a_finished_suite_and_a_folder_left_behind(store, runs, begin, end):
    for run in runs:
        end(run)
    begin(runs[0], 1.0, held=False)  # killed after its record was written, before its folder was removed
    status = suite_status(store)
    assert status.counts == {"ok": len(runs)}
    assert status.amount_done == status.amount
    assert status.seconds_left is None


def test_json_holds_the_same(busy, runs, capsys):
    said(busy, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(json.dumps(as_dict(suite_status(busy))))
    assert [run["key"] for run in found["running"]] == [runs[3].key, runs[4].key]
    assert found["running"][0]["progress"]["step"] == 32
    assert found["running"][0]["num_resumes"] == 2
    assert found["interrupted"][0]["key"] == runs[5].key
    assert found["not_ok"][0]["status"] == "diverged"


def test_watching_looks_again_until_ctrl_c_without_torch(busy, interruptible):
    script = (
        "import sys, bench.commands.status as status; status.WATCH_EVERY = 0.05\n"
        "from bench.cli import app\n"
        f"try: app(['status', 'tiny', '--results', {str(busy.root.parent)!r}, '--watch', '--json'])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "loaded = {'torch', 'torchvision', 'timm', 'accelerate'} & sys.modules.keys(); assert not loaded, loaded"
    )
    with subprocess.Popen([*interruptible, sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        looks = [json.loads(process.stdout.readline()) for _ in range(3)]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    assert looks[0] == looks[2]
    assert looks[0]["counts"]["running"] == 2
