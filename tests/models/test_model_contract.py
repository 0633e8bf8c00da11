"""What every registered model keeps, whatever its family; `conftest.py` says which these are."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import models
from models.registry import BUILDERS
from models.spec.presets import PRESETS
from models.weights import load_weights


class Member(Protocol):
    """What the fixture `member` gives: see `conftest.py`."""

    name: str
    image_sizes: tuple[int, int]

    def build(self, image_size: int | None = None, seed: int = 0, num_classes: int = 5) -> models.Classifier: ...


def images(image_size: int, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, image_size, image_size, generator=torch.Generator().manual_seed(7))


def randomised(model: nn.Module) -> nn.Module:
    """A copy whose every weight is off its initial value: blocks that start at zero would hide a path that is cut."""
    model = copy.deepcopy(model)
    noise = 0.05 * torch.randn(9973, generator=torch.Generator().manual_seed(1))  # tiled: drawing all takes seconds
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(noise.repeat(1 + parameter.numel() // len(noise))[: parameter.numel()].view_as(parameter))
    return model


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """In evaluation, without gradients; the model is as before afterwards."""
    try:
        model.eval()
        with torch.no_grad():
            yield
    finally:
        model.train()


def dead(model: nn.Module) -> list[str]:
    """Parameters that no gradient, or one that isn't finite, has reached."""
    return [n for n, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all() or not p.grad.any()]


def test_every_preset_has_a_builder() -> None:
    assert not [name for name, preset in PRESETS.items() if not {name, type(preset.size)} & BUILDERS.keys()]


def test_a_gradient_reaches_every_parameter(member: Member, model: models.Classifier) -> None:
    one = randomised(model)
    logits = one(images(member.image_sizes[0]))
    assert logits.shape == (2, 5)
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 3])).backward()
    assert not dead(one)


def test_another_image_size_trains_too_and_takes_the_weights(member: Member, model: models.Classifier) -> None:
    """What was learned at one size goes on at another: tables of positions are resampled, the rest is kept."""
    small, large = member.image_sizes
    weights = randomised(model).state_dict()
    other = member.build(large)
    load_weights(other, weights, "weights of the smaller size")
    resized = other.state_dict()
    resampled = {name for name, tensor in resized.items() if tensor.shape != weights[name].shape}
    assert all(torch.equal(resized[name], weights[name]) for name in resized.keys() - resampled)
    logits = other(images(large))
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 3])).backward()
    assert not dead(other)
    if resampled:
        load_weights(member.build(small), resized, "weights of the larger size")


def test_features_feed_the_head_image_by_image(member: Member, model: models.Classifier) -> None:
    batch = images(member.image_sizes[0])
    with evaluating(model):
        features, logits = model.features(batch), model(batch)
        assert features.shape == (2, model.head.in_features)
        assert torch.equal(logits, model.head(features))
        alone = torch.cat([model(image[None]) for image in batch])
        torch.testing.assert_close(logits, alone, rtol=1e-4, atol=1e-5)


def test_the_seed_decides_every_initial_weight(member: Member, model: models.Classifier) -> None:
    once, again, other = model.state_dict(), member.build().state_dict(), member.build(seed=4).state_dict()
    assert all(torch.equal(once[key], again[key]) for key in once)
    drawn = [key for key, value in once.items() if value.numel() > 1 and value.ne(value.flatten()[0]).any()]
    assert "head.weight" in drawn
    assert not [key for key in drawn if torch.equal(once[key], other[key])]


def test_replace_head_draws_a_new_head_and_keeps_the_body(member: Member, model: models.Classifier) -> None:
    one = copy.deepcopy(model)
    one.replace_head(4, seed=1)
    first = one.head.weight.detach().clone()
    assert first.shape == (4, one.head.in_features)
    assert not one.head.bias.any()
    assert 0.01 < float(first.std()) < 0.03
    assert one.head.weight.requires_grad
    assert one.eval()(images(member.image_sizes[0])).shape == (2, 4)
    body = {key: value for key, value in model.state_dict().items() if not key.startswith("head.")}
    assert all(torch.equal(one.state_dict()[key], value) for key, value in body.items())
    one.replace_head(4, seed=1)
    assert torch.equal(one.head.weight, first)
    one.replace_head(4, seed=2)
    assert not torch.equal(one.head.weight, first)


def test_weights_survive_safetensors(member: Member, model: models.Classifier, tmp_path: Path) -> None:
    one = randomised(model)
    save_file(one.state_dict(), tmp_path / "weights.safetensors")
    loaded = load_file(tmp_path / "weights.safetensors")
    with torch.device("meta"):
        empty = member.build()
    empty.load_state_dict(loaded, assign=True)
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in one.state_dict().items())
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in empty.state_dict().items())


def test_bf16_autocast_is_finite(member: Member, model: models.Classifier) -> None:
    one = copy.deepcopy(model)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = torch.nn.functional.cross_entropy(one(images(member.image_sizes[0])), torch.tensor([0, 1]))
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in one.parameters())


@pytest.mark.parametrize("name", ["vit_pico/8", "bit_resnet_pico", "r_pico+vit_pico/8"])
def test_seeded_draws_leave_the_global_generator_alone(name: str) -> None:
    before = torch.get_rng_state()
    one = models.build(name, seed=3)
    one.replace_head(7, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    unseeded = [models.build(name).head.weight for _ in range(2)]
    assert not torch.equal(*unseeded)


def test_replace_head_keeps_the_precision() -> None:
    one = models.build("vit_pico/8", seed=0).double()
    one.replace_head(3, seed=0)
    assert one(images(32).double()).dtype == torch.float64


@pytest.mark.parametrize(
    ("name", "total", "absolute"),
    [
        ("vit_pico/8", 598.616402, 17383.539515),
        ("vit_nano/8:pos=none", 1669.967335, 71220.291711),
        ("vit_pico/16:padding=4,stride=8", 571.381020, 18083.631412),
        ("bit_resnet_pico", 1219.683472, 17238.820430),
        ("bit_resnet_nano", 3616.488283, 65796.687413),
        ("r_pico+vit_pico/8", 647.206456, 17873.354003),
    ],
)
def test_initial_weights_stay_what_they_were(name: str, total: float, absolute: float) -> None:
    """Or results that are there could not be repeated: sums of all weights drawn from seed 3, and of their sizes."""
    weights = [tensor.double() for tensor in models.build(name, seed=3).state_dict().values()]
    assert sum(float(weight.sum()) for weight in weights) == pytest.approx(total, rel=1e-6)
    assert sum(float(weight.abs().sum()) for weight in weights) == pytest.approx(absolute, rel=1e-6)
