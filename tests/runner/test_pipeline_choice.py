"""How a run's images reach it, and what its record says of that: pipelines, skipped images, contamination."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bench.analysis.duplicates import SEVERAL_CLASSES, SHARED, duplicate_warnings
from bench.data.content_hashes import content_hashes
from bench.data.corpus import CorpusRef, load_subset
from bench.data.dataset import ImageSet, in_memory
from bench.data.target import load_target, parse_target
from bench.plan.expand import Plan, expand
from bench.runner import execute as job
from bench.runner.contamination import num_contaminated
from bench.runner.pipeline_choice import choose, memory_for_images
from bench.runner.pool.pool import Ended, Workers
from bench.runner.run_data import load_run_data
from bench.store.store import Record, Store, open_store
from bench.tables.build import build_tables

CPU = torch.device("cpu")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Forty pictures in two classes, of which no two are alike."""
    generator = np.random.default_rng(0)
    for number in range(40):
        file = tmp_path / "pictures" / f"class{number % 2}" / f"{number:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(file)
    return tmp_path / "pictures"


@pytest.fixture
def execute(tmp_path: Path, resolve_suite: Callable[..., Any], plan_suite: Callable[..., Plan]) -> Callable[..., Any]:
    """Do a suite of one model, here or in a worker process; returns its store and the record of each stage."""

    def executed(name: str = "tiny", in_worker: bool = False, **changes: Any) -> tuple[Store, dict[str, Record]]:
        fields = {"models": ["bit_resnet_pico"], "subsets": [16], "from_scratch": False} | changes
        store, plan = open_store(tmp_path / "results", resolve_suite(name, **fields)), plan_suite(**fields)
        if not in_worker:
            return store, {run.stage: job.execute(run, store, tmp_path) for run in plan.runs}
        with Workers(1) as workers:
            events = list(workers.execute(plan, store, tmp_path, {}, {}))
        return store, {event.run.stage: event.record for event in events if isinstance(event, Ended)}

    return executed


