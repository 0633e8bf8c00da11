"""Budgets: what is matched is equal, and seconds become images once, for whoever asks later."""

import json
from dataclasses import replace

import pytest

import models
from bench.cli.verify import repeat
from bench.errors import InputError
from bench.plan.expand import expand
from bench.plan.run import Budget
from bench.runner import execute
from bench.runner.budget import calibrated, calibration_path, images_of
from bench.store.store import open_store
from models.spec.flops import TRAINING_FLOPS_PER_MAC

FLOPS = {"images": None, "match": "flops", "flops": {"pretrain": 4e9, "transfer": 2e9}}
SECONDS = {"images": None, "match": "seconds", "seconds": {"pretrain": 0.1, "transfer": 0.05}}


@pytest.fixture
def store(tmp_path, resolve_suite):
    return open_store(tmp_path / "results", resolve_suite(**SECONDS))


def test_equal_flops_give_a_cheaper_model_more_images(store, plan_suite, tmp_path):
    runs = [run for run in plan_suite(**FLOPS).runs if run.stage == "scratch"]
    records = [execute.execute(run, store, tmp_path) for run in runs]
    assert [record["status"] for record in records] == ["ok"] * 3, records
    for run, record in zip(runs, records, strict=True):
        one_image = TRAINING_FLOPS_PER_MAC * models.count(run.model, num_classes=10, image_size=32).macs
        assert record["cost"]["training_flops"] == pytest.approx(6e9, abs=one_image)
        assert record["cost"]["images_seen"] == round(6e9 / one_image)
        assert {"images_seen", "training_flops", "train_seconds"} <= record["cost"].keys()
    by_macs = sorted(records, key=lambda record: record["model"]["macs"])
    seen = [record["cost"]["images_seen"] for record in by_macs]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 3


def test_seconds_are_calibrated_once_for_all_seeds_of_a_model(store, plan_suite):
    runs = [run for run in plan_suite(seeds=[0, 1], **SECONDS).runs if run.stage == "pretrain"]
    by_model = {}
    for number, run in enumerate(runs):
        by_model.setdefault(run.model, set()).add(calibrated(run, store, lambda rate=100.0 + number: rate))
    assert [len(rates) for rates in by_model.values()] == [1, 1, 1]
    assert len(set.union(*by_model.values())) == 3
    assert images_of(runs[0], 1, store, _never) == round(0.1 * 100.0)


def test_another_setting_is_calibrated_anew(store, plan_suite):
    run = next(run for run in plan_suite(**SECONDS).runs if run.stage == "pretrain")
    faster = replace(run, settings=run.settings.model_copy(update={"batch_size": 64}))
    assert calibrated(run, store, lambda: 10.0) == 10.0
    assert calibrated(faster, store, lambda: 20.0) == 20.0
    assert calibrated(run, store, _never) == 10.0


def test_a_run_of_seconds_sees_images_by_the_kept_rate_and_can_be_repeated(store, plan_suite, tmp_path, monkeypatch):
    """The number of images is in the store before the first step, and is read from there."""
    monkeypatch.setattr("bench.runner.fit.CALIBRATION_SECONDS", 0.05)
    run = next(run for run in plan_suite(**SECONDS).runs if run.stage == "scratch" and run.family == "cnn")
    record = execute.execute(run, store, tmp_path)
    assert record["status"] == "ok", record["reason"]
    (path,) = (store.root / "calibrations").glob("*.json")
    rate = json.loads(path.read_text(encoding="utf-8"))["images_per_second"]
    assert record["cost"]["images_seen"] == round(0.15 * rate)
    assert run.key in {other.key for other in expand(store.suite()).runs}
    assert repeat(store, run, tmp_path).is_same


@pytest.mark.parametrize("match", ["flops", "seconds"])
def test_a_budget_below_two_images_says_so(store, plan_suite, tmp_path, match):
    run = replace(next(run for run in plan_suite().runs if run.stage == "scratch"), budget=Budget(match, 1e-9))
    calibrated(run, store, lambda: 10.0)
    record = execute.execute(run, store, tmp_path)
    assert record["status"] == "failed"
    assert f"a budget of 1e-09 {match} is not enough for 2 images" in record["reason"]


@pytest.mark.parametrize("content", ["", "{}", '{"images_per_second": null}'])
def test_a_damaged_calibration_is_named_and_not_made_anew(store, plan_suite, tmp_path, content):
    run = next(run for run in plan_suite(**SECONDS).runs if run.stage == "scratch")
    path = calibration_path(run, store)
    calibrated(run, store, lambda: 10.0)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=rf"{path.name}: damaged .*restore it, or move the store away"):
        calibrated(run, store, _never)
    record = execute.execute(run, store, tmp_path)
    assert record["status"] == "failed"
    assert f"{path.name}: damaged" in record["reason"]


def _never() -> float:
    raise AssertionError("it was timed again")
