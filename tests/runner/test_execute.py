"""One run: its record and files, what a transfer inherits, and that every failure is a record."""

import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import timm
import torch

import models
from bench.config.recipe import Settings
from bench.data.augment.mixing import Mixing
from bench.data.augment.policies import AutoAugment, RandAugment
from bench.data.augment.resized import ResizedCrop
from bench.data.corpus import subset_index
from bench.data.fractals.heldout import DIGITS_FORMS
from bench.data.loading.stream import Augmentation
from bench.data.target import load_target, parse_target
from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.runner import execute
from bench.runner.augmentation import augmentation_of
from bench.runner.fit import weights_bytes
from bench.runner.initial_weights import initial_model
from bench.store.store import Store, open_store
from models.spec.flops import TRAINING_FLOPS_PER_MAC


@pytest.fixture
def store(tmp_path, resolve_suite) -> Store:
    return open_store(tmp_path / "results", resolve_suite())


@pytest.fixture
def run_of(plan_suite: Callable[..., Plan]) -> Callable[..., Run]:
    def found(stage: str, model: str = "bit_resnet_pico", **changes) -> Run:
        return next(run for run in plan_suite(**changes).runs if (run.stage, run.model) == (stage, model))

    return found


def test_a_pretraining_and_a_transfer_leave_whole_records(store, run_of, tmp_path):
    pretrain, transfer = run_of("pretrain"), run_of("transfer")
    first, second = execute.execute(pretrain, store, tmp_path), execute.execute(transfer, store, tmp_path)
    assert (first["status"], second["status"]) == ("ok", "ok"), (first["reason"], second["reason"])
    assert first["data"]["num_images"] == 16
    assert len(first["data"]["subset_hash"]) == 64
    evenness = ("subset_classes", "smallest_class_images", "largest_class_images")
    assert [first["data"][name] for name in evenness] == [4, 4, 4]
    assert [second["data"][name] for name in evenness] == [None] * 3
    assert first["metrics"]["test_accuracy"] is first["metrics"]["test_balanced_accuracy"] is None
    assert first["metrics"]["num_answers"] is first["data"]["constant_answer"] is None
    assert second["data"]["num_images"] == 20
    assert first["cost"]["images_seen"] == 64
    assert second["run"]["starts_from"] == pretrain.key
    counts = models.count("bit_resnet_pico", num_classes=4, image_size=32)
    assert first["model"]["parameters"] == counts.parameters
    assert first["cost"]["training_flops"] == TRAINING_FLOPS_PER_MAC * counts.macs * 64
    files = {path.name for path in store.run_folder(transfer.key).iterdir()}
    assert files == {"record.json", "history.parquet", "predictions.parquet", "weights.safetensors"}
    assert not (store.run_folder(pretrain.key) / "predictions.parquet").exists()


def test_a_pretraining_on_some_classes_of_real_images_says_how_even_they_are(store, run_of, tmp_path):
    run = run_of("pretrain", corpus={"name": "digits", "classes": 4}, subsets=[18])
    data = execute.execute(run, store, tmp_path)["data"]
    assert data["subset_hash"] == subset_index(run.corpus, 18, tmp_path).sha256
    assert (data["subset_classes"], data["smallest_class_images"], data["largest_class_images"]) == (4, 4, 5)
    assert len(data["class_names"]) == 4


