"""Builds our models from timm's own classes; `matching` decides which models have a peer.

ViTs are timm's `VisionTransformer`; with `pos=relative` they are `VisionTransformerRelPos`. With `pos=rope-2d` they are
`Eva` with the arguments of `vit_*_rope_224`, except that pairs are ordered as in our rotary encoding
(`rope_rotate_half`). Hybrids have a `HybridEmbed` with a `ResNetV2` or a `ConvStem` as their embedding. BiTs are
`ResNetV2`.

timm's `ResNetV2` has only stems of 7x7, which no argument changes. In small BiTs and trunks, one convolution of timm's
own class replaces the stem.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import timm
from timm.layers import GroupNormAct, HybridEmbed, PatchEmbed, StdConv2d, StdConv2dSame
from timm.models.eva import Eva
from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from timm.models.resnetv2 import ResNetV2
from timm.models.vision_transformer import VisionTransformer
from timm.models.vision_transformer_hybrid import ConvStem
from timm.models.vision_transformer_relpos import VisionTransformerRelPos
from torch import nn

from models.spec.model_spec import ModelSpec
from models.spec.sizes import EncoderSize, HybridSize, PaperTrunkSize, ResNetSize, TimmSize, TrunkSize

_POOLS = {"cls": "token", "gap": "avg", "map": "map"}

_ROTARY: dict[str, Any] = {
    "attn_type": "rope",
    "use_abs_pos_emb": False,
    "use_rot_pos_emb": True,
    "use_fc_norm": False,
    "rope_grid_indexing": "xy",
    "rope_temperature": 100.0,
    "rope_rotate_half": True,
}
"""The arguments of timm's `vit_*_rope_224`, with pairs in our order."""

_Embed = Callable[..., nn.Module]
"""Converts images to tokens for timm's ViTs: (batch, 3, size, size) -> (batch, tokens, width)."""


def build(spec: ModelSpec, num_classes: int, image_size: int) -> nn.Module:
    """Build timm's network for a spec that has a peer in timm."""
    match spec.kind.size:
        case EncoderSize() as size:
            return _vit(spec, size, num_classes, image_size, *_patches(spec, size.width))
        case HybridSize() as size:
            assert isinstance(spec.patch, int)
            embed = partial(HybridEmbed, backbone=_trunk(size.trunk))
            return _vit(spec, size.encoder, num_classes, image_size, embed, spec.patch // size.trunk.stride)
        case TrunkSize() as size:
            return _bit(size, num_classes=num_classes, global_pool="avg")
        case ResNetSize() as size:
            block: Any = Bottleneck if size.bottleneck else BasicBlock
            return ResNet(block, size.depths, num_classes=num_classes)
        case TimmSize() as size:
            return _wrapped_by_us(spec, size, num_classes, image_size)
    raise AssertionError(f"{spec} has no peer in timm")


def _patches(spec: ModelSpec, width: int) -> tuple[_Embed, int]:
    """Return the embedding, and the patch size in pixels (or in cells of a stem's feature map)."""
    assert isinstance(spec.patch, int)
    if spec.option("tokenizer") == "linear":
        return PatchEmbed, spec.patch
    halvings = spec.patch.bit_length() - 1
    stem = ConvStem(
        depth=halvings + 1,
        channels=(*(width >> (halvings - 1 - step) for step in range(halvings)), width),
        kernel_size=(*[3] * halvings, 1),
        stride=(*[2] * halvings, 1),
    )
    return partial(HybridEmbed, backbone=stem, proj=False), 1


def _vit(
    spec: ModelSpec, size: EncoderSize, num_classes: int, image_size: int, embed_layer: _Embed, patch: int
) -> nn.Module:
    """Build the ViT from the class that has the spec's positional encoding."""
    pos, pool = spec.option("pos"), _POOLS[str(spec.option("pool"))]
    encoder: dict[str, Any] = {
        "img_size": image_size,
        "patch_size": patch,
        "num_classes": num_classes,
        "global_pool": pool,
        "class_token": pool == "token",
        "embed_dim": size.width,
        "depth": spec.number("depth"),
        "num_heads": size.heads,
        "mlp_ratio": size.mlp_ratio,
        "qkv_bias": size.qkv_bias,
        "init_values": spec.fraction("layer_scale") or None,
        "drop_path_rate": spec.fraction("drop_path"),
    }
    registers = spec.number("registers")
    match pos:
        case "rope-2d":
            return Eva(**encoder, **_ROTARY, num_reg_tokens=registers)
        case "relative":
            encoder |= {"embed_layer": embed_layer, "rel_pos_type": "bias"}
            return VisionTransformerRelPos(**encoder, shared_rel_pos=spec.option("pos_at") == "every-layer-shared")
    encoder |= {"embed_layer": embed_layer, "pos_embed": "none" if pos == "none" else "learn"}
    return VisionTransformer(**encoder, reg_tokens=registers, fc_norm=False)


def _trunk(size: TrunkSize | PaperTrunkSize) -> nn.Module:
    """Build a trunk: images (batch, 3, size, size) -> features (batch, width, size / stride, size / stride)."""
    if isinstance(size, TrunkSize):
        return _bit(size, num_classes=0, global_pool="")
    conv = partial(StdConv2dSame, eps=1e-8)
    return ResNetV2(list(size.depths), num_classes=0, global_pool="", preact=False, stem_type="same", conv_layer=conv)


def _bit(size: TrunkSize, num_classes: int, global_pool: str) -> nn.Module:
    conv = partial(StdConv2d, eps=1e-8)
    network = ResNetV2(
        list(size.depths),
        channels=size.widths,
        num_classes=num_classes,
        global_pool=global_pool,
        stem_chs=size.stem_width,
        stem_type="fixed",
        bottle_ratio=size.bottleneck_ratio,
        norm_layer=partial(GroupNormAct, num_groups=size.norm_groups),
        conv_layer=conv,
    )
    if not size.stem_pool:
        padding = (size.stem_kernel - size.stem_stride + 1) // 2
        first = conv(3, size.stem_width, size.stem_kernel, stride=size.stem_stride, padding=padding)
        network.stem = nn.Sequential(OrderedDict(conv=first))
        network.init_weights(zero_init_last=False)
    return network


def _wrapped_by_us(spec: ModelSpec, size: TimmSize, num_classes: int, image_size: int) -> nn.Module:
    """Build the network of timm that our model wraps, with timm's head."""
    arguments: dict[str, Any] = {} if size.depths is None else {"depths": size.depths}
    if spec.family == "hybrid":
        arguments["img_size"] = image_size
    elif spec.option("stem") == "cifar":
        arguments["patch_size"] = 1
    return timm.create_model(size.architecture, num_classes=num_classes, **arguments)
