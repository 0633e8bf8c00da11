"""kill -9 anywhere and run again: the same weights, answers and figures as of a run that nothing befell.

`make test` has one kill of each kind; `make test-faults` has them all.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.config.resolved import resolve
from bench.config.suite import load_suite
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.runner.run_options import RunOptions
from bench.store.store import Store, open_store
from tests.faults import deaths, moments
from tests.faults.moments import Moment
from tests.faults.suites import write_suite

MODELS = ["vit_pico/8:depth=1,drop_path=0.3", "timm:test_resnet", "r_pico+vit_pico/8:depth=1,drop_path=0.2"]


@dataclass(frozen=True)
class Kill:
    """One way to die, of the run of one stage and model."""

    kind: str
    stage: str
    model: int
    moment: Moment | None
    resumes_at: int | None
    """The step of the checkpoint that there is; None where there is none yet."""
    options: RunOptions = deaths.ALWAYS


def training(stage: str, model: int, step: int) -> Kill:
    return Kill("training", stage, model, moments.in_training(step), step - 1 or None)


def evaluation(stage: str, model: int, batch: int, last: int) -> Kill:
    return Kill("evaluation", stage, model, moments.in_evaluation(batch), last)


def checkpoint(stage: str, model: int, moment: Moment, resumes_at: int | None) -> Kill:
    return Kill("checkpoint", stage, model, moment, resumes_at)


def record(stage: str, model: int, name: str, last: int | None) -> Kill:
    return Kill("record", stage, model, moments.writing(name, 1), last)


P, T, S = 10, 6, 16
"""Steps of pretraining, of a transfer, and from scratch."""
KILLS = [
    training("pretrain", 0, 7),
    evaluation("transfer", 1, 2, T),
    checkpoint("scratch", 0, moments.writing("checkpoint", 5), 4),
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
    checkpoint("pretrain", 0, moments.writing("checkpoint", 1), None),
    checkpoint("pretrain", 1, moments.renaming("checkpoint", 4, after=False), 3),
    checkpoint("transfer", 1, moments.renaming("checkpoint", 4, after=True), 4),
    checkpoint("transfer", 0, moments.writing("checkpoint", T), T - 1),
    checkpoint("scratch", 1, moments.writing("checkpoint", 2), 1),
    record("pretrain", 0, "record.json", P),
    record("pretrain", 1, "history.parquet", P),
    record("scratch", 0, "predictions.parquet", S),
    record("probe", 0, "record.json", None),
    training("pretrain", 2, 6),
    evaluation("transfer", 2, 1, T),
    checkpoint("scratch", 2, moments.writing("checkpoint", 9), 8),
    record("transfer", 2, "record.json", T),
    Kill("training", "scratch", 0, moments.in_training(9), None, deaths.NEVER),
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
    write_suite(folder, MODELS, subset=32)
    return folder


@pytest.fixture(scope="module")
def suite(folder):
    return resolve(*load_suite(str(folder / "suite.yaml")), device="cpu", data_dir=folder)


@pytest.fixture(scope="module")
def untouched(folder, suite) -> Callable[[Run], Store]:
    """A store in which a run, and what it starts from, was done without anything befalling it."""
    store = open_store(folder / "untouched", suite)

    def with_run(run: Run) -> Store:
        for needed in filter(None, (run.pretraining, run)):
            if not store.is_finished(needed.key):
                assert deaths.do_run(needed, store, folder, deaths.NEVER) == deaths.DONE
                assert store.is_finished(needed.key), store.read(needed.key)["reason"]
        return store

    return with_run


@pytest.mark.parametrize("kill", cases())
def test_a_killed_run_ends_in_the_same_bytes(kill: Kill, folder, suite, untouched, tmp_path, record_property):
    record_property("killed in", kill.kind)
    run = chosen(suite, kill)
    store, other = open_store(tmp_path, suite), untouched(run)
    if run.pretraining is not None:
        bring(other, store, run.pretraining.key)
    assert deaths.do_run(run, store, folder, kill.options, kill.moment) == -9
    assert store.read(run.key) is None, "half a run counts as one"
    assert deaths.do_run(run, store, folder, kill.options) == deaths.DONE
    again = store.read(run.key)
    resumed = [kill.resumes_at] if kill.resumes_at else []
    assert (again["num_resumes"], again["resumed_at_step"]) == (len(resumed), resumed)
    assert_same(store, other, run.key)
    assert_nothing_is_left(open_store(tmp_path, suite))


@pytest.mark.faults
def test_a_run_that_is_killed_again_and_again_ends_in_the_same_bytes(
    folder, suite, untouched, tmp_path, record_property
):
    """Five times, each time a little further."""
    run = chosen(suite, Kill("", "scratch", 0, None, None))
    store = open_store(tmp_path, suite)
    ways = {
        moments.in_training(3): "training",
        moments.writing("checkpoint", 4): "checkpoint",
        moments.renaming("checkpoint", 3, after=True): "checkpoint",
        moments.in_evaluation(2): "evaluation",
        moments.renaming(run.key, 1, after=False): "record",
    }
    for moment, kind in ways.items():
        record_property("killed in", kind)
        assert deaths.do_run(run, store, folder, deaths.ALWAYS, moment) == -9
    assert deaths.do_run(run, store, folder, deaths.ALWAYS) == deaths.DONE
    record = store.read(run.key)
    assert record["num_resumes"] == 5
    assert record["resumed_at_step"] == [2, 5, 8, S, S]
    assert_same(store, untouched(run), run.key)


def test_a_finished_run_is_not_done_again(folder, suite, untouched):
    run = expand(suite).runs[0]
    store = untouched(run)
    before = store.read(run.key)
    assert deaths.do_run(run, store, folder, deaths.NEVER, moments.in_training(1)) == deaths.DONE
    assert store.read(run.key) == before


def chosen(suite, kill: Kill) -> Run:
    models = list(dict.fromkeys(run.model for run in expand(suite).runs))
    return next(run for run in expand(suite).runs if (run.stage, run.model) == (kill.stage, models[kill.model]))


def bring(source: Store, store: Store, key: str) -> None:
    """Take over what a run starts from."""
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
