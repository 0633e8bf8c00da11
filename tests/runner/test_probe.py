"""Probes of networks that stay as they are: their records, what they share, and the rows that follow from them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import timm
import torch

import models
from bench.data.target import load_shots, load_target, parse_target
from bench.errors import InputError
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.runner.execute import carry_out
from bench.runner.session import FeatureCache, RunSession
from bench.store.new_record import build_record
from bench.store.store import Outcome, Store, open_store
from bench.tables.build import build_tables

MODEL = "bit_resnet_pico"
PROBED = {
    "models": [MODEL],
    "subsets": [16],
    "transfers": ["linear", "k-shot"],
    "shots": [1, 5],
    "draws": 2,
    "from_scratch": False,
    "targets": ["digits@100"],
    "seeds": [0, 1],
}


@pytest.fixture
def store(tmp_path, resolve_suite) -> Store:
    """A store in which both seeds' pretrainings left networks with random weights."""
    store = open_store(tmp_path / "results", resolve_suite(**PROBED))
    for run in runs_of(store):
        if run.stage == "pretrain":
            network = models.build(MODEL, num_classes=4, image_size=32, seed=run.seed)
            record = build_record(run, status="ok", data={"subset_hash": "ab", "num_classes": 4})
            record["metrics"] = dict.fromkeys(("test_accuracy",))
            store.write(Outcome(record, weights=safetensors.torch.save(network.state_dict())))
    return store


def carried_out(run: Run, store: Store, folder: Path, features: FeatureCache | None = None) -> Outcome:
    store.running_folder(run.key).mkdir(parents=True, exist_ok=True)
    return carry_out(run, store, folder, RunSession(run, store, features=features))


def runs_of(store: Store) -> list[Run]:
    return list(expand(store.suite()).runs)


@pytest.fixture
def probe_of(store, tmp_path) -> Callable[..., tuple[Run, Outcome]]:
    """Do the probe of a seed, with the given shots of each class, on features that are taken anew if asked."""
    features = {}

    def done(seed: int = 0, shots: int | None = None, draw: int | None = None, *, anew: bool = True):
        if anew:
            features.clear()
        (run,) = (
            run
            for run in runs_of(store)
            if run.probe and (run.seed, run.probe.shots, run.probe.draw) == (seed, shots, draw)
        )
        return run, carried_out(run, store, tmp_path, features)

    return done


def test_a_linear_probe_leaves_a_whole_record(probe_of, store):
    _, outcome = probe_of()
    record, target = outcome.record, load_target(parse_target("digits@100"), seed=0, image_size=32, data_dir=store.root)
    assert outcome.predictions["id"].tolist() == target.test.ids.tolist()
    right = outcome.predictions["prediction"] == outcome.predictions["label"]
    assert record["metrics"]["test_accuracy"] == right.mean() > 0.5
    assert record["metrics"]["num_answers"] == 10
    assert 0.5 < record["metrics"]["test_balanced_accuracy"] < 1
    assert record["data"]["constant_answer"] == target.test.labels.tolist().count(3) / len(target.test)
    assert record["metrics"]["test_loss"] < np.log(10)
    assert record["metrics"]["train_loss"] is None
    assert (record["data"]["num_images"], record["data"]["split_hash"]) == (100, target.split_hash)
    assert record["run"]["probe"] == {"kind": "linear", "shots": None, "draw": None}
    macs = models.count(MODEL, num_classes=10, image_size=32).macs
    assert record["cost"] == {"images_seen": 0, "training_flops": 200 * macs}
    assert record["probe"]["solver"] == "logistic"
    assert record["probe"]["notes"] == []


def test_what_is_stored_gives_the_predictions_again(probe_of, store):
    run, outcome = probe_of(shots=5, draw=1)
    tensors = safetensors.torch.load(outcome.weights)
    network = models.build(MODEL, num_classes=4, image_size=32)
    network.load_state_dict(safetensors.torch.load(store.weights(run.starts_from)))
    test = load_target(run.target, seed=0, image_size=32, data_dir=store.root).test
    with torch.inference_mode():
        found = network.eval().features(torch.from_numpy(test.images).float() / 127.5 - 1).double()
    mean, scale, weight, bias = (tensors[f"probe.{name}"] for name in ("mean", "scale", "weight", "bias"))
    scores = (found - mean) / scale @ weight.T + bias
    assert scores.argmax(dim=1).tolist() == outcome.predictions["prediction"].tolist()
    store.write(outcome)
    with pytest.raises(models.SpecError, match="is a probe, which trained no network"):
        models.load(store.run_folder(run.key))


