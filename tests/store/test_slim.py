"""Slim copies of stores: predictions come back from the packed ones, and what is missing is named."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.errors import InputError
from bench.plan.expand import expand
from bench.store.new_record import build_record
from bench.store.packed import (
    ANSWERS,
    HISTORIES,
    INDEX,
    answers_file,
    pack_predictions,
    packed_histories,
    thinned,
    unpack_predictions,
)
from bench.store.records import DamagedRun
from bench.store.slim import write_slim
from bench.store.store import WEIGHTS, Outcome, Store, open_store
from bench.tables.build import build_tables
from tests import in_process

NUM_IMAGES = 300
CHANGES = {"subsets": [16, 32], "seeds": [0, 1, 2, 3], "targets": ["digits@20", "arrangement@20"]}


def predictions_of(generator: np.random.Generator, num_classes: int = 10) -> pd.DataFrame:
    labels = np.arange(NUM_IMAGES) % num_classes
    answers = np.where(generator.random(NUM_IMAGES) < 0.6, labels, (labels + 1) % num_classes)
    floats = ("confidence", "loss", "brier", "scaled_confidence", "scaled_loss")
    drawn = {name: generator.random(NUM_IMAGES, dtype=np.float32) for name in floats}
    for name in ("loss", "scaled_loss"):  # of a right answer, the loss is that of the confidence
        confidence = drawn[name.replace("loss", "confidence")]
        drawn[name] = np.where(answers == labels, -np.log(confidence), drawn[name])
    ids = 10_000 + np.arange(NUM_IMAGES)[::-1]
    return pd.DataFrame({"id": ids, "label": labels, "prediction": answers, **drawn, "label_rank": labels // 3})


@pytest.fixture
def store(tmp_path: Path, resolve_suite) -> Store:
    """A store of a suite whose runs all ended ok, with 130 rows of history each."""
    suite = resolve_suite(**CHANGES)
    store, generator = open_store(tmp_path / "results", suite), np.random.default_rng(0)
    steps = np.arange(1, 131)
    history = pd.DataFrame(
        {"step": steps, "images_seen": 8 * steps, "learning_rate": 1e-3, "train_loss": 2.0 + 1 / steps}
    )
    for run in expand(suite).runs:
        tested = predictions_of(generator) if run.target else None
        accuracy = float((tested.prediction == tested.label).mean()) if tested is not None else None
        record = build_record(run, status="ok", metrics={"test_accuracy": accuracy}, data={"num_classes": 10})
        store.write(Outcome(record, history, tested, run.key.encode()))
    store.write_tables(build_tables(store))
    return store


@pytest.fixture
def slim(store: Store, tmp_path: Path) -> Store:
    write_slim(store, tmp_path / "copies" / "slim")
    return Store(tmp_path / "copies" / "slim")


def runs_of(store: Store) -> Iterator:
    return (run for run in expand(store.suite()).runs if run.target is not None)


def test_predictions_come_back_with_floats_of_half_the_bytes(store, slim):
    """Those on `arrangement` come back as they were, since a check compares them up to float32's rounding."""
    for run in runs_of(store):
        assert not (slim.run_folder(run.key) / "predictions.parquet").exists()
        whole, packed = store.predictions(run.key), slim.predictions(run.key)
        if run.target.name != "arrangement":
            floats = whole.columns[whole.dtypes == np.float32]
            assert len(floats) == 5
            right = whole["prediction"] == whole["label"]
            of_loss = {name: np.exp(-whole[name.replace("confidence", "loss")]) for name in floats if "conf" in name}
            whole[floats] = whole[floats].astype(np.float16).astype(np.float32)
            for name, confidence in of_loss.items():
                assert np.allclose(packed.loc[right, name], confidence[right], atol=1e-3)
                whole.loc[right, name] = packed.loc[right, name]
        pd.testing.assert_frame_equal(packed[list(whole)], whole, check_exact=True)


def test_tables_are_the_same_even_if_those_of_the_copy_are_lost(store, slim):
    before = build_tables(store)
    shutil.rmtree(slim.tables)
    after = build_tables(slim)
    assert before.keys() == after.keys()
    assert "permutation_check" in before
    for name, table in before.items():
        pd.testing.assert_frame_equal(after[name], table)


def test_the_weights_kept_are_those_of_the_largest_rung_and_of_one_target_from_scratch(store, slim):
    kept = {path.parent.name for path in slim.root.glob(f"runs/*/{WEIGHTS}")}
    runs = {run.key: run for run in expand(store.suite()).runs}
    assert {(runs[key].stage, runs[key].subset_images, str(runs[key].target), runs[key].seed) for key in kept} == {
        *(("pretrain", 32, "None", seed) for seed in (0, 1, 2)),
        *(("scratch", None, "digits@20", seed) for seed in (0, 1, 2)),
    }
    assert all(slim.weights(key) == key.encode() for key in kept)
    left_out = json.loads((slim.root / INDEX).read_text())["left_out"]
    assert set(left_out[WEIGHTS]) == runs.keys() - kept
    assert set(left_out["history.parquet"]) == runs.keys()
    assert set(left_out["predictions.parquet"]) == {run.key for run in runs_of(store)}


