"""Learning rates against their formula, and which parameters decay."""

import math

import pytest
import torch

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


@pytest.mark.parametrize(
    "name", ["vit_pico/8", "vit_tiny/4", "bit_resnet_nano", "r_pico+vit_pico/8", "r_tiny+vit_tiny/4"]
)
def test_what_decays_is_what_the_names_used_to_say(name):
    """In the same order, too: the rule by names is that of all runs before the one by layers."""
    with torch.device("meta"):
        model = models.build(name)
    decayed, others = (
        [id(parameter) for parameter in group["params"]] for group in build_optimizer(model, Settings()).param_groups
    )
    by_name = [
        (id(parameter), parameter.ndim >= 2 and not key.endswith(("pos_embed", "cls_token")))
        for key, parameter in model.named_parameters()
    ]
    assert decayed == [key for key, decays in by_name if decays]
    assert others == [key for key, decays in by_name if not decays]


@pytest.mark.parametrize(
    ("name", "tensors"),
    [
        ("vit_pico/8:layer_scale=0.1,registers=2", ("pos_embed", "cls_token", "reg_token", "gamma")),
        ("timm:test_convnext", ("gamma",)),
        ("timm:swin_tiny_patch4_window7_224", ("relative_position_bias_table",)),
        ("torchvision:vit_b_16", ("class_token", "pos_embedding")),
    ],
)
def test_tables_tokens_and_scales_do_not_decay_whatever_their_shape(name, tensors):
    with torch.device("meta"):
        model = models.build(name)
    decayed, others = build_optimizer(model, Settings()).param_groups
    names = {id(parameter): key for key, parameter in model.named_parameters()}
    undecayed = [names[id(parameter)] for parameter in others["params"]]
    assert not [key for parameter in decayed["params"] if not (key := names[id(parameter)]).endswith("weight")]
    odd = [key for key in undecayed if not key.endswith(("bias", "weight"))]
    assert all(any(part in key for part in tensors) for key in odd)
    assert any(part in key for part in tensors for key in undecayed)
    assert not [key for key in undecayed if key.endswith("in_proj_weight")]


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
