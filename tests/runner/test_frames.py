"""A run is on one page: few calls lie between `execute` and `loss.backward()`."""

import traceback
from pathlib import Path

import torch

from bench.runner.execute import execute
from bench.runner.run_options import RunOptions
from bench.store.store import open_store

ROOT = Path(__file__).parents[2]


def test_few_frames_lie_between_a_run_and_its_backward_pass(plan_suite, resolve_suite, tmp_path, monkeypatch):
    """Count the Python frames whose code lies in `bench/` or `models/`, and their files, at the first backward pass.

    `execute` is the first of them, so that a worker process has one more, `worker.do_run`, before it.
    """
    stacks, backward = [], torch.Tensor.backward

    def watched(loss, *args, **options):
        stacks.append(traceback.extract_stack())
        backward(loss, *args, **options)

    monkeypatch.setattr(torch.Tensor, "backward", watched)
    run = next(run for run in plan_suite(models=["vit_pico/8:depth=1"]).runs if run.stage == "scratch")
    execute(run, open_store(tmp_path / "results", resolve_suite()), tmp_path, RunOptions(tracker="none"))
    packages = (ROOT / "bench", ROOT / "models")
    own = [frame for frame in stacks[0] if any(Path(frame.filename).is_relative_to(package) for package in packages)]
    names = [f"{Path(frame.filename).name}: {frame.name}" for frame in own]
    assert names[0] == "execute.py: execute"
    assert len(own) <= 7, names
    assert len({frame.filename for frame in own}) <= 5, names