def test_predictions_are_of_the_whole_test_split_and_give_the_accuracy(store, run_of, tmp_path):
    scratch = run_of("scratch")
    record = execute.execute(scratch, store, tmp_path)
    predictions = store.predictions(scratch.key)
    test = load_target(parse_target("digits@20"), seed=0, image_size=32, data_dir=tmp_path).test
    assert len(test) >= 800
    assert predictions["id"].tolist() == test.ids.tolist()
    assert predictions["label"].tolist() == test.labels.tolist()
    assert predictions["cluster"].tolist() == (np.searchsorted(DIGITS_FORMS, test.ids, side="right") - 1).tolist()
    assert math.isclose(record["metrics"]["test_accuracy"], (predictions.prediction == predictions.label).mean())
    sizes = np.bincount(test.labels)
    names = ("smallest_test_class_images", "largest_test_class_images", "constant_answer")
    assert [record["data"][name] for name in names] == [sizes.min(), sizes.max(), sizes.max() / sizes.sum()]
    assert record["data"]["num_test_images"] == len(test)
    assert record["metrics"]["num_answers"] == predictions.prediction.nunique()
    sizes = np.bincount(
        load_target(parse_target("digits@20"), seed=0, image_size=32, data_dir=tmp_path).validation.labels
    )
    names = ("num_validation_images", "constant_validation_answer")
    assert [record["data"][name] for name in names] == [sizes.sum(), sizes.max() / sizes.sum()]
    of_classes = [(predictions.prediction == label)[predictions.label == label].mean() for label in range(10)]
    assert math.isclose(record["metrics"]["test_balanced_accuracy"], np.mean(of_classes))
    assert math.isclose(record["metrics"]["test_loss"], predictions.loss.mean(), rel_tol=1e-6)
    assert predictions.dtypes[["loss", "brier", "scaled_confidence", "scaled_loss"]].eq(np.float32).all()
    found = record["data"]["validation_classes"]
    assert found["images"] == sizes.tolist()
    assert sum(found["answers"]) == sizes.sum()
    assert math.isclose(sum(found["right"]) / sizes.sum(), record["metrics"]["validation_accuracy"])
    metrics = record["metrics"]
    assert 0.1 <= metrics["temperature"] <= 10
    assert 0 < metrics["validation_scaled_loss"] < metrics["validation_loss"]
    assert all(metrics[f"validation_{name}"] > 0 for name in ("label_rank", "confidence", "brier"))
    assert 0 < metrics["validation_scaled_confidence"] < 1


def test_a_transfer_starts_from_the_pretrained_weights_with_a_new_head(store, run_of, tmp_path):
    pretrain, transfer = run_of("pretrain"), run_of("transfer")
    execute.execute(pretrain, store, tmp_path)
    pretrained = safetensors.torch.load(store.weights(pretrain.key))
    model = initial_model(transfer, store, num_classes=10)
    for name, tensor in model.state_dict().items():
        if name.startswith("head."):
            assert len(tensor) == 10
        else:
            assert torch.equal(tensor, pretrained[name]), name
    again = initial_model(transfer, store, num_classes=10)
    assert torch.equal(model.head.weight, again.head.weight)


def test_the_same_run_gives_the_same_bytes_and_another_seed_others(tmp_path, run_of, resolve_suite):
    stores = [open_store(tmp_path / name, resolve_suite()) for name in ("first", "again")]
    run, other = run_of("scratch"), run_of("scratch", seeds=[1])
    records = [execute.execute(run, store, tmp_path) for store in stores]
    assert records[0]["metrics"] == records[1]["metrics"]
    assert stores[0].weights(run.key) == stores[1].weights(run.key)
    execute.execute(other, stores[0], tmp_path)
    assert stores[0].weights(run.key) != stores[0].weights(other.key)


@pytest.mark.parametrize("model", ["vit_pico/8:drop_path=0.5", "torchvision:mobilenet_v3_small"])
def test_layers_that_draw_while_training_draw_from_the_run_s_seed(tmp_path, run_of, resolve_suite, model):
    """Whatever the process drew before."""
    stores = [open_store(tmp_path / name, resolve_suite()) for name in ("first", "again")]
    run = run_of("pretrain", model=model, models=[model], subsets=[16])
    for number, store in enumerate(stores):
        torch.manual_seed(number)
        assert execute.execute(run, store, tmp_path)["status"] == "ok"
    assert stores[0].weights(run.key) == stores[1].weights(run.key)


def test_tensors_under_two_names_are_kept_under_both():
    tied = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    assert safetensors.torch.load(weights_bytes(tied)).keys() == tied.state_dict().keys()


@pytest.mark.slow
def test_a_network_that_shares_tensors_is_kept_whole(store, run_of, tmp_path):
    model = "timm:coat_lite_tiny"
    run = run_of("pretrain", model=model, models=[model], subsets=[16], image_size=64)
    record = execute.execute(run, store, tmp_path)
    assert record["status"] == "ok", record["reason"]
    assert models.load(store.run_folder(run.key)).spec.preset == model


def test_outside_weights_get_a_new_head_and_have_to_be_those_of_the_plan(store, plan_suite, tmp_path):
    path = tmp_path / "external.safetensors"
    network = timm.create_model("test_resnet", num_classes=10)
    safetensors.torch.save_file(network.state_dict(), path)
    (run,) = (run for run in plan_suite(models=["vit_pico/8", f"timm:test_resnet:weights={path}"]).runs if run.external)
    model = initial_model(run, store, num_classes=10)
    state = model.state_dict()
    for name, tensor in network.state_dict().items():
        if not name.startswith("fc."):
            assert torch.equal(state[f"body.{name}"], tensor), name
    assert not model.head.bias.any()
    assert not torch.equal(model.head.weight, network.fc.weight)
    safetensors.torch.save_file(timm.create_model("test_resnet").state_dict(), path)
    record = execute.execute(run, store, tmp_path)
    assert record["status"] == "failed"
    assert f"have changed: their SHA-256 was {run.external.sha256}" in record["reason"]


