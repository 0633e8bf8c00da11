"""The CNNs: equal to timm's and torchvision's networks, and of the form that their papers give."""

import pytest
import timm
import torch
import torchvision
from torch import nn

import models
from models.external.wrapped import Wrapped
from models.resnet import BitResNet, BitTrunk
from models.shapes import shapes_only
from models.spec.presets import PRESETS
from models.spec.sizes import TrunkSize
from tests.models.reference import close_by_scale, images, randomised


def test_bit_resnet50_has_timm_s_logits() -> None:
    """Of its head timm makes a 1x1 convolution."""
    theirs = randomised(timm.create_model("resnetv2_50x1_bit", num_classes=10).double(), scale=0.02)
    weights = {name.replace("head.fc.", "head."): tensor for name, tensor in theirs.state_dict().items()}
    weights["head.weight"] = weights["head.weight"].flatten(1)
    ours = models.build("bit_resnet50", num_classes=10).double()
    ours.load_state_dict(weights)
    with torch.no_grad():
        close_by_scale(ours(images(64)), theirs(images(64)), 1e-9)


@pytest.mark.parametrize(
    ("name", "theirs_name"),
    [
        ("bit_resnet50", "resnetv2_50x1_bit"),
        ("bit_resnet101", "resnetv2_101x1_bit"),
        ("bit_resnet152x2", "resnetv2_152x2_bit"),
    ],
)
def test_bit_resnets_have_timm_s_parameters(name: str, theirs_name: str) -> None:
    with shapes_only():
        ours = models.build(name, num_classes=1000, image_size=224)
        theirs = timm.create_model(theirs_name, num_classes=1000)
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


@pytest.mark.parametrize("name", ["bit_resnet_pico", "r_pico+vit_pico/8", "r26+vit_small/32:depth=1"])
def test_convolutions_are_weight_standardised_and_norms_are_groups(name: str) -> None:
    model = models.build(name, seed=0).double()
    before = model(images(32))
    trunk = model if isinstance(model, BitResNet) else model.patch_embed.backbone  # type: ignore[union-attr]
    assert not [module for module in trunk.modules() if isinstance(module, nn.BatchNorm2d)]  # type: ignore[union-attr]
    with torch.no_grad():
        for module in trunk.modules():  # type: ignore[union-attr]
            if isinstance(module, nn.Conv2d):
                module.weight.mul_(3.0).add_(0.7)
        # The little that is added to the deviation shows more in wide layers, whose weights are small.
        tolerance = 1e-4 if name.startswith("r26") else 1e-6
        torch.testing.assert_close(model(images(32)), before, rtol=tolerance, atol=tolerance)


def test_the_trunk_s_stride_is_its_map_s() -> None:
    for preset in PRESETS.values():
        trunk = preset.size  # those of hybrids: tests/models/test_hybrid.py
        if isinstance(trunk, TrunkSize):
            with shapes_only():
                cells = BitTrunk(trunk)(torch.empty(1, 3, 64, 64))
            assert cells.shape == (1, trunk.widths[-1], 64 // trunk.stride, 64 // trunk.stride)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_resnets_equal_torchvision_s_on_the_same_weights(name: str) -> None:
    theirs = torchvision.models.get_model(name, num_classes=10).eval()
    ours = models.build(name, num_classes=10).eval()
    weights = {f"body.{name}": tensor for name, tensor in theirs.state_dict().items() if not name.startswith("fc.")}
    ours.load_state_dict(weights | {"head.weight": theirs.fc.weight, "head.bias": theirs.fc.bias})
    with torch.no_grad():
        assert torch.equal(ours(images(64).float()), theirs(images(64).float()))


def test_the_cifar_stem_of_a_resnet_keeps_every_pixel() -> None:
    body = wrapped("resnet18:stem=cifar").body
    assert isinstance(body, torchvision.models.ResNet)
    cells = body.layer4(body.layer3(body.layer2(body.layer1(body.relu(body.bn1(body.conv1(images(32).float())))))))
    assert cells.shape == (2, 512, 4, 4)
    assert body.conv1.kernel_size == (3, 3)
    assert isinstance(body.maxpool, nn.Identity)


def test_convnext_equals_timm_s_on_the_same_weights() -> None:
    theirs = timm.create_model("convnext_atto", num_classes=10).double().eval()
    ours = models.build("convnext_atto", num_classes=10).double().eval()
    weights = {f"body.{name}": tensor for name, tensor in theirs.state_dict().items() if "head.fc" not in name}
    ours.load_state_dict(weights | {"head.weight": theirs.head.fc.weight, "head.bias": theirs.head.fc.bias})
    with torch.no_grad():
        torch.testing.assert_close(ours(images(64)), theirs(images(64)), rtol=1e-9, atol=1e-9)


def test_the_cifar_stem_of_a_convnext_has_patches_of_one_pixel() -> None:
    body = wrapped("convnext_atto:stem=cifar").body
    cells = body.stages(body.stem(images(32).float()))  # type: ignore[operator]
    assert cells.shape == (2, 320, 4, 4)


def wrapped(name: str) -> Wrapped:
    model = models.build(name, seed=0)
    assert isinstance(model, Wrapped)
    return model