@pytest.mark.parametrize("in_worker", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_run_may_stream_and_ends_in_the_same_numbers(
    execute: Callable[..., Any], pictures: Path, in_worker: bool
) -> None:
    """Also in a worker, which has processes of its own for that; neither result nor key changes."""
    fields = {"corpus": f"folder:{pictures}", "targets": [f"folder:{pictures}"], "subsets": [28]}
    _, resident = execute("resident", **fields)
    _, streamed = execute("streamed", in_worker=in_worker, **fields, pipeline="streaming")
    for stage in ("pretrain", "transfer"):
        assert resident[stage]["data"]["pipeline"] == "resident"
        assert streamed[stage]["data"]["pipeline"] == "streaming"
        assert streamed[stage]["metrics"] == resident[stage]["metrics"]
        assert streamed[stage]["key"] == resident[stage]["key"]


def test_fractals_may_be_drawn_while_they_are_trained_on(execute: Callable[..., Any]) -> None:
    _, resident = execute("resident")
    _, drawn = execute("drawn", pipeline="generated")
    assert drawn["pretrain"]["data"]["pipeline"] == "generated"
    assert drawn["transfer"]["data"]["pipeline"] == "resident"
    assert drawn["pretrain"]["metrics"] == resident["pretrain"]["metrics"]


def test_a_bad_image_fails_its_run_or_is_skipped_and_counted(execute: Callable[..., Any], pictures: Path) -> None:
    for number in (0, 1, 2, 3):
        (pictures / f"class{number % 2}" / f"{number:02}.png").write_bytes(b"")
    fields = {"corpus": f"folder:{pictures}", "subsets": [28]}
    _, failed = execute("failing", **fields)
    assert failed["pretrain"]["status"] == "failed"
    assert ".png: not a readable image" in failed["pretrain"]["reason"]
    _, skipping = execute("skipping", **fields, targets=[f"folder:{pictures}"], on_bad_image="skip")
    data = skipping["transfer"]["data"]
    assert skipping["transfer"]["status"] == "ok", skipping["transfer"]["reason"]
    assert sum(data["num_skipped"].values()) == 4
    assert len(data["skipped"]) == 4
    assert data["num_single_colour"] == {"train": 0, "validation": 0, "test": 0}
    assert data["passed_over"] == []
    assert all("not a readable image" in reason for reason in data["skipped"])
    assert skipping["pretrain"]["run"]["data"]["on_bad_image"] == "skip"


def test_test_images_in_the_pretraining_subset_are_counted(
    execute: Callable[..., Any], pictures: Path, tmp_path: Path
) -> None:
    """Copies in another file format, of which some images are of the subset and others not."""
    target = tmp_path / "target"
    for part, numbers in {"train": range(20, 40), "test": range(20)}.items():
        for number in numbers:
            file = target / part / f"class{number % 2}" / f"{number:02}.bmp"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.open(pictures / f"class{number % 2}" / f"{number:02}.png").save(file)
    store, _ = execute(corpus=f"folder:{pictures}", targets=[f"folder:{target}", "digits@20"], subsets=[16])
    folders = [record for record in store.records() if record["run"]["data"]["name"] == "folder"]
    transfer = next(record for record in folders if record["run"]["stage"] == "transfer")
    assert len(list(store.contents.iterdir())) == 6  # the subset, two test splits and three validation splits
    in_subset = content_hashes(_subset_of(pictures, 16))
    in_test = content_hashes(_test_of(target))
    expected = len(set(in_subset.tolist()) & set(in_test.tolist()))
    assert 0 < expected < 16
    assert transfer["data"]["num_contaminated"] == expected
    digits = next(record for record in store.records() if record["run"]["data"]["name"] == "digits")
    assert digits["data"]["num_contaminated"] == 0
    pretrain = next(record for record in folders if record["run"]["stage"] == "pretrain")
    assert pretrain["data"]["num_contaminated"] is None


def test_images_in_two_splits_or_under_two_classes_are_counted(
    execute: Callable[..., Any], pictures: Path, tmp_path: Path
) -> None:
    """Unless images are streamed, since the run does not keep them; the store keeps hashes of held-out images."""
    target = tmp_path / "target"
    copies = {"train": [20, 21, 22, 23, 24, 25], "validation": [20, 26, 27, 28], "test": [21, 26, 29, 30, 31]}
    for split, numbers in copies.items():
        for number in numbers:
            for label in {number % 2, *([1, 0] if (split, number) == ("test", 29) else [])}:
                file = target / split / f"class{label}" / f"{number:02}.bmp"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.open(pictures / f"class{number % 2}" / f"{number:02}.png").save(file)
    fields = {"corpus": f"folder:{pictures}", "targets": [f"folder:{target}"], "subsets": [16]}
    store, records = execute(**fields)
    data = records["transfer"]["data"]
    assert data["num_shared_between_splits"] == {"validation": 1, "test": 2}
    assert data["num_under_several_classes"] == 2
    assert records["pretrain"]["data"]["num_shared_between_splits"] == {"validation": 0}
    _, streamed = execute("streamed", **fields, pipeline="streaming")
    assert streamed["transfer"]["data"]["num_shared_between_splits"] is None
    assert streamed["transfer"]["data"]["num_under_several_classes"] is None
    tables = build_tables(store)
    warnings = list(duplicate_warnings(tables["cells"], tables["left_out"]))
    assert f"folder:{target} has {SEVERAL_CLASSES} (2)." in warnings
    assert f"folder:{target} has {SHARED['test']} (2)." in warnings
    for path in store.contents.iterdir():
        np.save(path, np.zeros(3))  # such as the hashes of an older version, without those of bad images
    (transfer,) = (run for run in expand(store.suite()).runs if run.stage == "transfer")
    again = load_run_data(transfer, tmp_path)
    assert num_contaminated(transfer, again, store, tmp_path) == data["num_contaminated"]


def test_what_fits_is_resident_and_the_rest_is_streamed_or_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    files = in_memory(np.zeros((4, 3, 8, 8), np.uint8), np.zeros(4, np.int64))
    drawn = load_subset(CorpusRef(classes=2), 4, 8, Path("nowhere")).train
    assert memory_for_images(CPU) > files.num_bytes
    assert choose(files, "auto", CPU) == choose(drawn, "auto", CPU) == "resident"
    monkeypatch.setattr("bench.runner.pipeline_choice.memory_for_images", lambda device: 4 * 3 * 8 * 8 - 1)
    assert choose(files, "auto", CPU) == choose(files, "generated", CPU) == "streaming"
    assert choose(drawn, "auto", CPU) == choose(drawn, "generated", CPU) == "generated"
    assert choose(drawn, "streaming", CPU) == "streaming"
    assert choose(files, "resident", CPU) == "resident"


def _subset_of(folder: Path, num_images: int) -> ImageSet:
    return load_subset(CorpusRef(name=f"folder:{folder}"), num_images, 32, Path("nowhere")).train


def _test_of(folder: Path) -> ImageSet:
    return load_target(parse_target(f"folder:{folder}"), seed=0, image_size=32, data_dir=Path("nowhere")).test
