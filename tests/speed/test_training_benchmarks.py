"""The parties of the benchmarks of training do the work that they are compared by, at toy size on a CPU."""

from itertools import repeat

import pytest
import torch

import models
from bench.config.recipe import Settings
from bench.speed.workload import random_batch
from bench.training.compute import compute_on
from bench.training.loop import train
from bench.training.trainer import Trainer
from tests.benchmarks.support.bare_loop import barely_trained
from tests.benchmarks.support.tasks import go_on


@pytest.mark.parametrize("name", ["vit_pico/16", "bit_resnet_pico"])
@pytest.mark.parametrize("ema", [None, 0.9])
def test_the_bare_loop_comes_to_the_weights_of_ours(name: str, ema: float | None) -> None:
    settings, batch, steps = Settings(batch_size=4, ema=ema, learning_rate=0.01), random_batch(4, "cpu"), 12
    ours, bare = (models.build(name, num_classes=10, image_size=32, seed=0) for _ in range(2))
    train(Trainer(ours, steps, settings, compute_on("cpu", "fp32")), [batch] * steps)
    assert len(list(barely_trained(bare, repeat(batch, steps), steps, settings))) == steps
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(bare.get_parameter(name), parameter, rtol=0, atol=0)


def test_a_training_goes_on_in_rounds_as_it_would_in_one() -> None:
    settings, batch = Settings(batch_size=4), random_batch(4, "cpu")
    compute = compute_on("cpu", "fp32")
    networks = [models.build("vit_pico/16", num_classes=10, image_size=32, seed=0) for _ in range(2)]
    in_rounds, in_one = (Trainer(network, 6, settings, compute) for network in networks)
    for _ in range(3):
        go_on(in_rounds, batch, 2)
    go_on(in_one, batch, 6)
    assert in_rounds.step == in_one.step == 6
    for part, whole in zip(in_rounds.model.parameters(), in_one.model.parameters(), strict=True):
        assert torch.equal(part, whole)
