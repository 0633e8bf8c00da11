"""The suite `cifar10-scratch`: its models and recipes on a slice of the real images, one short epoch each."""

import os
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bench.config.resolved import resolve
from bench.config.suite import load_suite
from bench.data.target import load_target, parse_target
from bench.plan.expand import expand
from bench.plan.run import Budget
from bench.runner import execute
from bench.store.store import open_store

PARTS = {"train": 3, "test": 1}
"""Images of each class in the slice."""


@pytest.fixture
def slice_of_cifar(tmp_path) -> Path:
    """A folder in the layout of the hub, with a few of the published images."""
    source = Path(os.environ.get("BENCH_DATA") or "data") / "cifar10"
    if not list(source.glob("train-*.parquet")):
        pytest.skip("needs CIFAR-10 in the hub's parquet files under BENCH_DATA")
    folder = tmp_path / "slice"
    folder.mkdir()
    for part, each in PARTS.items():
        table = next(pq.ParquetFile(min(source.glob(f"{part}-*.parquet"))).iter_batches(500)).to_pydict()
        rows = list(zip(table["img"], table["label"], strict=True))
        kept = [row for label in range(10) for row in [row for row in rows if row[1] == label][:each]]
        content = {"img": [row[0] for row in kept], "label": [row[1] for row in kept]}
        pq.write_table(pa.table(content), folder / f"{part}-00000-of-00001.parquet")
    return folder


def test_the_suite_asks_for_all_training_images_and_200_epochs_of_them():
    name, suite = load_suite("cifar10-scratch")
    there_or_not = suite.targets[0].model_copy(update={"optional": True})
    suite = suite.model_copy(update={"targets": (there_or_not,)})
    plan = expand(resolve(name, suite, device="cuda", data_dir=Path("nowhere")))
    assert {run.resolved()["data"]["images"] for run in plan.runs} == {50_000}
    assert {run.budget for run in plan.runs} == {Budget("images", 200 * 50_000)}
    recipes = {run.model.partition(":")[0]: run.recipe for run in plan.runs}
    assert recipes == {"vit_lite7/4": "cifar-a", "cct_7/3x1": "cifar-a", "resnet18": "cifar-d"}
    warmup = {run.model.partition(":")[0]: run.settings.warmup for run in plan.runs}
    assert warmup == {"vit_lite7/4": 5 / 200, "cct_7/3x1": 10 / 200, "resnet18": 0.0}
    assert {run.settings.compile for run in plan.runs} == {True}


@pytest.mark.slow
def test_its_models_train_on_a_slice_with_nothing_carved(slice_of_cifar, tmp_path):
    name, suite = load_suite("cifar10-scratch")
    target = suite.targets[0].model_copy(update={"target": f"parquet:{slice_of_cifar}"})
    seeds = suite.seeds[:1]
    resolved = resolve(
        name, suite.model_copy(update={"targets": (target,), "seeds": seeds}), device="cpu", data_dir=tmp_path
    )
    store = open_store(tmp_path / "results", resolved)
    for run in expand(resolved).runs:
        assert run.resolved()["data"]["images"] == 30
        record = execute.execute(replace(run, budget=Budget("images", 30)), store, tmp_path)
        assert record["status"] == "ok", record["reason"]
        assert record["data"]["num_images"] == 30
        assert record["cost"]["images_seen"] == 30
        assert record["metrics"]["validation_accuracy"] is None
        assert 0 <= record["metrics"]["test_accuracy"] <= 1


def test_what_is_not_carved_trains_on_its_validation_images_too(tmp_path):
    ref = parse_target(f"folder:{_folder(tmp_path)}")
    carved, whole = (
        load_target(ref, seed=0, image_size=8, data_dir=tmp_path, carved=carved) for carved in (True, False)
    )
    assert len(whole.validation) == 0 < len(carved.validation)
    assert sorted(whole.train.ids) == sorted([*carved.train.ids, *carved.validation.ids])
    assert whole.test.ids.tolist() == carved.test.ids.tolist()
    assert whole.split_hash != carved.split_hash


def _folder(tmp_path: Path) -> Path:
    for part, each in (("train", 10), ("test", 2)):
        for label in ("cat", "dog"):
            folder = tmp_path / "images" / part / label
            folder.mkdir(parents=True)
            for number in range(each):
                Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    return tmp_path / "images"
