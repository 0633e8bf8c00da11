"""Hybrids: convolution and attention in one network, in five ways.

1. A convolutional trunk, then a Transformer encoder on its feature map: Dosovitskiy et al. 2021, "An Image is Worth
   16x16 Words" (arXiv 2010.11929), section 3.1, "Hybrid Architecture". The cells of a ResNet's map take the place of
   the image's patches, under the same shared linear projection. `r26+vit_small/32`, `r50+vit_base/16` and
   `r50+vit_large/32` have the paper's trunk, from timm (post-activation, GroupNorm, standardised weights).
   `patch_embed.backbone` and `patch_embed.proj` are timm's names, and its state dicts fit. The small ones are ours.
2. A convolutional stem before a ViT: Xiao et al. 2021, "Early Convolutions Help Transformers See Better" (arXiv
   2106.14881): any ViT with `tokenizer=conv-stem`.
3. A convolutional tokenizer and sequence pooling: Hassani et al. 2021, "Escaping the Big Data Paradigm with Compact
   Transformers" (arXiv 2104.05704): `cct_*`.
4. Attention inside a CNN: Srinivas et al. 2021, "Bottleneck Transformers" (arXiv 2101.11605): `botnet50`, a ResNet-50
   whose last three blocks attend. It is composed of timm's blocks, because timm's own `botnet50ts` has another stem
   and activation. Both terms of its attention are scaled, as in the authors' code. It starts as our `resnet50` does.
5. Interleaved stages: Dai et al. 2021, "CoAtNet" (arXiv 2106.04803), and Tu et al. 2022, "MaxViT" (arXiv 2204.01697),
   both timm's.

Deviations: the small trunks are pre-activation, as our CNNs are, so that the two differ by the encoder alone. `/patch`
is the pixels per token; if the trunk's stride is finer, a token is a square of its cells. For small images,
`stem=cifar` makes the maps of 4 and 5 finer: BoTNet gets the stem of a CIFAR ResNet, the others a first convolution of
stride 1.
"""

from functools import partial
from typing import Any

import timm
from timm.layers import ConvNormAct, StdConv2dSame
from timm.models.byobnet import ByoBlockCfg, ByobNet, ByoModelCfg
from timm.models.resnetv2 import ResNetV2
from torch import Tensor, nn

from models.contract import Classifier
from models.external.wrapped import Wrapped, timm_width
from models.layers.patches import ConvTokenizer, rows_of_tokens, shared_linear
from models.resnet import BitTrunk
from models.spec.model_spec import ModelSpec
from models.spec.presets import Convolutions
from models.spec.sizes import BotNetSize, CompactSize, HybridSize, InterleavedSize, PaperTrunkSize, TrunkSize
from models.vit import VisionTransformer

_PAPER_TRUNK_WIDTHS = (256, 512, 1024, 2048)


def build_trunk_hybrid(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """Build the hybrid of trunk and encoder that `spec` names, for square images of `image_size` pixels."""
    size = spec.kind.size
    assert isinstance(size, HybridSize) and isinstance(spec.patch, int)
    return VisionTransformer(TrunkPatches(size, spec.patch), spec, size.encoder, image_size, num_classes)


def build_compact(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """Build the Compact Convolutional Transformer that `spec` names, for square images of `image_size` pixels."""
    size = spec.kind.size
    assert isinstance(size, CompactSize) and isinstance(spec.patch, Convolutions)
    tokenizer = ConvTokenizer(size.encoder.width, spec.patch)
    return VisionTransformer(tokenizer, spec, size.encoder, image_size, num_classes)


def build_botnet(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """Build the BoTNet that `spec` names, for square images of `image_size` pixels."""
    size = spec.kind.size
    assert isinstance(size, BotNetSize)
    kinds = ("bottle", "bottle", "bottle", "self_attn")
    blocks = tuple(
        ByoBlockCfg(type=kind, d=depth, c=width, s=stride, gs=0, br=0.25)
        for kind, depth, width, stride in zip(kinds, size.depths, _PAPER_TRUNK_WIDTHS, (1, 2, 2, 2), strict=True)
    )
    scaled = {"scale_pos_embed": True}
    layout = ByoModelCfg(
        blocks, stem_chs=64, stem_type="7x7", stem_pool="maxpool", self_attn_layer="bottleneck", self_attn_kwargs=scaled
    )
    is_fine = spec.option("stem") == "cifar"
    body = ByobNet(layout, num_classes=0, img_size=image_size * (4 if is_fine else 1), zero_init_last=False)
    if is_fine:
        body.stem = ConvNormAct(3, 64, kernel_size=3)
        nn.init.kaiming_normal_(body.stem.conv.weight, mode="fan_out", nonlinearity="relu")
    return Wrapped(body, timm_width(body), num_classes)


def build_interleaved(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """Build the CoAtNet or MaxViT that `spec` names, for square images of `image_size` pixels."""
    size = spec.kind.size
    assert isinstance(size, InterleavedSize)
    is_fine = spec.option("stem") == "cifar"
    options: dict[str, Any] = {} if size.depths is None else {"depths": size.depths}
    body = timm.create_model(size.architecture, num_classes=0, img_size=image_size * (2 if is_fine else 1), **options)
    if is_fine:
        first = body.get_submodule("stem.conv1")
        assert isinstance(first, nn.Conv2d)
        first.stride = (1, 1)
    return Wrapped(body, timm_width(body), num_classes)


class TrunkPatches(nn.Module):
    """A tokenizer made of a trunk: each square of cells of its feature map becomes a token."""

    def __init__(self, size: HybridSize, patch: int) -> None:
        super().__init__()
        cells = patch // size.trunk.stride
        self.backbone, channels = _trunk(size.trunk)
        self.proj = shared_linear(channels, size.encoder.width, cells, cells)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (batch, 3, size, size) to tokens (batch, (size / patch)^2, width), row by row."""
        return rows_of_tokens(self.proj(self.backbone(images)))


def _trunk(size: TrunkSize | PaperTrunkSize) -> tuple[nn.Module, int]:
    """Return the trunk, and the number of channels of its feature map."""
    if isinstance(size, TrunkSize):
        return BitTrunk(size), size.widths[-1]
    conv = partial(StdConv2dSame, eps=1e-8)
    layers = list(size.depths)
    body = ResNetV2(layers, num_classes=0, global_pool="", preact=False, stem_type="same", conv_layer=conv)
    return body, _PAPER_TRUNK_WIDTHS[len(size.depths) - 1]
