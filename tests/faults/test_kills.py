"""kill -9 anywhere and run again: the same weights, answers and figures as of a run that nothing befell.

`make test` has one kill of each kind; `make test-faults` has them all.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.execute.conduct import Conduct
from bench.plan import Run, expand
from bench.store import Store, open_store
from bench.suite import load_suite, resolve
from tests.faults import deaths

RECIPE = """
batch_size: 16
ema: 0.9
mixup: 0.5
label_smoothing: 0.1
schedule: linear
"""
SUITE = """
corpus: {name: fractals, classes: 4}
subsets: [32]
models: ["vit_pico/8:depth=1,drop_path=0.3", "timm:test_resnet"]
targets: [digits@40]
seeds: [0]
images: {pretrain: 160, transfer: 96}
recipes: {pretrain: averaged.yaml, transfer: averaged.yaml}
transfers: [fine-tune, linear]
"""
Prepare = Callable[[], None]


@dataclass(frozen=True)
class Kill:
    """One way to die, of the run of one stage and model."""

    kind: str
    stage: str
    model: int
    prepare: Prepare
    resumes_at: int | None
    """The step of the checkpoint that there is; None where there is none yet."""
    conduct: Conduct = deaths.ALWAYS


def training(stage: str, model: int, step: int) -> Kill:
    return Kill("training", stage, model, deaths.dies_in_training(step), step - 1 or None)


def evaluation(stage: str, model: int, batch: int, last: int) -> Kill:
    return Kill("evaluation", stage, model, deaths.dies_in_evaluation(batch), last)


def checkpoint(stage: str, model: int, prepare: Prepare, resumes_at: int | None) -> Kill:
    return Kill("checkpoint", stage, model, prepare, resumes_at)


def record(stage: str, model: int, name: str, last: int | None) -> Kill:
    return Kill("record", stage, model, deaths.dies_writing(name, 1), last)


P, T, S = 10, 6, 16
"""Steps of pretraining, of a transfer, and from scratch."""
KILLS = [
    training("pretrain", 0, 7),
    evaluation("transfer", 1, 2, T),
    checkpoint("scratch", 0, deaths.dies_writing("checkpoint", 5), 4),
    record("transfer", 0, "weights.safetensors", T),
    training("pretrain", 1, 1),
    training("pretrain", 1, P),
    training("transfer", 0, 3),
    training("transfer", 1, 5),
    training("scratch", 1, 11),
    evaluation("pretrain", 0, 1, P),
    evaluation("pretrain", 1, 1, P),
    evaluation("scratch", 0, 1, S),
    evaluation("scratch", 1, 3, S),
    evaluation("transfer", 0, 1, T),
    checkpoint("pretrain", 0, deaths.dies_writing("checkpoint", 1), None),
    checkpoint("pretrain", 1, deaths.dies_renaming("checkpoint", 4, after=False), 3),
    checkpoint("transfer", 1, deaths.dies_renaming("checkpoint", 4, after=True), 4),
    checkpoint("transfer", 0, deaths.dies_writing("checkpoint", T), T - 1),
    checkpoint("scratch", 1, deaths.dies_writing("checkpoint", 2), 1),
    record("pretrain", 0, "record.json", P),
    record("pretrain", 1, "history.parquet", P),
    record("scratch", 0, "predictions.parquet", S),
    record("probe", 0, "record.json", None),
    Kill("training", "scratch", 0, deaths.dies_in_training(9), None, deaths.NEVER),
]
FEW = KILLS[:4]


def cases() -> list:
    return [
        pytest.param(kill, id=f"{kill.kind}-{kill.stage}-{number}", marks=() if kill in FEW else pytest.mark.faults)
        for number, kill in enumerate(KILLS, start=1)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults")
    (folder / "averaged.yaml").write_text(RECIPE, encoding="utf-8")
    suite = SUITE.replace("averaged.yaml", str(folder / "averaged.yaml"))
    (folder / "faults.yaml").write_text(suite, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def suite(folder):
    return resolve(*load_suite(str(folder / "faults.yaml")), device="cpu", data_dir=folder)


@pytest.fixture(scope="module")
def untouched(folder, suite) -> Store:
    """A store in which every run was done without anything befalling it."""
    store = open_store(folder / "untouched", suite)
    for run in expand(suite).runs:
        assert deaths.do_run(run, store, folder, deaths.NEVER, deaths.live) == deaths.DONE
        assert store.is_finished(run.key), store.read(run.key)["reason"]
    return store


@pytest.mark.parametrize("kill", cases())
def test_a_killed_run_ends_in_the_same_bytes(kill: Kill, folder, suite, untouched, tmp_path):
    run = chosen(suite, kill)
    store = open_store(tmp_path, suite)
    if run.pretraining is not None:
        bring(untouched, store, run.pretraining.key)
    assert deaths.do_run(run, store, folder, kill.conduct, kill.prepare) == -9
    assert store.read(run.key) is None, "half a run counts as one"
    assert deaths.do_run(run, store, folder, kill.conduct, deaths.live) == deaths.DONE
    again = store.read(run.key)
    resumed = [kill.resumes_at] if kill.resumes_at else []
    assert (again["num_resumes"], again["resumed_at_step"]) == (len(resumed), resumed)
    assert_same(store, untouched, run.key)
    assert_nothing_is_left(open_store(tmp_path, suite))
    print(f"killed in {kill.kind} of {run.stage} {run.model}: the same bytes, resumed at {resumed or 'the beginning'}")


def test_a_run_that_is_killed_again_and_again_ends_in_the_same_bytes(folder, suite, untouched, tmp_path):
    """Five times, each time a little further."""
    run = chosen(suite, Kill("", "scratch", 0, deaths.live, None))
    store = open_store(tmp_path, suite)
    ways = [
        deaths.dies_in_training(3),
        deaths.dies_writing("checkpoint", 4),
        deaths.dies_renaming("checkpoint", 3, after=True),
        deaths.dies_in_evaluation(2),
        deaths.dies_renaming(run.key, 1, after=False),
    ]
    for prepare in ways:
        assert deaths.do_run(run, store, folder, deaths.ALWAYS, prepare) == -9
    assert deaths.do_run(run, store, folder, deaths.ALWAYS, deaths.live) == deaths.DONE
    record = store.read(run.key)
    assert record["num_resumes"] == 5
    assert record["resumed_at_step"] == [2, 5, 8, S, S]
    assert_same(store, untouched, run.key)


def test_a_finished_run_is_not_done_again(folder, suite, untouched):
    run = expand(suite).runs[0]
    before = untouched.read(run.key)
    assert deaths.do_run(run, untouched, folder, deaths.NEVER, deaths.dies_in_training(1)) == deaths.DONE
    assert untouched.read(run.key) == before


def chosen(suite, kill: Kill) -> Run:
    models = list(dict.fromkeys(run.model for run in expand(suite).runs))
    return next(run for run in expand(suite).runs if (run.stage, run.model) == (kill.stage, models[kill.model]))


def bring(source: Store, store: Store, key: str) -> None:
    """Take over what a run starts from."""
    import shutil

    shutil.copytree(source.run_folder(key), store.run_folder(key))


def assert_same(store: Store, other: Store, key: str) -> None:
    for name in ("weights.safetensors", "predictions.parquet", "history.parquet"):
        ours, theirs = (one.run_folder(key) / name for one in (store, other))
        assert ours.exists() == theirs.exists()
        assert not ours.exists() or ours.read_bytes() == theirs.read_bytes(), name
    ours, theirs = (json.loads((one.run_folder(key) / "record.json").read_text()) for one in (store, other))
    for field in ("status", "run", "data", "metrics", "model", "files", "repeats"):
        assert ours[field] == theirs[field], field


def assert_nothing_is_left(store: Store) -> None:
    """Neither temporary files nor folders of runs under way, once a later call has swept the store."""
    left = [path for path in store.root.rglob("*") if path.name.startswith((".tmp-", ".old-"))]
    assert not left
    assert not list((store.root / "running").iterdir())