def test_a_trained_model_can_be_used(store, run_of, tmp_path):
    """What `models.load` gives answers as the stored predictions say."""
    scratch = run_of("scratch")
    execute.execute(scratch, store, tmp_path)
    loaded = models.load(store.run_folder(scratch.key))
    test = load_target(parse_target("digits@20"), seed=0, image_size=32, data_dir=tmp_path).test
    pictures = [loaded.preprocess(np.ascontiguousarray(image.transpose(1, 2, 0))) for image in test.images[:50]]
    with torch.inference_mode():
        answers = loaded.model(torch.stack(pictures)).argmax(dim=1)
    assert answers.tolist() == store.predictions(scratch.key)["prediction"].tolist()[:50]
    assert len(loaded.class_names) == 10


def test_a_diverging_run_is_a_record(store, run_of, tmp_path):
    run = run_of("scratch")
    settings = run.settings.model_copy(update={"learning_rate": 1e30, "clip_norm": None})
    record = execute.execute(replace(run, settings=settings), store, tmp_path)
    assert record["status"] == "diverged"
    assert "at step" in record["reason"]
    assert record["metrics"] == {}


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (RuntimeError("the disk is gone\nand more"), "failed", "RuntimeError: the disk is gone"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory", "CUDA out of memory"),
        (MemoryError(), "out_of_memory", "the machine's memory ran out"),
    ],
)
def test_any_error_is_a_record_with_its_traceback(store, run_of, tmp_path, monkeypatch, error, status, reason):
    def fail(*_):
        raise error

    monkeypatch.setattr(execute, "load_run_data", fail)
    record = execute.execute(run_of("scratch"), store, tmp_path)
    assert (record["status"], record["reason"]) == (status, reason)
    folder = store.run_folder(record["key"])
    assert "in fail" in (folder / "traceback.txt").read_text(encoding="utf-8")


def test_a_record_is_plain_json_and_its_history_a_curve(store, run_of, tmp_path):
    pretrain = run_of("pretrain")
    record = execute.execute(pretrain, store, tmp_path)
    kept = store.read(pretrain.key)
    assert json.loads(json.dumps(record)) == {name: value for name, value in kept.items() if name != "files"}
    history = pd.read_parquet(store.run_folder(pretrain.key) / "history.parquet")
    assert history.columns.tolist() == ["step", "images_seen", "learning_rate", "train_loss"]
    assert history["images_seen"].tolist() == [32, 64]


ALL = {"flip": True, "resized_crop": {}, "randaugment": {}, "erasing": {}, "mixup": 0.8, "cutmix": 1.0}


def test_a_recipe_gets_the_augmentation_that_it_asks_for():
    asked = augmentation_of(Settings.model_validate(ALL), flip=False)
    assert not asked.flip
    assert (asked.resized_crop, asked.policy, asked.mixing) == (ResizedCrop(), RandAugment(), Mixing(0.8, 1.0))
    assert augmentation_of(Settings(autoaugment="cifar10"), flip=True).policy == AutoAugment()
    assert augmentation_of(Settings(shift=2, flip=True), flip=True) == Augmentation(2, True)


def test_a_run_trains_with_everything_at_once(store, run_of, tmp_path):
    run = replace(run_of("scratch"), settings=Settings.model_validate(ALL | {"label_smoothing": 0.1}))
    record = execute.execute(run, store, tmp_path)
    assert record["status"] == "ok", record["reason"]
    assert run.key != run_of("scratch").key


@pytest.mark.parametrize("stage", ["pretrain", "scratch"])
def test_a_data_set_that_takes_no_augmentation_gets_none(store, run_of, tmp_path, stage):
    """Bit for bit what a recipe without any trains, as a corpus and as a target."""
    corpus = {"name": "arrangement"}
    plain = replace(run_of(stage, corpus=corpus, targets=["arrangement@20"]), settings=Settings())
    augmented = replace(plain, settings=Settings.model_validate(ALL))
    records = [execute.execute(run, store, tmp_path) for run in (plain, augmented)]
    assert [record["status"] for record in records] == ["ok", "ok"], records
    assert records[0]["run"]["data"]["augmentable"] is False
    first, second = (store.weights(run.key) for run in (plain, augmented))
    assert plain.key != augmented.key
    assert first == second
