"""Timing a run's model reads training images alone."""

import pytest

from bench.data.opening import OpenData
from bench.plan.run import Run
from bench.runner.estimate.timed_run import time_data, time_run
from bench.runner.run_data import load_run_data


@pytest.mark.parametrize("stage", ["transfer", "probe"])
def test_neither_validation_nor_test_images_are_read(plan_suite, tmp_path, monkeypatch, stage):
    plan = plan_suite(
        models=["vit_pico/8"], subsets=[16], from_scratch=False, transfers=["fine-tune", "k-shot"], shots=[1]
    )
    run: Run = next(run for run in plan.runs if run.stage == stage)
    read: list[int] = []
    decode = OpenData.read
    monkeypatch.setattr(
        OpenData, "read", lambda self, ids, size: (read.extend(ids.tolist()), decode(self, ids, size))[1]
    )
    timed, data = time_run(run, tmp_path), time_data(run, tmp_path)
    assert timed.seconds_per_image > 0
    assert timed.evaluation_seconds_per_image > 0
    assert timed.peak_memory_bytes is None
    splits = load_run_data(run, tmp_path)
    assert (data.num_train, data.num_test) == (len(splits.train), len(splits.test))
    assert read
    assert set(read) <= set(splits.train.ids.tolist())
