"""The BiT ResNets and the hybrids' trunks: equal to timm's network, and of the form that the paper gives."""

import pytest
import timm
import torch
from torch import nn

import models
from models.presets import HybridSize, TrunkSize
from models.resnet import BitResNet, BitTrunk


def test_bit_resnet50_equals_timm_s_on_its_weights() -> None:
    theirs = timm.create_model("resnetv2_50x1_bit", num_classes=0).double()
    ours = models.build("bit_resnet50").double()
    loaded = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert loaded.missing_keys == ["head.weight", "head.bias"]
    assert not loaded.unexpected_keys
    images = torch.randn(2, 3, 48, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours.features(images), theirs(images), rtol=1e-9, atol=1e-9)


def test_bit_resnet50_has_timm_s_parameters() -> None:
    with torch.device("meta"):
        ours = models.build("bit_resnet50", num_classes=1000, image_size=224)
        theirs = timm.create_model("resnetv2_50x1_bit", num_classes=1000)
    shapes = {name: parameter.shape for name, parameter in ours.named_parameters()}
    expected = {name: parameter.shape for name, parameter in theirs.named_parameters()}
    assert expected.pop("head.fc.weight")[:2] == shapes.pop("head.weight")
    assert expected.pop("head.fc.bias") == shapes.pop("head.bias")
    assert shapes == expected


@pytest.mark.parametrize("name", ["bit_resnet_pico", "bit_resnet_nano", "bit_resnet_tiny"])
def test_resnets_average_at_least_4_by_4_cells(name: str) -> None:
    model = models.build(name, seed=0)
    cells = model.stages(model.stem(torch.randn(1, 3, 32, 32)))  # type: ignore[operator]
    assert min(cells.shape[2:]) >= 4


@pytest.mark.parametrize("name", ["bit_resnet_pico", "r_pico+vit_pico/8"])
def test_convolutions_are_weight_standardised_and_norms_are_groups(name: str) -> None:
    model = models.build(name, seed=0).double()
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    before = model(images)
    trunk = model if isinstance(model, BitResNet) else model.patch_embed.backbone  # type: ignore[union-attr]
    assert not [module for module in trunk.modules() if isinstance(module, nn.BatchNorm2d)]  # type: ignore[union-attr]
    with torch.no_grad():
        for module in trunk.modules():  # type: ignore[union-attr]
            if isinstance(module, nn.Conv2d):
                module.weight.mul_(3.0).add_(0.7)
    torch.testing.assert_close(model(images), before, rtol=1e-6, atol=1e-6)


def test_every_pixel_reaches_the_features() -> None:
    """No stem, and no shortcut alone, may skip pixels for good."""
    for name in ("bit_resnet_pico", "bit_resnet_nano", "r_pico+vit_pico/8", "r_nano+vit_nano/8"):
        images = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(2)).requires_grad_()
        models.build(name, seed=0).features(images).square().sum().backward()
        assert images.grad is not None
        assert images.grad.ne(0).all(), name


def test_the_trunk_s_map_becomes_the_tokens_row_by_row() -> None:
    model = models.build("r_pico+vit_pico/8", seed=0)
    tokenizer = model.patch_embed
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    grid = tokenizer.proj(tokenizer.backbone(images))  # type: ignore[union-attr, operator]
    tokens = tokenizer(images)  # type: ignore[operator]
    assert tokens.shape == (2, 16, 64)
    torch.testing.assert_close(tokens[:, 4 * 1 + 2], grid[:, :, 1, 2])


def test_the_trunk_s_stride_is_its_map_s() -> None:
    for preset in models.presets.PRESETS.values():
        trunk = preset.size.trunk if isinstance(preset.size, HybridSize) else preset.size
        if isinstance(trunk, TrunkSize):
            with torch.device("meta"):
                cells = BitTrunk(trunk)(torch.empty(1, 3, 64, 64))
            assert cells.shape == (1, trunk.widths[-1], 64 // trunk.stride, 64 // trunk.stride)