def test_shots_are_the_run_s_draw_and_ridge_has_no_loss(probe_of, store):
    records = [probe_of(shots=shots, draw=draw, anew=False)[1].record for shots, draw in ((1, 0), (1, 1), (5, 1))]
    assert [record["data"]["num_images"] for record in records] == [10, 10, 50]
    for record, draw in zip(records, (0, 1, 1), strict=True):
        shots = record["probe"]["shots"]
        drawn = load_shots(parse_target("digits"), seed=0, shots=shots, draw=draw, image_size=32, data_dir=store.root)
        assert record["data"]["split_hash"] == drawn.split_hash
        assert (record["probe"]["solver"], record["metrics"]["test_loss"]) == ("ridge", None)
        missing = ("temperature", "validation_confidence", "validation_brier", "validation_scaled_loss")
        assert [record["metrics"][name] for name in missing] == [None] * 4
        assert record["metrics"]["validation_label_rank"] > 0
    assert records[2]["metrics"]["test_accuracy"] > records[1]["metrics"]["test_accuracy"] > 0.15


def test_features_that_are_kept_change_nothing(probe_of):
    """Nor do those of another network, which the probe before it used."""
    fresh = [probe_of(0, 5, 0), probe_of(1, 5, 0)]
    kept = [probe_of(0, 1, 0), probe_of(0, 5, 0, anew=False), probe_of(1, 5, 0, anew=False)][1:]
    for (_, one), (_, other) in zip(fresh, kept, strict=True):
        assert one.weights == other.weights
        assert one.record["metrics"] == other.record["metrics"]
        assert one.record["data"] == other.record["data"]
        pd.testing.assert_frame_equal(one.predictions, other.predictions, check_exact=True)
    assert fresh[0][1].weights != fresh[1][1].weights


def test_a_class_with_too_few_images_is_refused(store, tmp_path):
    (run, *_) = (run for run in runs_of(store) if run.probe and run.probe.shots)
    run = replace(run, probe=replace(run.probe, shots=77))
    with pytest.raises(InputError, match='has 76 images of class "8" to draw from'):
        carried_out(run, store, tmp_path)


def test_weights_from_outside_are_probed_as_they_are(plan_suite, store, tmp_path):
    path = tmp_path / "external.safetensors"
    network = timm.create_model("test_resnet", num_classes=10)
    safetensors.torch.save_file(network.state_dict(), path)
    plan = plan_suite(**PROBED | {"models": [MODEL, f"timm:test_resnet:weights={path}"]})
    run = next(run for run in plan.runs if run.external and run.probe)
    outcome = carried_out(run, store, tmp_path)
    assert outcome.record["metrics"]["test_accuracy"] > 0.3
    assert "probe.weight" in safetensors.torch.load(outcome.weights)


def test_probes_have_rows_of_their_own(probe_of, store):
    """Shots and draws stand in the cells; a seed without all its draws is not complete; draws add no seed."""
    for draw in (0, 1):
        store.write(probe_of(0, 5, draw, anew=False)[1])
    store.write(probe_of(0, anew=False)[1])
    tables = build_tables(store)
    cells = tables["cells"]
    assert cells["transfer"].tolist() == (["linear"] + ["k-shot"] * 4) * 2
    assert cells["target"].tolist() == (["digits@100"] + ["digits"] * 4) * 2
    assert cells["shots"].fillna(0).tolist() == [0, 1, 1, 5, 5] * 2
    assert cells["draw"].tolist() == [0, 0, 1, 0, 1, 1, 0, 1, 0, 1]
    assert cells["target_images"].fillna(-1).tolist() == [100, -1, -1, 50, 50, 100, -1, -1, -1, -1]
    rows = tables["comparison"].set_index(["transfer", "shots"])
    five = cells[(cells["shots"] == 5) & (cells["seed"] == 0)]
    row = rows.loc[("k-shot", 5)]
    assert (row["num_seeds"], row["accuracy"]) == (1, pytest.approx(five["accuracy"].mean()))
    assert row["gain_status"].startswith("no baseline")
    runs = tables["runs"]
    assert runs["images_seen"].dropna().tolist() == [0, 0, 0]
    assert runs["strength"].notna().sum() == 3
