"""Real trials of `bench tune`: they read no test images, and a killed process can be continued."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from bench.cli.app import app
from bench.cli.status import suite_status
from bench.config.resolved import ResolvedSuite, resolve
from bench.config.suite import load_suite
from bench.errors import InputError
from bench.plan.expand import expand
from bench.runner import execute, run_data
from bench.store.store import Store, open_trials
from bench.tables.build import build_tables
from bench.tuning.choice import tuned, tuning_store
from bench.tuning.halving import study_states
from bench.tuning.studies import studies_of, trial_runs

SUITE = {
    "corpus": {"name": "fractals", "classes": 4},
    "subsets": [16],
    "models": ["vit_pico/8:depth=1"],
    "targets": ["digits@20"],
    "seeds": [0],
    "images": {"pretrain": 32, "transfer": 32},
    "from_scratch": False,
    "tuning": {
        "trials": 2,
        "space": {"learning_rate": {"low": 0.001, "high": 0.01, "log": True}, "batch_size": [8, 16]},
        "halvings": [0.5],
        "required": True,
    },
}


class Unread:
    """A source of images that ends whoever asks it for anything."""

    def __getattr__(self, name: str):
        raise AssertionError("somebody reads the test images")


def test_only_trials_do_not_read_test_images(tunable, tmp_path, monkeypatch):
    real = run_data.load_target

    def load_target(*words, **named):
        splits = real(*words, **named)
        return replace(splits, test=replace(splits.test, source=Unread()))

    monkeypatch.setattr(run_data, "load_target", load_target)
    suite = tunable(models=["bit_resnet_pico"])
    store = open_trials(tmp_path / "tuning")
    pretrain, transfer = studies_of(suite)
    (start,) = trial_runs(suite, pretrain, {"learning_rate": 0.002}, 0.5, None)
    (run,) = trial_runs(suite, transfer, {"learning_rate": 0.002}, 0.5, start)
    assert execute.execute(start, store, tmp_path)["status"] == "ok"
    record = execute.execute(run, store, tmp_path)
    assert record["status"] == "ok", record["reason"]
    assert 0 < record["metrics"]["validation_accuracy"] < 1
    assert record["metrics"]["test_accuracy"] is None
    assert record["data"]["num_contaminated"] is None
    assert not (store.run_folder(run.key) / "predictions.parquet").exists()
    tested = execute.execute(replace(run, tests=True), store, tmp_path)
    assert "somebody reads the test images" in tested["reason"]


def bench(folder: Path, *words: str) -> subprocess.Popen[str]:
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "200", "BENCH_DATA": ""}
    return subprocess.Popen(
        [sys.executable, "-m", "bench", *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(folder: Path, *words: str) -> tuple[int, str]:
    process = bench(folder, *words)
    said, _ = process.communicate()
    return process.returncode, said


def resolved(folder: Path) -> ResolvedSuite:
    return resolve(*load_suite(str(folder / "tiny.yaml")), device="cpu", data_dir=folder)


def made_here(folder: Path) -> Store:
    """All trials, made one after another in this process."""
    suite = resolved(folder)
    store = open_trials(folder / "here")
    while due := [due for one in study_states(suite, store.look) for due in one.due]:
        for one in due:
            assert execute.execute(one.run, store, folder)["status"] == "ok"
    return store


def records(store: Store) -> dict[str, tuple[str, dict]]:
    return {record["key"]: (record["status"], record["metrics"]) for record in store.records()}


def test_tuning_makes_every_trial_and_the_suite_then_trains_with_the_choice(tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(SUITE), encoding="utf-8")
    store = tuning_store(tmp_path / "results" / "tiny")
    code, printed = finish(tmp_path, "tune", "tiny.yaml", "--keep")
    assert code == 0, printed
    assert "chosen for vit transfer: trial" in printed
    assert "transfer vit_pico/8:depth=1 on digits@20, seed 1000, trial 1 (batch_size" in printed
    shown = CliRunner().invoke(app, ["status", "tiny.yaml", "--results", str(tmp_path / "results")])
    assert "tuning: 4 trials: 4 done; every study has chosen its settings" in shown.stdout
    trials = pd.read_parquet(store.tables / "trials.parquet").groupby(["stage", "family"])["status"]
    assert trials.agg(sorted).tolist() == [["ok", "ok"]] * 2, "a family at chance was pruned"
    assert printed.count("nothing was pruned after 50 % of the budget") == 2
    suite = tuned(resolved(tmp_path), store.root.parent)
    assert len(suite.tuning.chosen) == 2
    assert planned_keys(tmp_path) == [run.key for run in expand(suite).runs]
    check_that_nobody_else_pays_for_the_trials(tmp_path, suite)


def check_that_nobody_else_pays_for_the_trials(folder: Path, suite: ResolvedSuite) -> None:
    """Run the suite with its kept trials alone; the store and its slim copy then need no other file."""
    code, printed = finish(folder, "run", "tiny.yaml", "--results", "fresh")
    assert code == 0, printed
    assert "tuning: by 2 trials for each family and stage; every run trains with the settings" in printed
    (folder / "tiny.trials.json").unlink()
    fresh = Store(folder / "fresh" / "tiny")
    assert fresh.suite() == suite
    expected = pd.read_parquet(folder / "results" / "tiny" / "tuning" / "tables" / "trials.parquet")
    here(folder, "slim", str(folder / "slim" / "tiny"), results="fresh")
    for store in (fresh, Store(folder / "slim" / "tiny")):
        pd.testing.assert_frame_equal(build_tables(store)["trials"], expected)
        assert suite_status(store)["tuning"]["counts"] == {"done": 4, "failed": 0, "left": 0}
    here(folder, "report", "--reports", str(folder), results="slim")
    assert "(figures/tuning.png)" in (folder / "tiny" / "report.md").read_text(encoding="utf-8")
    assert "2 runs are finished and will be skipped" in here(folder, "run", "--data", str(folder), results="slim")


def here(folder: Path, command: str, *words: str, results: str) -> str:
    """Call the command line in this process; return what it prints."""
    said = CliRunner().invoke(app, [command, str(folder / "tiny.yaml"), *words, "--results", str(folder / results)])
    assert said.exit_code == 0, said.output
    return said.output


@pytest.mark.slow
def test_a_killed_tuning_continues_and_makes_the_same_choice(tmp_path):
    """The whole group dies by SIGKILL after its first trial; what was done by then is not done again."""
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(SUITE), encoding="utf-8")
    store = tuning_store(tmp_path / "results" / "tiny")
    call = bench(tmp_path, "tune", "tiny.yaml", "--checkpoint-every", "0")
    while not list(store.root.glob("runs/[0-9a-f]*")):
        assert call.poll() is None, call.communicate()
        time.sleep(0.01)
    os.killpg(call.pid, signal.SIGKILL)
    call.communicate()
    before = {path.parent.name: path.stat().st_mtime_ns for path in store.root.glob("runs/[0-9a-f]*/record.json")}
    assert tuned(resolved(tmp_path), store.root.parent).tuning.chosen == ()
    code, printed = finish(tmp_path, "tune", "tiny.yaml")
    assert code == 0, printed
    for key, changed_at in before.items():
        assert (store.run_folder(key) / "record.json").stat().st_mtime_ns == changed_at
    assert records(store) == records(made_here(tmp_path))


def planned_keys(folder: Path) -> list[str]:
    """The keys of the runs that the command line would do."""
    where = ["--results", str(folder / "results"), "--data", str(folder)]
    said = CliRunner().invoke(app, ["plan", str(folder / "tiny.yaml"), "--json", *where])
    assert said.exit_code == 0, said.output
    return [run["key"] for run in json.loads(said.output)["runs"]]


def test_a_suite_that_requires_tuning_is_not_run_before(tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(SUITE), encoding="utf-8")
    with pytest.raises(InputError, match="has to be tuned"):
        app(["run", str(tmp_path / "tiny.yaml"), "--results", str(tmp_path)], standalone_mode=False)
    assert list(tmp_path.iterdir()) == [tmp_path / "tiny.yaml"], "nothing was begun"
    assert len(planned_keys(tmp_path)) == 2


def test_tuning_a_suite_without_a_tuning_says_what_is_missing(tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(SUITE | {"tuning": None}), encoding="utf-8")
    with pytest.raises(InputError, match=r"asks for no tuning; add a field to its file, such as tuning: \{trials: 16"):
        app(["tune", str(tmp_path / "tiny.yaml"), "--results", str(tmp_path)], standalone_mode=False)
