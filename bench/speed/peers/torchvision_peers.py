"""Builds our models from torchvision's own classes; `matching` decides which models have a peer.

ViTs and ConvNeXts are torchvision's classes with our sizes. ResNets are the networks that our models wrap. MaxViT is no
peer, because torchvision's classifier has no bias.
"""

from torch import nn
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.models.vision_transformer import ConvStemConfig, VisionTransformer

from bench.speed.peers.matching import CONVNEXTS
from models.spec.model_spec import ModelSpec
from models.spec.sizes import EncoderSize, ResNetSize, TimmSize


def build(spec: ModelSpec, num_classes: int, image_size: int) -> nn.Module:
    """Build torchvision's network for a spec that has a peer in torchvision."""
    network: nn.Module
    match spec.kind.size:
        case EncoderSize() as size:
            network = _vit(spec, size, num_classes, image_size)
        case ResNetSize() as size:
            block = Bottleneck if size.bottleneck else BasicBlock
            network = ResNet(block, list(size.depths), num_classes=num_classes)
        case TimmSize():
            network = ConvNeXt(_stages(*CONVNEXTS[spec.preset]), num_classes=num_classes)
        case _:
            raise AssertionError(f"{spec} has no peer in torchvision")
    return network


def _vit(spec: ModelSpec, size: EncoderSize, num_classes: int, image_size: int) -> nn.Module:
    assert isinstance(spec.patch, int)
    network: nn.Module = VisionTransformer(
        image_size=image_size,
        patch_size=spec.patch,
        num_layers=spec.number("depth"),
        num_heads=size.heads,
        hidden_dim=size.width,
        mlp_dim=size.width * size.mlp_ratio,
        num_classes=num_classes,
        conv_stem_configs=_stem(size.width, spec.patch) if spec.option("tokenizer") == "conv-stem" else None,
    )
    return network


def _stem(width: int, patch: int) -> list[ConvStemConfig]:
    """Return 3x3 convolutions of stride 2, each with twice the channels of the previous one, up to the width."""
    halvings = patch.bit_length() - 1
    return [ConvStemConfig(width >> (halvings - 1 - step), kernel_size=3, stride=2) for step in range(halvings)]


def _stages(depths: tuple[int, ...], widths: tuple[int, ...]) -> list[CNBlockConfig]:
    return [
        CNBlockConfig(width, following, depth)
        for width, following, depth in zip(widths, (*widths[1:], None), depths, strict=True)
    ]
