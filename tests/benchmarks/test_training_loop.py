"""A/B timing of our training loop and a bare one: the same model, batches and work on the device.

On a CPU, a step at batch 32 with clipping, schedule and an average of the weights may take at most 5 % more time for
the smallest models, and at most 3 % from tiny up. Ours is watched as a run is: it reports its progress every second,
draws curves and looks at its checkpoint's clock; no checkpoint is written. Rounds of the default selection are an
eighth as long, so their intervals are wider.
"""

from itertools import islice, repeat
from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

import models
from bench.config.recipe import Settings
from bench.config.resolved import resolve
from bench.config.suite import load_suite
from bench.plan.expand import expand
from bench.runner.run_options import DEFAULT_OPTIONS
from bench.runner.session import RunSession
from bench.speed.timed_setting import NUM_CLASSES
from bench.speed.workload import random_batch
from bench.store.store import open_store
from bench.training.compute import compute_on
from bench.training.trainer import Trainer
from tests.benchmarks.support.ab_timing import ab_timing, in_words
from tests.benchmarks.support.bare_loop import barely_trained
from tests.benchmarks.support.images import IMAGE_SIZE
from tests.benchmarks.support.tasks import device_and_precision, go_on

BATCH_SIZE = 32
SMALLEST, FROM_TINY_UP = 1.05, 1.03
"""The most times as long as the bare loop's that a step may take."""
CASES = [
    pytest.param("vit_pico/8", 32, SMALLEST, marks=pytest.mark.core),
    pytest.param("bit_resnet_pico", 32, SMALLEST, marks=pytest.mark.core),
    pytest.param("r_pico+vit_pico/8", 32, SMALLEST, marks=pytest.mark.core),
    ("vit_tiny/4", 2, FROM_TINY_UP),
    ("bit_resnet_tiny", 1, FROM_TINY_UP),
]
"""Model, steps in a round of `--bench-full`, and the limit."""
SHORTER = 8
"""The divisor of the rounds' length in the default selection."""
PAIRS = 11
NUM_STEPS = 640
"""The length of the training that rounds are parts of, as in the suite `cpu`."""


@pytest.mark.benchmark(group="loop")
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("name", "steps", "limit"), CASES)
def test_loop_beside_a_bare_one(
    benchmark: BenchmarkFixture,
    device: torch.device,
    name: str,
    steps: int,
    limit: float,
    in_full: bool,
    tmp_path: Path,
) -> None:
    steps = steps if in_full else max(1, steps // SHORTER)
    compute = compute_on(*device_and_precision(device))
    settings = Settings(batch_size=BATCH_SIZE, ema=0.999)
    batch = random_batch(BATCH_SIZE, device.type)
    bare, ours = (
        models.build(name, num_classes=NUM_CLASSES, image_size=IMAGE_SIZE, seed=0).to(device) for _ in range(2)
    )
    bare_steps = barely_trained(bare, repeat(batch), NUM_STEPS, settings)
    training = Trainer(ours, NUM_STEPS, settings, compute)
    session = session_in(tmp_path)
    session.begin(training, resumed=False)
    ratio = ab_timing(
        benchmark,
        lambda: list(islice(bare_steps, steps)),
        lambda: go_on(training, batch, steps, session.watch),
        device,
        pairs=PAIRS,
    )
    session.close()
    benchmark.extra_info |= {"model": name, "batch_size": BATCH_SIZE, "steps_per_round": steps, "limit": limit}
    print(f"{name}: a step of our loop takes {in_words(ratio)} times as long as the bare loop's")
    if device.type == "cpu" and benchmark.enabled:
        assert ratio.low <= limit


def session_in(results: Path) -> RunSession:
    """What watches a run of the suite `cpu`."""
    suite = resolve(*load_suite("cpu"), device="cpu", data_dir=results)
    run, store = expand(suite).runs[0], open_store(results, suite)
    store.running_folder(run.key).mkdir(parents=True)
    return RunSession(run, store, DEFAULT_OPTIONS, lambda: False)