def test_a_slim_copy_of_a_slim_copy_is_the_same(slim, tmp_path):
    write_slim(slim, tmp_path / "again")
    files = [path.relative_to(slim.root) for path in slim.root.rglob("*") if path.is_file()]
    assert len(files) > 40
    assert all((tmp_path / "again" / path).read_bytes() == (slim.root / path).read_bytes() for path in files)


def test_a_thinned_history_keeps_the_mean_loss_over_all_steps(store, slim):
    histories = packed_histories(slim.root)
    assert histories.keys() == {run.key for run in expand(store.suite()).runs}
    rows = next(iter(histories.values()))
    assert (len(rows), rows["step"].iloc[-1], rows["images_seen"].iloc[-1]) == (64, 130, 1040)
    losses = 2 + 1 / np.arange(1, 131)
    assert np.average(rows["train_loss"], weights=np.diff(rows["step"], prepend=0)) == pytest.approx(losses.mean())
    assert thinned(rows) is rows


def test_a_run_that_is_done_again_counts_and_not_its_packed_predictions(slim):
    run = next(runs_of(slim))
    again = predictions_of(np.random.default_rng(1))
    record = build_record(run, status="ok", metrics={"test_accuracy": 0.5}, data={"num_classes": 10})
    slim.write(Outcome(record, None, again, b"weights"))
    pd.testing.assert_frame_equal(slim.predictions(run.key), again[list(slim.predictions(run.key))])
    (slim.run_folder(run.key) / "predictions.parquet").unlink()
    with pytest.raises(DamagedRun, match=r"predictions.parquet: damaged \(it is missing"):
        slim.predictions(run.key)


@pytest.mark.parametrize("name", [ANSWERS, INDEX])
def test_damaged_answers_are_named(slim, name):
    (slim.root / name).write_bytes((slim.root / name).read_bytes().replace(b"a", b"b"))
    key = next(runs_of(slim)).key
    with pytest.raises(DamagedRun, match=rf"{key}.*damaged"):
        slim.predictions(key)


@pytest.mark.parametrize(
    "spoilt", [{"num_images": 299}, {"label": b"1"}, {"confidence": b"12"}, {"prediction": bytes([11] * NUM_IMAGES)}]
)
def test_packed_rows_of_another_shape_are_refused(tmp_path, spoilt):
    row = pack_predictions("0123456789abcdef", "hash", predictions_of(np.random.default_rng(0))) | spoilt
    content = answers_file([row])
    (tmp_path / ANSWERS).write_bytes(content)
    files = {ANSWERS: hashlib.sha256(content).hexdigest()}
    (tmp_path / INDEX).write_text(json.dumps({"files": files}))
    assert unpack_predictions(tmp_path, "0123456789abcdef", "another", 10) is None
    with pytest.raises(ValueError, match=r"bytes for|a class is not one"):
        unpack_predictions(tmp_path, "0123456789abcdef", "hash", 10)


def test_many_classes_and_large_losses_survive(tmp_path):
    frame = predictions_of(np.random.default_rng(0), num_classes=300)
    frame["cluster"], frame.loc[0, "loss"], frame.loc[1, "loss"] = np.arange(NUM_IMAGES) // 2, np.inf, 1e6
    content = answers_file([pack_predictions("k", "hash", frame)])
    (tmp_path / ANSWERS).write_bytes(content)
    (tmp_path / INDEX).write_text(json.dumps({"files": {ANSWERS: hashlib.sha256(content).hexdigest()}}))
    found = unpack_predictions(tmp_path, "k", "hash", 300)
    whole = ["id", "label", "prediction", "label_rank", "cluster"]
    pd.testing.assert_frame_equal(found[whole], frame[whole])
    assert np.isinf(found["loss"][:2]).all()


def test_a_folder_that_exists_is_never_overwritten(store, slim, tmp_path):
    with pytest.raises(InputError, match="exists already; name a new folder"):
        write_slim(store, slim.root)
    (tmp_path / "copies" / "other").mkdir()
    ended = in_process.bench("slim", "tiny", tmp_path / "copies" / "other", folder=tmp_path)
    assert ended.code == 2


@pytest.mark.parametrize("command", ["slim", "report", "claims", "status"])
def test_commands_work_on_a_slim_store(slim, tmp_path, command):
    words = (command, "slim", *([tmp_path / "again"] if command == "slim" else []), "--results", slim.root.parent)
    ended = in_process.bench(*words, folder=tmp_path)
    assert ended.code == 0, ended
    if command == "slim":
        assert "answers" in ended.said
        assert (tmp_path / "again" / HISTORIES).is_file()
