"""`bench compare --rerun`: what is measured, when it is enough, and the whole command on a copy of the project."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from typer.testing import CliRunner

from bench.analysis.speed_changes import Restart
from bench.cli.app import app
from bench.cli.compare.rerun import orders_of
from bench.cli.compare.turns import MOST_SECONDS, is_enough
from bench.config.suite import load_suite
from bench.errors import InputError
from bench.speed.cases import select
from tests.benchmarks.support.planted import AUTHOR, compare_with_last_commit, environment_of, new_project, slow_down

SUITE: dict[str, Any] = {
    "corpus": [],
    "models": ["vit_pico/16", "vit_pico/8"],
    "targets": ["digits@100"],
    "images": {"pretrain": 1024, "transfer": 64},
}
NEW_PRESET = ('    "vit_pico": ', '    "vit_new": _vit(8, _PICO),\n    "vit_pico": ')


def orders(suite: str, device: str, only: str | None = None) -> list[dict[str, object]]:
    return [dict(order.setting) for order in orders_of(load_suite(suite)[1], device, only)]


def test_a_suite_s_models_are_measured_in_both_tasks_as_its_runs_are():
    found = orders("cpu", "cpu")
    assert [(one["model"], one["task"]) for one in found] == [
        (model, task)
        for model in ("vit_pico/8", "bit_resnet_pico", "r_pico+vit_pico/8")
        for task in ("inference", "training")
    ]
    common = {"implementation": "ours", "precision": "fp32", "image_size": 32, "batch_size": 32}
    assert all(one.items() >= (common | {"layout": "contiguous", "mode": "eager"}).items() for one in found)
    on_gpu = orders("gpu", "cuda")[0]
    assert (on_gpu["precision"], on_gpu["mode"]) == ("bf16", "eager")
    assert on_gpu["batch_size"] > 32


def test_both_ways_to_measure_have_one_setting(tmp_path):
    """The suite's own precision, and batch, layout and mode of its recipe, whatever the device's custom is."""
    (tmp_path / "recipe.yaml").write_text("{batch_size: 48, channels_last: true, compile: true}")
    path = tmp_path / "suite.yaml"
    recipes = {"pretrain": str(tmp_path / "recipe.yaml")}
    path.write_text(json.dumps(SUITE | {"precision": "bf16", "recipes": recipes}))
    common = {"precision": "bf16", "image_size": 32, "batch_size": 48, "layout": "channels_last", "mode": "compiled"}
    for one in orders(str(path), "cpu"):
        assert one == common | {name: one[name] for name in ("model", "task", "implementation")}
    selection = select(str(path), "cpu")
    assert selection.equal.as_json().items() >= common.items()
    assert {case.heat.precision for case in selection.cases if case.is_core} == {"bf16"}
    assert {case.heat.precision for case in selection.cases} == {"bf16", "fp32"}


def test_weights_from_outside_take_no_part(tmp_path):
    models = ["timm:test_resnet", "timm:test_resnet:pretrained=true"]
    (tmp_path / "suite.yaml").write_text(json.dumps(SUITE | {"models": models}))
    found = orders(str(tmp_path / "suite.yaml"), "cpu")
    assert [(one["model"], one["task"]) for one in found] == [
        ("timm:test_resnet", "inference"),
        ("timm:test_resnet", "training"),
    ]


def test_only_leaves_some():
    assert [(one["model"], one["task"]) for one in orders("cpu", "cpu", "task=training,model=vit_pico/8")] == [
        ("vit_pico/8", "training")
    ]
    assert len(orders("cpu", "cpu", "model=bit_resnet_pico")) == 2
    assert len(orders("cpu", "cpu", "task=inference")) == 3


@pytest.mark.parametrize("only", ["vit_pico/8", "seed=1", "model", "task=inference,seed=1", "model=vit_nano/8"])
def test_what_only_does_not_know_is_refused(only):
    with pytest.raises(InputError, match="--only"):
        orders("cpu", "cpu", only)


@pytest.mark.parametrize(
    "words",
    [
        ["--rerun", "HEAD", "old.parquet"],
        ["--rerun", "HEAD", "--force"],
        ["old.parquet", "new.parquet", "--suite", "cpu"],
        ["old.parquet", "new.parquet", "--only", "task=training"],
    ],
)
def test_what_belongs_to_the_other_form_is_refused(words):
    result = CliRunner().invoke(app, ["compare", *words])
    assert isinstance(result.exception, InputError)
    assert "or --rerun COMMIT" in str(result.exception)


def restarts(count: int, spread: float) -> list[Restart]:
    draws = np.exp(np.random.default_rng(0).normal(0, spread, count))
    return [Restart((1.0, 1.0), (float(draw), float(draw))) for draw in draws]


def test_restarts_are_enough_when_the_interval_is_narrow_or_the_time_is_over():
    assert not is_enough(restarts(9, 0.001), 0, least=10)
    assert is_enough(restarts(10, 0.001), 0, least=10)
    assert not is_enough(restarts(10, 0.1), 0, least=10)
    assert is_enough(restarts(60, 0.05), 0, least=10)
    assert not is_enough(restarts(5, 0.001), 10 * MOST_SECONDS, least=1), "five have no interval"
    assert is_enough(restarts(6, 0.1), MOST_SECONDS + 1, least=10)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with one commit."""
    project = new_project(tmp_path_factory.mktemp("project"))
    (project / "suite.yaml").write_text(json.dumps(SUITE))
    (project / "with-new.yaml").write_text(json.dumps(SUITE | {"models": [*SUITE["models"], "vit_new/8"]}))
    return project


