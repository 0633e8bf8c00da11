"""What does not fit into memory goes through the model in parts; what cannot be done at all is a record."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from torch import nn

import models
from bench.machine.memory import is_out_of_memory
from bench.runner import execute, fit
from bench.store.store import open_store

BATCH_NORM = "timm:test_resnet"


class Small(nn.Module):
    """Stands before a model for a device on which `most` images fit in training."""

    def __init__(self, most: int, error: Exception) -> None:
        super().__init__()
        self.most, self.error = most, error

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if len(images) > self.most and torch.is_grad_enabled():
            raise self.error
        return images


@pytest.fixture
def fits(monkeypatch):
    """Let only `most` images fit."""

    def limit(most: int, error: Exception) -> None:
        real = models.build

        def build(*words, **options):
            model = real(*words, **options)
            device = Small(most, error)
            model.register_forward_pre_hook(lambda _, inputs: (device(*inputs),))
            return model

        monkeypatch.setattr(models, "build", build)

    return limit


@pytest.fixture
def store(tmp_path, resolve_suite):
    return open_store(tmp_path / "results", resolve_suite())


@pytest.fixture
def run_of(plan_suite):
    def found(model: str):
        return next(run for run in plan_suite(models=[model]).runs if run.stage == "scratch")

    return found


CUDA = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
CPU = RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried …")


def test_a_batch_that_does_not_fit_is_seen_in_parts(store, run_of, fits, tmp_path):
    """The same bytes as if the recipe had asked for parts, and a note in the record."""
    run = run_of("vit_pico/8:depth=1")
    asked = replace(run, settings=run.settings.model_copy(update={"micro_batch": 8}))
    execute.execute(asked, store, tmp_path)
    fits(11, CPU)
    record = execute.execute(run, store, tmp_path)
    assert record["status"] == "ok", record["reason"]
    assert record["cost"]["micro_batch"] == 8
    assert record["cost"]["images_seen"] == 96
    assert record["notes"] == [
        "batches of 32 went through the model in parts of 8, since the whole batch did not fit into memory"
    ]
    assert store.weights(run.key) == store.weights(asked.key)


def test_a_model_with_batchnorm_says_over_how_many_images_it_took_its_statistics(store, run_of, fits, tmp_path):
    fits(16, CUDA)
    record = execute.execute(run_of(BATCH_NORM), store, tmp_path)
    assert record["status"] == "ok", record["reason"]
    assert record["notes"][1] == "BatchNorm took its statistics over 16 images, not 32"


def test_what_fits_at_once_has_nothing_to_tell(store, run_of, tmp_path):
    record = execute.execute(run_of(BATCH_NORM), store, tmp_path)
    assert (record["notes"], record["cost"]["micro_batch"]) == ([], 32)


@pytest.mark.parametrize("model", [BATCH_NORM, "vit_pico/8:depth=1"])
def test_an_image_that_is_left_over_is_seen_with_the_batch_before(model, store, run_of, tmp_path):
    """BatchNorm can't train on one image whose last map is a single cell; the rule is the same for all families."""
    run = run_of(model)
    left = replace(run, budget=replace(run.budget, amount=2 * run.settings.batch_size + 1))
    record = execute.execute(left, store, tmp_path)
    assert record["status"] == "ok", record["reason"]
    assert record["cost"]["images_seen"] == 65
    assert pd.read_parquet(store.run_folder(left.key) / "history.parquet")["step"].iloc[-1] == 2


def test_not_even_one_image_is_a_record(store, run_of, fits, tmp_path):
    fits(0, CUDA)
    run = run_of("vit_pico/8:depth=1")
    run = replace(run, settings=run.settings.model_copy(update={"batch_size": 2}))
    record = execute.execute(run, store, tmp_path)
    assert record["status"] == "out_of_memory"
    assert "train on one image at a time" in record["reason"]
    assert not list((store.root / "running").iterdir())


def test_batchnorm_never_trains_on_one_image(store, run_of, fits, tmp_path):
    run = run_of(BATCH_NORM)
    fits(2, CUDA)
    record = execute.execute(run, store, tmp_path)
    assert (record["status"], record["cost"]["micro_batch"]) == ("ok", 2)
    fits(1, CUDA)
    record = execute.execute(replace(run, seed=1), store, tmp_path)
    assert record["status"] == "out_of_memory"
    assert "train on two images, as BatchNorm needs, at a time" in record["reason"]


def test_evaluation_takes_fewer_images_at_once_where_memory_is_short(store, run_of, tmp_path, monkeypatch):
    whole = execute.execute(run_of("vit_pico/8:depth=1"), open_store(tmp_path / "other", store.suite()), tmp_path)
    real = fit.evaluation_batches

    def limited(images, size, feed):
        for batch in real(images, size, feed):
            if len(batch[0]) > 100:
                raise CUDA
            yield batch

    monkeypatch.setattr(fit, "evaluation_batches", limited)
    record = execute.execute(run_of("vit_pico/8:depth=1"), store, tmp_path)
    assert record["status"] == "ok", record["reason"]
    assert record["metrics"]["test_accuracy"] == whole["metrics"]["test_accuracy"]


@pytest.mark.parametrize("error", [CUDA, CPU, MemoryError(), RuntimeError("CUBLAS_STATUS_ALLOC_FAILED")])
def test_ways_to_say_that_memory_ran_out(error):
    assert is_out_of_memory(error)


def test_other_errors_are_other_errors():
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))
