"""Build residual networks: BiT's form (the ViT paper's baseline), and ResNets with BatchNorm.

Papers:

- `bit_resnet*`: Kolesnikov et al. 2020, "Big Transfer (BiT)" (arXiv 1912.11370), section 3.1. That is ResNet-v2 (He et
  al. 2016, "Identity Mappings", arXiv 1603.05027: pre-activation bottlenecks) with GroupNorm (Wu and He 2018, arXiv
  1803.08494) in place of BatchNorm, and weight-standardised convolutions (Qiao et al. 2019, arXiv 1903.10520).
- `resnet18` to `resnet152`: He et al. 2016, "Deep Residual Learning" (arXiv 1512.03385), table 1.

A bottleneck block of BiT, with N(x) = ReLU(GroupNorm(x)) and convolutions W standardised over their inputs:

    x' = s(x) + W_1x1 N(W_3x3 N(W_1x1 N(x)))     s(x) = x, or W_s N(x) if the block changes the shape

Source: BiT's blocks, convolutions and norms are those of timm's `resnetv2.py`, ported from google-research's
big_transfer. `bit_resnet50` has the layers and parameter names of timm's `resnetv2_50x1_bit`, except for the head, a
linear layer here. `resnet18` to `resnet152` are torchvision's, with our head.

Deviations: for 32 pixels, the stem of BiT's form is one convolution without a pool: 6x6 of stride 4 at pico, which is
cheapest on a CPU, 3x3 of stride 2 at nano, and 3x3 of stride 1 at tiny. Pico and nano have fewer stages, so that their
last map has 4x4 cells, and fewer groups, because their layers are narrow. Initial weights are He's; standardisation
removes their scale. `stem=cifar` makes a ResNet's stem a 3x3 convolution of stride 1 without a pool (section 4.2 of the
ResNet paper), so that its last map has one cell per 8 pixels instead of one per 32.
"""

from collections import OrderedDict
from functools import partial

from timm.layers import GroupNormAct, StdConv2d
from timm.models.resnetv2 import PreActBottleneck, ResNetStage
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from models.contract import Classifier, new_head
from models.external.wrapped import Wrapped
from models.spec.model_spec import ModelSpec
from models.spec.sizes import ResNetSize, TrunkSize

_CONV = partial(StdConv2d, eps=1e-8)


def build_bit_resnet(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """Build the BiT ResNet that `spec` names; its weights do not depend on `image_size`."""
    size = spec.kind.size
    assert isinstance(size, TrunkSize)
    return BitResNet(size, num_classes)


def build_resnet(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """Build the ResNet with BatchNorm that `spec` names; its weights do not depend on `image_size`."""
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


class BitResNet(Classifier):
    """A BiT ResNet: trunk, mean of its last map, head."""

    def __init__(self, size: TrunkSize, num_classes: int) -> None:
        super().__init__()
        trunk = BitTrunk(size)
        self.stem, self.stages, self.norm = trunk.stem, trunk.stages, trunk.norm
        self.head = new_head(size.widths[-1], num_classes)

    def features(self, images: Tensor) -> Tensor:
        """Map images (batch, 3, size, size) to features (batch, width)."""
        cells = self.norm(self.stages(self.stem(images)))  # (batch, width, rows, columns)
        feature: Tensor = cells.mean(dim=(2, 3))
        return feature


class BitTrunk(nn.Module):
    """The trunk of a BiT ResNet: stem, stages, norm. A hybrid turns its feature map into tokens."""

    def __init__(self, size: TrunkSize) -> None:
        super().__init__()
        norm = partial(GroupNormAct, num_groups=size.norm_groups)
        self.stem = _stem(size)
        self.stages = nn.Sequential(*_stages(size, norm))
        self.norm = norm(size.widths[-1])
        _init_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (batch, 3, size, size) to a map (batch, width, size / stride, size / stride)."""
        cells: Tensor = self.norm(self.stages(self.stem(images)))
        return cells


def _stem(size: TrunkSize) -> nn.Sequential:
    """Return BiT's stem, under timm's names. Its pool pads with zeros, as the original does."""
    conv = _CONV(3, size.stem_width, size.stem_kernel, size.stem_stride, size.stem_padding)
    if not size.stem_pool:
        return nn.Sequential(OrderedDict(conv=conv))
    return nn.Sequential(OrderedDict(conv=conv, pad=nn.ConstantPad2d(1, 0.0), pool=nn.MaxPool2d(3, 2)))


def _stages(size: TrunkSize, norm: partial[GroupNormAct]) -> list[nn.Module]:
    layers = partial(ResNetStage, act_layer=nn.ReLU, conv_layer=_CONV, norm_layer=norm)
    stage = partial(layers, dilation=1, bottle_ratio=size.bottleneck_ratio, block_fn=PreActBottleneck)
    widths = zip((size.stem_width, *size.widths[:-1]), size.widths, size.strides, size.depths, strict=True)
    return [stage(before, after, stride=stride, depth=depth) for before, after, stride, depth in widths]


def _init_convolutions(trunk: nn.Module) -> None:
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
