"""What every registered model keeps, whatever its family."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import models
from models.presets import PRESETS
from models.registry import BUILDERS
from models.spec import parse_spec

OPTIONED = [
    "vit_pico/8:pos=none",
    "vit_pico/8:pos=sincos-2d",
    "vit_pico/16:padding=4,stride=8",
    "r_pico+vit_pico/16",
]
LARGE = ["vit_small/16", "vit_base/16", "bit_resnet50"]  # over 20 M parameters: on the meta device only
SMALL = [name for name in models.known_models() if name not in LARGE] + OPTIONED


def images(image_size: int, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, image_size, image_size, generator=torch.Generator().manual_seed(7))


def test_every_preset_has_a_builder() -> None:
    assert BUILDERS.keys() == PRESETS.keys()
    assert set(LARGE) <= set(models.known_models())


@pytest.mark.parametrize("image_size", [32, 64])
@pytest.mark.parametrize("name", SMALL)
def test_a_gradient_reaches_every_parameter(name: str, image_size: int) -> None:
    model = models.build(name, num_classes=5, image_size=image_size, seed=0)
    logits = model(images(image_size))
    assert logits.shape == (2, 5)
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 3])).backward()
    dead = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all() or not p.grad.any()]
    assert not dead


@pytest.mark.parametrize("image_size", [32, 64])
@pytest.mark.parametrize("name", LARGE)
def test_large_models_run_on_the_meta_device(name: str, image_size: int) -> None:
    with torch.device("meta"):
        model = models.build(name, num_classes=5, image_size=image_size, seed=0)
        logits = model(torch.empty(2, 3, image_size, image_size))
        logits.sum().backward()
    assert logits.shape == (2, 5)
    assert all(p.grad is not None and p.grad.shape == p.shape for p in model.parameters())


@pytest.mark.parametrize("name", SMALL)
def test_features_feed_the_head(name: str) -> None:
    model = models.build(name, num_classes=5, seed=0).eval()
    features = model.features(images(32))
    assert features.shape == (2, model.head.in_features)
    assert torch.equal(model(images(32)), model.head(features))


@pytest.mark.parametrize("name", SMALL)
def test_the_seed_decides_every_initial_weight(name: str) -> None:
    once, again, other = (models.build(name, seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(once[key], again[key]) for key in once)
    drawn = [key for key, value in once.items() if value.unique().numel() > 1]
    assert "head.weight" in drawn
    assert not [key for key in drawn if torch.equal(once[key], other[key])]


@pytest.mark.parametrize("name", ["vit_pico/8", "bit_resnet_pico", "r_pico+vit_pico/8"])
def test_seeded_draws_leave_the_global_generator_alone(name: str) -> None:
    before = torch.get_rng_state()
    model = models.build(name, seed=3)
    model.replace_head(7, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    unseeded = [models.build(name).head.weight for _ in range(2)]
    assert not torch.equal(*unseeded)


@pytest.mark.parametrize("name", SMALL)
def test_replace_head_draws_a_new_head_and_keeps_the_body(name: str) -> None:
    model = models.build(name, num_classes=10, seed=0)
    body = {key: value.clone() for key, value in model.state_dict().items() if not key.startswith("head.")}
    model.replace_head(4, seed=1)
    first = model.head.weight.detach().clone()
    assert first.shape == (4, model.head.in_features)
    assert not model.head.bias.any()
    assert 0.01 < float(first.std()) < 0.03
    assert model.head.weight.requires_grad
    assert model(images(32)).shape == (2, 4)
    assert all(torch.equal(model.state_dict()[key], value) for key, value in body.items())
    model.replace_head(4, seed=1)
    assert torch.equal(model.head.weight, first)
    model.replace_head(4, seed=2)
    assert not torch.equal(model.head.weight, first)


def test_replace_head_keeps_the_precision() -> None:
    model = models.build("vit_pico/8", seed=0).double()
    model.replace_head(3, seed=0)
    assert model(images(32).double()).dtype == torch.float64


@pytest.mark.parametrize("name", SMALL)
def test_weights_survive_safetensors(name: str, tmp_path: Path) -> None:
    one, two = (models.build(name, num_classes=6, seed=seed).eval() for seed in (0, 1))
    save_file(one.state_dict(), tmp_path / "weights.safetensors")
    two.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(one(images(32)), two(images(32)))


@pytest.mark.parametrize("name", ["vit_pico/8", "bit_resnet_pico", "r_pico+vit_pico/8"])
def test_images_do_not_see_each_other(name: str) -> None:
    model = models.build(name, seed=0).double()
    batch = images(32, batch=3).double()
    alone = torch.cat([model(image[None]) for image in batch])
    torch.testing.assert_close(model(batch), alone, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["vit_pico/8", "bit_resnet_pico", "r_pico+vit_pico/8"])
def test_bf16_autocast_is_finite(name: str) -> None:
    model = models.build(name, seed=0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = torch.nn.functional.cross_entropy(model(images(32)), torch.tensor([0, 1]))
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_a_spec_and_its_text_build_the_same() -> None:
    text, spec = "vit_pico/8:pos=none", parse_spec("vit_pico/8:pos=none")
    one, two = (models.build(what, seed=0).state_dict() for what in (text, spec))
    assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize(("name", "image_size"), [("vit_pico/5", 32), ("r_pico+vit_pico/8", 36)])
def test_an_image_that_does_not_fit_is_refused(name: str, image_size: int) -> None:
    with pytest.raises(models.SpecError, match=f"{image_size} pixels"):
        models.build(name, image_size=image_size)
