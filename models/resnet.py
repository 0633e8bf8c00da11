"""The CNNs: residual networks in BiT's form (the ViT paper's baseline), with BatchNorm, and ConvNeXt.

Papers: Kolesnikov et al. 2020, "Big Transfer" (arXiv 1912.11370), section 3.1: ResNet-v2 (He et al. 2016,
arXiv 1603.05027: pre-activation bottlenecks) with GroupNorm (arXiv 1803.08494) in place of BatchNorm and
weight-standardised convolutions (arXiv 1903.10520). He et al. 2016 (arXiv 1512.03385), table 1, with BatchNorm. Liu et
al. 2022, ConvNeXt (arXiv 2201.03545). Woo et al. 2023, ConvNeXt V2 (arXiv 2301.00808): `convnextv2_huge`.
Source: BiT's blocks, convolutions and norms are those of timm's `resnetv2.py`, ported from google-research's
big_transfer; `bit_resnet50` has the layers and the parameter names of timm's `resnetv2_50x1_bit`, except for
its head, a linear layer here. `resnet18` to `resnet152` are torchvision's, `convnext_*` timm's, each with our head.

`stem=cifar` fits both to 32 pixels: a ResNet's stem becomes a 3x3 convolution of stride 1 without a pool (section 4.2
of the ResNet paper), a ConvNeXt's patches one pixel. Then the last maps have a cell of every 8 pixels instead of 32.

Deviations in the sizes for 32 pixels: the stem is one convolution without a pool (6x6 of stride 4 at pico,
which costs least on a CPU; 3x3 of stride 2 at nano and of 1 at tiny); fewer stages at pico and nano, so that
4x4 cells are left to average; fewer groups where layers are narrow. Initial weights are He's, of which
standardisation keeps the direction alone.
"""

from collections import OrderedDict
from functools import partial
from typing import Any

import timm
from timm.layers import GroupNormAct, StdConv2d
from timm.models.resnetv2 import PreActBottleneck, ResNetStage
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from models.contract import Classifier, new_head
from models.external.wrapped import Wrapped, timm_width
from models.spec.model_spec import ModelSpec
from models.spec.sizes import ResNetSize, TimmSize, TrunkSize

_CONV = partial(StdConv2d, eps=1e-8)


def build_bit_resnet(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """The BiT ResNet that `spec` names; its weights do not depend on `image_size`."""
    size = spec.kind.size
    assert isinstance(size, TrunkSize)
    return BitResNet(size, num_classes)


def build_resnet(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """The ResNet with BatchNorm that `spec` names; its weights do not depend on `image_size`."""
    size = spec.kind.size
    assert isinstance(size, ResNetSize)
    body = ResNet(Bottleneck if size.bottleneck else BasicBlock, list(size.depths))
    if spec.option("stem") == "cifar":
        body.conv1 = nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)
        nn.init.kaiming_normal_(body.conv1.weight, mode="fan_out", nonlinearity="relu")
        body.maxpool = nn.Identity()
    width = body.fc.in_features
    body.fc = nn.Identity()
    return Wrapped(body, width, num_classes)


def build_convnext(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """The ConvNeXt that `spec` names; its weights do not depend on `image_size`."""
    size = spec.kind.size
    assert isinstance(size, TimmSize)
    options: dict[str, Any] = {"patch_size": 1} if spec.option("stem") == "cifar" else {}
    if size.depths is not None:
        options["depths"] = size.depths
    body = timm.create_model(size.architecture, num_classes=0, **options)
    return Wrapped(body, timm_width(body), num_classes)


class BitResNet(Classifier):
    """The trunk, its last map averaged, a head."""

    def __init__(self, size: TrunkSize, num_classes: int) -> None:
        super().__init__()
        trunk = BitTrunk(size)
        self.stem, self.stages, self.norm = trunk.stem, trunk.stages, trunk.norm
        self.head = new_head(size.widths[-1], num_classes)

    def features(self, images: Tensor) -> Tensor:
        cells = self.norm(self.stages(self.stem(images)))  # (batch, width, rows, columns)
        feature: Tensor = cells.mean(dim=(2, 3))
        return feature


class BitTrunk(nn.Module):
    """Images (batch, 3, size, size) -> feature map (batch, width, size / stride, size / stride)."""

    def __init__(self, size: TrunkSize) -> None:
        super().__init__()
        norm = partial(GroupNormAct, num_groups=size.norm_groups)
        self.stem = _stem(size)
        self.stages = nn.Sequential(*_stages(size, norm))
        self.norm = norm(size.widths[-1])
        _init_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        cells: Tensor = self.norm(self.stages(self.stem(images)))
        return cells


def _stem(size: TrunkSize) -> nn.Sequential:
    """BiT's stem, under timm's names: its pool pads with zeros, as the original does."""
    padding = (size.stem_kernel - size.stem_stride + 1) // 2  # enough that no pixel at the edge is left out
    conv = _CONV(3, size.stem_width, size.stem_kernel, size.stem_stride, padding)
    if not size.stem_pool:
        return nn.Sequential(OrderedDict(conv=conv))
    return nn.Sequential(OrderedDict(conv=conv, pad=nn.ConstantPad2d(1, 0.0), pool=nn.MaxPool2d(3, 2)))


def _stages(size: TrunkSize, norm: partial[GroupNormAct]) -> list[nn.Module]:
    stages: list[nn.Module] = []
    width = size.stem_width
    for depth, out_width, stride in zip(size.depths, size.widths, size.strides, strict=True):
        stages.append(
            ResNetStage(
                width,
                out_width,
                stride=stride,
                dilation=1,
                depth=depth,
                bottle_ratio=size.bottleneck_ratio,
                block_fn=PreActBottleneck,
                act_layer=nn.ReLU,
                conv_layer=_CONV,
                norm_layer=norm,
            )
        )
        width = out_width
    return stages


def _init_convolutions(trunk: nn.Module) -> None:
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
