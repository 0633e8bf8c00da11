"""Residual networks in BiT's form: the CNN baseline of the ViT paper.

Paper: Kolesnikov et al. 2020, "Big Transfer" (arXiv 1912.11370), section 3.1: ResNet-v2 (He et al. 2016, arXiv
1603.05027; pre-activation bottlenecks) with GroupNorm (arXiv 1803.08494) in place of BatchNorm and
weight-standardised convolutions (arXiv 1903.10520).
Source: blocks, convolutions and norms are timm's `resnetv2.py`, itself ported from google-research/big_transfer;
`bit_resnet50` has the layers, the order and the parameter names of timm's `resnetv2_50x1_bit` (its head apart,
which is a linear layer here).

Deviations in the sizes for 32 pixels: the stem is one 3x3 convolution without a pool, there are two or three
stages, so that the last feature map still has 4x4 or 8x8 cells to average, and narrow layers have fewer groups.
"""

from functools import partial

from timm.layers import GroupNormAct, StdConv2d
from timm.models.resnetv2 import PreActBottleneck, ResNetStage, create_resnetv2_stem
from torch import Tensor, nn

from models.contract import Classifier, new_head
from models.presets import PRESETS, TrunkSize
from models.spec import ModelSpec

_CONV = partial(StdConv2d, eps=1e-8)


def build_bit_resnet(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """The BiT ResNet that `spec` names; its weights do not depend on `image_size`."""
    size = PRESETS[spec.preset].size
    assert isinstance(size, TrunkSize)
    return BitResNet(size, num_classes)


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
    if size.stem == "7x7-pool":
        stem: nn.Sequential = create_resnetv2_stem(3, size.stem_width, "fixed", preact=True, conv_layer=_CONV)
        return stem
    stem = nn.Sequential()
    stem.add_module("conv", _CONV(3, size.stem_width, 3, stride=size.stem_stride))
    return stem


def _stages(size: TrunkSize, norm: partial[GroupNormAct]) -> list[nn.Module]:
    stages, width = [], size.stem_width
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
    """He initialisation, as in BiT; standardisation makes only the direction of a filter count."""
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
