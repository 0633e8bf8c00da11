"""Learning rates against their formulas and torch's schedulers, updates by hand, and which parameters decay or lag."""

import math

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

import models
from bench.config.recipe import Settings
from bench.training.optimizer import build_optimizer, learning_rates
from models.layer_depths import layer_depths


def test_the_learning_rate_rises_to_its_peak_and_falls_along_a_cosine():
    settings = Settings(learning_rate=2.0, warmup=0.2)
    rates = list(learning_rates(settings, 10))
    expected = [1.0, 2.0] + [1 + math.cos(math.pi * step / 8) for step in range(8)]
    assert rates == pytest.approx(expected)


def test_a_constant_schedule_stays_at_its_peak():
    assert list(learning_rates(Settings(schedule="constant", warmup=0.0, learning_rate=0.5), 4)) == [0.5] * 4


NUM_STEPS, WARMUP = 40, 8


@pytest.mark.parametrize(
    ("settings", "falling"),
    [
        ({}, lambda opt: lr_scheduler.CosineAnnealingLR(opt, NUM_STEPS - WARMUP)),
        ({"final_rate": 0.25}, lambda opt: lr_scheduler.CosineAnnealingLR(opt, NUM_STEPS - WARMUP, eta_min=0.125)),
        ({"schedule": "linear"}, lambda opt: lr_scheduler.LinearLR(opt, 1.0, 0.0, NUM_STEPS - WARMUP)),
        (
            {"schedule": "linear", "final_rate": 0.25},
            lambda opt: lr_scheduler.LinearLR(opt, 1.0, 0.25, NUM_STEPS - WARMUP),
        ),
        (
            {"schedule": "step", "milestones": (0.5, 0.75), "step_factor": 0.2},
            lambda opt: lr_scheduler.MultiStepLR(opt, [NUM_STEPS // 2 - WARMUP, 3 * NUM_STEPS // 4 - WARMUP], 0.2),
        ),
        ({"schedule": "constant"}, lambda opt: lr_scheduler.ConstantLR(opt, 1.0)),
    ],
)
def test_the_schedules_are_those_of_torch(settings, falling):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    rising = lr_scheduler.LinearLR(optimizer, 1 / WARMUP, 1.0, WARMUP - 1)
    schedule = lr_scheduler.SequentialLR(optimizer, [rising, falling(optimizer)], [WARMUP])
    expected = []
    for _ in range(NUM_STEPS):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    ours = Settings.model_validate({"learning_rate": 0.5, "warmup": WARMUP / NUM_STEPS, **settings})
    assert list(learning_rates(ours, NUM_STEPS)) == pytest.approx(expected, rel=1e-9)


def test_the_rates_of_earlier_runs_are_the_same_to_the_last_bit():
    settings = Settings(learning_rate=0.002, warmup=0.1)
    after = [0.002 * 0.5 * (1 + math.cos(math.pi * (step / 577))) for step in range(577)]
    assert list(learning_rates(settings, 641))[64:] == after


def test_a_published_step_falls_at_the_start_of_its_epochs():
    settings = Settings(schedule="step", milestones=(0.5, 0.75), warmup=0.0, learning_rate=0.1)
    rates = list(learning_rates(settings, 200 * 391))
    assert rates[: 100 * 391] == [0.1] * 100 * 391
    assert rates[100 * 391 : 150 * 391] == [0.1 * 0.1] * 50 * 391
    assert rates[150 * 391 :] == pytest.approx([0.001] * 50 * 391)


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


def adam(weight, gradient, state, step, rate=0.1, decay=0.0, decoupled=False):
    """Kingma and Ba 2015, algorithm 1, with the decay of either kind."""
    gradient = gradient if decoupled else gradient + decay * weight
    first, second = state
    first = 0.9 * first + 0.1 * gradient
    second = 0.99 * second + 0.01 * gradient**2
    move = first / (1 - 0.9**step) / ((second / (1 - 0.99**step)).sqrt() + 1e-8)
    return weight - rate * (move + (decay * weight if decoupled else 0)), (first, second)


def momentum(weight, gradient, state, step, rate=0.1, decay=0.0):
    velocity = 0.8 * state[0] + gradient + decay * weight
    return weight - rate * velocity, (velocity,)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(
    ("settings", "update"),
    [
        ({"optimizer": "adamw"}, lambda *now, decay: adam(*now, decay=decay, decoupled=True)),
        ({"optimizer": "adam"}, adam),
        ({"optimizer": "sgd", "momentum": 0.8}, momentum),
    ],
)
@pytest.mark.parametrize("decayed", ["weights", "all"])
def test_an_update_is_the_formula_of_its_optimizer(settings, update, decayed, fused):
    torch.manual_seed(0)
    layer = nn.Linear(5, 4, dtype=torch.float64)
    rest = {"learning_rate": 0.1, "weight_decay": 0.3, "betas": (0.9, 0.99), "decayed": decayed, "fused": fused}
    optimizer = build_optimizer(layer, Settings.model_validate(settings | rest))
    expected = {name: (parameter.detach().clone(), (0, 0)) for name, parameter in layer.named_parameters()}
    for step in range(1, 4):
        for name, parameter in layer.named_parameters():
            parameter.grad = torch.randn_like(parameter)
            decay = 0.3 if name == "weight" or decayed == "all" else 0.0
            weight, state = expected[name]
            expected[name] = update(weight, parameter.grad, state, step, decay=decay)
        optimizer.step()
    for name, parameter in layer.named_parameters():
        torch.testing.assert_close(parameter.detach(), expected[name][0], rtol=1e-9, atol=1e-12)


ORDERED = [
    "vit_pico/8",
    "vit_pico/8:pool=map,registers=2",
    "vit_pico/8:pos=relative,pos_at=every-layer",
    "bit_resnet_nano",
    "resnet18:stem=cifar",
    "convnext_atto:stem=cifar",
    "r_pico+vit_pico/8",
    "cct_2/3x2",
    "botnet50:stem=cifar",
    "coatnet_0:stem=cifar",
    "maxvit_tiny:stem=cifar",
    "timm:test_vit",
]


def on_meta(name):
    with torch.device("meta"):
        return models.build(name, image_size=160 if name == "timm:test_vit" else 32)


@pytest.mark.parametrize("name", ORDERED)
@pytest.mark.parametrize("settings", [{}, {"decayed": "all"}, {"layer_decay": 0.5}])
def test_the_groups_hold_every_parameter_once(name, settings):
    model = on_meta(name)
    groups = build_optimizer(model, Settings.model_validate(settings | {"weight_decay": 0.3})).param_groups
    held = [id(parameter) for group in groups for parameter in group["params"]]
    assert len(held) == len(set(held))
    assert set(held) == {id(parameter) for parameter in model.parameters()}
    decays = {group["weight_decay"] for group in groups}
    assert decays == ({0.3} if settings.get("decayed") == "all" else {0.0, 0.3})


@pytest.mark.parametrize("name", ORDERED)
def test_rates_decay_from_the_head_to_the_stem(name):
    model = on_meta(name)
    settings = Settings(layer_decay=0.5, learning_rate=0.1)
    scales = {
        id(parameter): group["lr_scale"]
        for group in build_optimizer(model, settings).param_groups
        for parameter in group["params"]
    }
    depths = layer_depths(model)
    deepest = max(depths.values())
    assert set(depths.values()) == set(range(deepest + 1))
    assert deepest >= 3
    named = dict(model.named_parameters())
    assert all(scales[id(named[name])] == 0.5 ** (deepest - depth) for name, depth in depths.items())
    assert depths["head.weight"] == depths["head.bias"] == deepest
    assert depths[next(name for name in named if "patch_embed" in name or "stem" in name or "conv1" in name)] == 0


def test_without_layer_decay_no_group_lags():
    groups = build_optimizer(on_meta("vit_pico/8"), Settings()).param_groups
    assert [group["lr_scale"] for group in groups] == [1.0, 1.0]


def test_a_vit_is_counted_as_beit_counts_it():
    depths = layer_depths(on_meta("vit_pico/8:pos=relative,pos_at=every-layer"))
    assert depths["cls_token"] == depths["patch_embed.proj.weight"] == 0
    for layer in range(4):
        assert {depths[name] for name in depths if name.startswith(f"blocks.{layer}.")} == {layer + 1}
        assert depths[f"position.tables.{layer}"] == layer + 1
    assert depths["norm.weight"] == depths["head.weight"] == 5
    shared = layer_depths(on_meta("vit_pico/8:pos=relative,pos_at=every-layer-shared"))
    assert shared["position.tables.0"] == 0


def test_a_resnet_is_counted_block_by_block():
    depths = layer_depths(on_meta("resnet18"))
    blocks = ["body.conv1", *(f"body.layer{stage}.{block}.conv1" for stage in (1, 2, 3, 4) for block in (0, 1)), "head"]
    assert [depths[f"{block}.weight"] for block in blocks] == list(range(10))


def test_a_network_of_unknown_order_is_refused():
    with pytest.raises(
        models.SpecError, match=r"layers of MobileNetV2 is not known.*torchvision's ResNets, and for timm"
    ):
        build_optimizer(on_meta("torchvision:mobilenet_v2"), Settings(layer_decay=0.5))
