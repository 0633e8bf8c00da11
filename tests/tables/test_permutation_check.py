"""The exact check: one distribution over the classes for all images of an instance, or not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import models
from bench.data.fractals.arrangement import NUM_CLASSES
from bench.data.loading.batches import scaled
from bench.data.opening import open_data
from bench.plan.expand import expand
from bench.store.new_record import build_record
from bench.store.store import Outcome, open_store
from bench.tables.build import build_tables
from bench.tables.permutation_check import check_permutations
from bench.training.compute import compute_on
from bench.training.evaluate import evaluate


def answers(logits: np.ndarray) -> pd.DataFrame:
    """What a run keeps, of logits (instances, images, classes); images come in no order."""
    shares = np.exp(logits - logits.max(axis=2, keepdims=True))
    shares /= shares.sum(axis=2, keepdims=True)
    flat = shares.reshape(-1, NUM_CLASSES)
    labels = np.arange(len(flat)) % NUM_CLASSES
    table = pd.DataFrame(
        {
            "id": 10_500 + np.arange(len(flat)),
            "label": labels,
            "prediction": flat.argmax(axis=1),
            "confidence": flat.max(axis=1).astype(np.float32),
            "loss": -np.log(flat[np.arange(len(flat)), labels]).astype(np.float32),
        }
    )
    return table.sample(frac=1, random_state=0)


def blind(rng: np.random.Generator, rounding: float) -> np.ndarray:
    """Logits of a model that gives all images of an instance one answer, up to rounding."""
    one = rng.normal(0, 1, (50, 1, NUM_CLASSES))
    return one + rounding * rng.normal(0, 1, (50, NUM_CLASSES, NUM_CLASSES))


@pytest.mark.parametrize(("rounding", "precision"), [(1e-7, "fp32"), (1e-3, "bf16")])
def test_one_answer_up_to_rounding(rounding: float, precision: str) -> None:
    row = check_permutations("t", answers(blind(np.random.default_rng(0), rounding)), precision)
    assert (row["transfer_key"], row["num_groups"], row["same_answers"]) == ("t", 50, 1.0)
    assert 0 < row["largest_confidence_difference"] < 20 * rounding


def test_more_than_rounding_is_another_answer() -> None:
    logits = blind(np.random.default_rng(0), 1e-7)
    logits[7, 3, 2] += 0.01
    assert check_permutations("t", answers(logits), "fp32")["same_answers"] == pytest.approx(49 / 50)


def test_two_classes_that_tie_are_one_answer() -> None:
    """Rounding may turn the prediction, and nothing else."""
    rng = np.random.default_rng(0)
    logits = np.tile(np.array([5.0, 5.0, *np.zeros(8)]), (50, NUM_CLASSES, 1)) + rng.normal(0, 1e-7, (50, 10, 10))
    row = check_permutations("t", answers(logits), "fp32")
    assert row["same_predictions"] < 0.1
    assert row["same_answers"] == 1.0


@pytest.mark.parametrize("sure", [0.1, 1.0, 30.0])
def test_a_model_that_sees_positions_gives_different_answers(sure: float) -> None:
    """Also where its confidences are all the same."""
    row = check_permutations("t", answers(np.tile(sure * np.eye(NUM_CLASSES), (50, 1, 1))), "fp32")
    assert row["same_answers"] == row["same_predictions"] == 0.0
    assert row["largest_confidence_difference"] == pytest.approx(0, abs=1e-7)


def test_one_prediction_for_all_is_not_yet_one_answer() -> None:
    """A model that sees a little, and always says the same class."""
    logits = blind(np.random.default_rng(0), 0.05)
    logits[:, :, 0] += 5
    row = check_permutations("t", answers(logits), "fp32")
    assert (row["same_answers"], row["same_predictions"]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("model", "precision", "alike"),
    [
        ("vit_pico/8:pos=none", "fp32", 1.0),
        ("vit_pico/4:pos=none", "fp32", 1.0),
        ("vit_pico/8:pos=none", "bf16", 1.0),
        ("vit_pico/8", "fp32", 0.0),
        ("vit_pico/8:pos=relative", "fp32", 0.0),
        ("bit_resnet_pico", "fp32", 0.0),
    ],
)
def test_real_models_on_the_real_images(model: str, precision: str, alike: float) -> None:
    """With random weights: patches are cells or divide them, and sums of another order differ within the rounding."""
    data = open_data("arrangement", None, Path("nowhere"))
    chosen = data.test[: 20 * NUM_CLASSES]
    images = scaled(torch.from_numpy(data.read(chosen, 32)))
    batches = [(images, torch.from_numpy(data.labels[chosen]), chosen)]
    built = models.build(model, num_classes=NUM_CLASSES, image_size=32, seed=1)
    row = check_permutations("t", evaluate(built, batches, compute_on("cpu", precision)).predictions, precision)
    assert (row["num_groups"], row["same_answers"]) == (20, alike)


def test_an_instance_that_lacks_an_image_is_left_out() -> None:
    table = answers(blind(np.random.default_rng(0), 1e-7))
    row = check_permutations("t", table[~table["id"].isin([10_500, 10_511])], "fp32")
    assert (row["num_groups"], row["same_answers"]) == (48, 1.0)
    nothing = check_permutations("t", table.iloc[:3], "fp32")
    assert nothing["num_groups"] == 0
    assert np.isnan(nothing["same_answers"])


def test_the_table_has_the_finished_runs_with_predictions(resolve_suite, tmp_path) -> None:
    arms = {"with": "vit_pico/8", "none": "vit_pico/8:pos=none"}
    ablation = {"name": "position", "reference": "with", "arms": arms}
    changes = {"corpus": [], "subsets": None, "models": ["vit_pico/8"], "ablations": [ablation], "seeds": [0, 1]}
    suite = resolve_suite(targets=["arrangement", "digits@20"], **changes)
    store = open_store(tmp_path, suite)
    assert build_tables(store)["permutation_check"].empty
    runs = [run for run in expand(suite).runs if str(run.target) == "arrangement"]
    kept = answers(blind(np.random.default_rng(0), 1e-7))
    for run, predictions in zip(runs, (kept, kept, None, kept), strict=True):
        status = "ok" if run is not runs[3] else "diverged"
        store.write(Outcome(build_record(run, status=status, metrics={"test_accuracy": 0.1}), predictions=predictions))
    table = build_tables(store)["permutation_check"]
    assert table["transfer_key"].tolist() == [runs[0].key, runs[1].key]
    assert set(table["same_answers"]) == {1.0}
    assert "permutation_check" not in build_tables(open_store(tmp_path / "other", resolve_suite()))


def test_the_table_outlives_the_predictions(resolve_suite, tmp_path):
    changes = {"corpus": [], "subsets": None, "models": ["vit_pico/8:pos=none"], "seeds": [0, 1]}
    suite = resolve_suite(targets=["arrangement"], **changes)
    store = open_store(tmp_path, suite)
    kept = answers(blind(np.random.default_rng(0), 1e-7))
    for run in expand(suite).runs:
        store.write(Outcome(build_record(run, status="ok", metrics={"test_accuracy": 0.1}), predictions=kept))
    store.write_tables(build_tables(store))
    for path in store.root.glob("runs/*/predictions.parquet"):
        path.unlink()
    table = build_tables(store)["permutation_check"]
    pd.testing.assert_frame_equal(table, pd.read_parquet(store.tables / "permutation_check.parquet"))
    assert table["same_answers"].tolist() == [1.0, 1.0]
    store.write_tables({"permutation_check": table.assign(predictions=["0" * 64, table["predictions"][1]])})
    assert build_tables(store)["permutation_check"]["transfer_key"].tolist() == [table["transfer_key"][1]]