def test_a_tenth_more_trips_the_gate_and_a_hundredth_does_not(project):
    """In one call, of two models that got slower by these, and one that is new; twenty such calls are a benchmark."""
    slow_down(project, {("vit_pico/16", "inference"): 0.10, ("vit_pico/8", "inference"): 0.01})
    presets = project / "models" / "presets.py"
    presets.write_text(presets.read_text().replace(*NEW_PRESET))
    options = ("--suite", "with-new.yaml", "--only", "task=inference", "--device", "cpu", "--fail-over", "5%")
    code, found = compare_with_last_commit(project, *options)
    git(project, "checkout", "--", ".")
    assert code == 1
    slower, slightly, new = found["rows"]
    assert found["fail_over"]["worse"] == ["vit_pico/16, inference, batch 32, fp32"], found["rows"]
    assert found["fail_over"]["undecided"] == ["vit_new/8, inference, batch 32, fp32"]
    assert slower["low"] < slower["time"] < slower["high"]
    assert slightly["low"] < slightly["time"] < slightly["high"]
    assert new["reason"].startswith("failed in OLD: SpecError: ")
    assert (new["time"], new["low"], new["step_ms"]) == (None, None, [])
    assert found["new"] == found["old"] + "+"
    assert found["warnings"] == ["sources: NEW has changes that are in no commit"]
    assert_nothing_is_left(project)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_told_to_end_it_leaves_neither_checkout_nor_process(project, interruptible, number, code):
    command = [*interruptible, sys.executable, "-m", "bench", "compare", "--rerun", "HEAD", "--suite", "suite.yaml"]
    with subprocess.Popen(command, cwd=project, env=environment_of(project), stderr=subprocess.PIPE) as process:
        while len(started := psutil.Process(process.pid).children()) < 2 or any("git" in one.name() for one in started):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait() == code
    _, left = psutil.wait_procs(started)  # one that was told in its first moment ends when it is ready
    assert not left
    assert_nothing_is_left(project)


def test_a_commit_that_does_not_run_says_why(project):
    (project / "bench" / "__init__.py").write_text("raise RuntimeError('out of order')\n")
    git(project, "commit", "--all", "--quiet", "--message", "broken")
    git(project, "checkout", "HEAD~1", "--", "bench/__init__.py")
    command = [sys.executable, "-m", "bench", "compare", "--rerun", "HEAD", "--suite", "suite.yaml"]
    done = subprocess.run(command, cwd=project, env=environment_of(project), capture_output=True, text=True)
    git(project, "reset", "--hard", "--quiet", "HEAD~1")
    assert done.returncode == 2
    assert re.search(r"error: what measures OLD \([0-9a-f]{12}\) ended: RuntimeError: out of order", done.stderr)
    assert_nothing_is_left(project)


def assert_nothing_is_left(project: Path) -> None:
    assert git(project, "worktree", "list", "--porcelain").count("worktree ") == 1


def git(project: Path, *words: str) -> str:
    command = ["git", "-C", str(project), *AUTHOR, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
