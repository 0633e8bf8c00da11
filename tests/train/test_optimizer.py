"""Learning rates against their formula, and which parameters decay."""

import math

import pytest

import models
from bench.train.optimizer import build_optimizer, learning_rates
from bench.train.recipe import Settings


def test_the_learning_rate_rises_to_its_peak_and_falls_along_a_cosine():
    settings = Settings(learning_rate=2.0, warmup=0.2)
    rates = list(learning_rates(settings, 10))
    expected = [1.0, 2.0] + [1 + math.cos(math.pi * step / 8) for step in range(8)]
    assert rates == pytest.approx(expected)


def test_a_constant_schedule_stays_at_its_peak():
    assert list(learning_rates(Settings(schedule="constant", warmup=0.0, learning_rate=0.5), 4)) == [0.5] * 4


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_few_steps_have_positive_rates(steps):
    rates = list(learning_rates(Settings(), steps))
    assert len(rates) == steps
    assert all(rate > 0 for rate in rates)


@pytest.mark.parametrize("name", ["vit_pico/8", "bit_resnet_pico", "r_pico+vit_pico/8"])
def test_matrices_and_kernels_decay_and_nothing_else(name):
    model = models.build(name, seed=0)
    decayed, others = build_optimizer(model, Settings(weight_decay=0.3)).param_groups
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.3, 0.0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert len(names) == len(decayed["params"]) + len(others["params"])
    assert all(names[id(parameter)].endswith("weight") for parameter in decayed["params"])
    assert all(
        parameter.ndim < 2 or names[id(parameter)] in ("pos_embed", "cls_token") for parameter in others["params"]
    )
