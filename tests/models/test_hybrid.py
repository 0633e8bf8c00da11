"""Hybrids: against plain references, timm's networks on the same weights and published sizes; other image sizes."""

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import models
from models.hybrid import TrunkPatches
from models.shapes import shapes_only
from models.spec.presets import PRESETS
from models.spec.sizes import CompactSize, EncoderSize, HybridSize
from models.weights import load_weights
from tests.models.reference import (
    Weights,
    close,
    close_by_scale,
    images,
    linear,
    normalised,
    perceived,
    randomised,
    stretching,
)

INTERLEAVED = {"coatnet_0": "coatnet_0_224", "maxvit_tiny": "maxvit_tiny_tf_224"}
PAPER_TRUNKS = {
    "r26+vit_small/32": "vit_small_r26_s32_224",
    "r50+vit_base/16": "vit_base_r50_s16_224",
    "r50+vit_large/32": "vit_large_r50_s32_224",
}
BY_SIZE = ["botnet50", *INTERLEAVED]
"""Hybrids behind a network of timm's, whose tables of offsets depend on the image size."""


@pytest.fixture(scope="module", autouse=True)
def forget_models() -> Iterator[None]:
    """What is built once for several tests goes with the last of them."""
    yield
    built.cache_clear()
    botnet.cache_clear()


# Compact Transformers


@pytest.mark.parametrize(
    "name", ["cct_7/3x1:depth=2", "cct_2/3x2", "vit_lite7/4:depth=2", "vit_lite7/4:depth=2,pool=seq"]
)
def test_a_compact_transformer_equals_its_paper_s_steps(name: str) -> None:
    model = randomised(models.build(name, image_size=16, seed=0).double(), scale=None)
    expected = compact_logits(model.state_dict(), model_heads(name), images(16))
    close(model(images(16)).detach(), expected)


# A trunk before an encoder


@pytest.mark.parametrize(("patch", "cells"), [(4, 1), (8, 2), (16, 4)])
def test_a_trunk_s_map_is_cut_into_squares_of_cells_row_by_row(patch: int, cells: int) -> None:
    tokenizer = models.build(f"r_pico+vit_pico/{patch}", seed=0).patch_embed
    assert isinstance(tokenizer, TrunkPatches)
    tokenizer = randomised(tokenizer.double(), scale=None)
    grid = tokenizer.backbone(images(32))
    assert grid.shape == (2, 32, 8, 8)
    kernel, bias = tokenizer.proj.weight.flatten(1), tokenizer.proj.bias
    tokens = [
        grid[:, :, top : top + cells, left : left + cells].flatten(1) @ kernel.T + bias
        for top in range(0, 8, cells)
        for left in range(0, 8, cells)
    ]
    close(tokenizer(images(32)), torch.stack(tokens, dim=1))


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if isinstance(preset.size, HybridSize)])
def test_the_trunk_s_stride_is_its_map_s(name: str) -> None:
    size = PRESETS[name].size
    assert isinstance(size, HybridSize)
    with shapes_only():
        tokenizer = models.build(f"{name}/{PRESETS[name].patch}", image_size=64).patch_embed
        assert isinstance(tokenizer, TrunkPatches)
        cells = tokenizer.backbone(torch.empty(1, 3, 64, 64))
    assert cells.shape[2:] == (64 // size.trunk.stride, 64 // size.trunk.stride)


@pytest.mark.parametrize("ours", ["r26+vit_small/32", pytest.param("r50+vit_base/16", marks=pytest.mark.slow)])
def test_the_paper_s_hybrids_equal_timm_s_on_its_weights(ours: str) -> None:
    """Float32, whole depth, 224 pixels: within 1e-5 of the logits' scale."""
    theirs = randomised(timm.create_model(PAPER_TRUNKS[ours], num_classes=10), scale=None).eval()
    model = models.build(ours, image_size=224).eval()
    model.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(model.state_dict())
    with torch.no_grad():
        pictures = images(224, batch=1, dtype=torch.float32)
        close_by_scale(model(pictures), theirs(pictures), 1e-5)


@pytest.mark.parametrize(("ours", "theirs"), PAPER_TRUNKS.items())
def test_the_paper_s_hybrids_have_all_of_timm_s_weights_and_no_others(ours: str, theirs: str) -> None:
    with shapes_only():
        model = models.build(ours, num_classes=1000, image_size=224)
        expected = shapes(timm.create_model(theirs, num_classes=1000))
    assert shapes(model) == expected


# BoTNet


def test_botnet50_has_the_paper_s_20_8_million_parameters() -> None:
    """ResNet-50's, of which the paper says 25.5 million, but for three convolutions; two tables of offsets a block."""
    resnet, botnet = (
        models.count(name, num_classes=1000, image_size=224).parameters for name in ("resnet50", "botnet50")
    )
    tables = 2 * 128 * ((2 * 14 - 1) + 2 * (2 * 7 - 1))
    assert botnet == resnet - 3 * 9 * 512**2 + 3 * 3 * 512**2 + tables
    assert (resnet // 10**5, botnet // 10**5) == (255, 208)


def test_botnet50_is_a_resnet50_up_to_its_last_stage() -> None:
    """On the same weights its map before the last stage is torchvision's."""
    body = botnet().body
    resnet = models.build("resnet50").body.double().eval()  # type: ignore[operator, union-attr]
    weights = {
        key: body.state_dict()[botnet_s_name(key)] for key in resnet.state_dict() if not key.startswith("layer4")
    }
    loaded = resnet.load_state_dict(weights, strict=False)
    assert all(key.startswith("layer4") for key in loaded.missing_keys)
    assert not loaded.unexpected_keys
    with torch.no_grad():
        cells = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(images(96)))))
        expected = resnet.layer3(resnet.layer2(resnet.layer1(cells)))
        cells = body.stages[:3](body.stem(images(96)))
    assert cells.shape == (2, 1024, 6, 6)
    close_by_scale(cells, expected, 1e-9)


@pytest.mark.parametrize(("block", "side"), [(0, 6), (1, 3)])
def test_botnet_s_attention_equals_loops_over_positions(block: int, side: int) -> None:
    """The first block's attends to the finer map and halves it by a mean of 2x2. Both terms are scaled."""
    attention = botnet().body.stages[3][block].self_attn
    cells = torch.randn(1, 512, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    weights = attention.state_dict()
    by_place = [
        weights["qkv.weight"][:, :, 0, 0] @ cells[0, :, row, column] for row in range(side) for column in range(side)
    ]
    thirds = torch.stack(by_place).view(side**2, 3, 4, 128)
    expected = torch.zeros(4, 128, side, side, dtype=torch.float64)
    for head in range(4):
        for place in range(side**2):
            query = thirds[place, 0, head]
            scores = []
            for other in range(side**2):
                down, right = other // side - place // side, other % side - place % side
                offset = (
                    weights["pos_embed.height_rel"][down + side - 1] + weights["pos_embed.width_rel"][right + side - 1]
                )
                scores.append(query @ (thirds[other, 1, head] + offset) / math.sqrt(128))
            shares = torch.stack(scores).softmax(dim=0)
            expected[head, :, place // side, place % side] = shares @ thirds[:, 2, head]
    if block == 0:
        expected = expected.view(4, 128, side // 2, 2, side // 2, 2).mean(dim=(3, 5))
    close(attention(cells)[0], expected.flatten(0, 1))


# CoAtNet and MaxViT


@pytest.mark.parametrize(("ours", "theirs"), INTERLEAVED.items())
def test_interleaved_hybrids_equal_timm_s_on_its_weights(ours: str, theirs: str) -> None:
    network = randomised(timm.create_model(theirs, num_classes=10, img_size=64), scale=None).double().eval()
    model = models.build(ours, image_size=64).double().eval()
    weights = {f"body.{key}": value for key, value in network.state_dict().items()}
    weights |= {f"head.{part}": weights.pop(f"body.head.fc.{part}") for part in ("weight", "bias")}
    model.load_state_dict(weights)
    with torch.no_grad():
        close_by_scale(model(images(64)), network(images(64)), 1e-9)


# Maps for small images


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("botnet50", 32),
        ("botnet50:stem=cifar", 8),
        ("coatnet_0", 32),
        ("coatnet_0:stem=cifar", 16),
        ("maxvit_tiny", 32),
        ("maxvit_tiny:stem=cifar", 16),
    ],
)
def test_the_last_map_has_a_cell_of_so_many_pixels(name: str, step: int) -> None:
    with shapes_only():
        for image_size in (64, 96):
            model = models.build(name, image_size=image_size)
            cells = model.body.forward_features(torch.empty(1, 3, image_size, image_size))  # type: ignore[operator, union-attr]
            assert cells.shape[2:] == (image_size // step, image_size // step)


@pytest.mark.parametrize(
    "name",
    [
        *("bit_resnet_pico", "bit_resnet_nano", "resnet18:stem=cifar"),
        *("r_pico+vit_pico/8", "r_nano+vit_nano/8", "r_tiny+vit_tiny/4:depth=1", "r26+vit_small/32:depth=1"),
        *("cct_7/3x1:depth=1", "botnet50:stem=cifar", "coatnet_0:stem=cifar", "maxvit_tiny:stem=cifar"),
    ],
)
def test_every_pixel_reaches_the_features(name: str) -> None:
    """No stem, and no shortcut alone, may skip pixels for good; a branch that starts at zero is not for good."""
    model = randomised(models.build(name, seed=0), scale=None).eval()
    pictures = images(32)[:1].float().requires_grad_()
    model.features(pictures).square().sum().backward()
    assert pictures.grad is not None
    assert pictures.grad.isfinite().all()
    assert pictures.grad.ne(0).all()


# Another image size


@pytest.mark.parametrize(("before", "after"), [(64, 96), (96, 64)])
@pytest.mark.parametrize("name", BY_SIZE)
def test_weights_of_another_image_size_fit(name: str, before: int, after: int) -> None:
    """All but the tables of offsets stay."""
    old, new = built(name, before).state_dict(), models.build(name, image_size=after).eval()
    load_weights(new, old, "old weights")
    weights = new.state_dict()
    assert all(torch.equal(weights[key], old[key]) for key in old if not is_table(key))
    assert any(weights[key].shape != old[key].shape for key in filter(is_table, old))
    assert new(images(after).float()).isfinite().all()


@pytest.mark.parametrize(("before", "after"), [(64, 96), (96, 64)])
def test_botnet_s_tables_are_interpolated_along_their_axis(before: int, after: int) -> None:
    """As a picture that is constant along the other axis would be: bicubic, antialiased."""
    old, new = built("botnet50", before).state_dict(), models.build("botnet50", image_size=after)
    load_weights(new, old, "old weights")
    for key in filter(is_table, old):
        length = new.state_dict()[key].shape[0]
        pictures = old[key].T[None, :, :, None].expand(-1, -1, -1, 5)
        expected = F.interpolate(pictures, size=(length, 5), mode="bicubic", antialias=True)[0, :, :, 2].T
        torch.testing.assert_close(new.state_dict()[key], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("before", "after"), [(64, 96), (96, 64)])
@pytest.mark.parametrize("name", INTERLEAVED)
def test_tables_of_both_axes_are_stretched_so_that_the_largest_offsets_stay(name: str, before: int, after: int) -> None:
    old, new = built(name, before).state_dict(), models.build(name, image_size=after)
    load_weights(new, old, "old weights")
    for key in filter(is_table, old):
        table, resized = by_offset(old[key]), by_offset(new.state_dict()[key])
        stretch = stretching(table.shape[1], resized.shape[1])
        expected = torch.einsum("ir,jc,hrc->hij", stretch, stretch, table)
        torch.testing.assert_close(resized, expected, rtol=0, atol=2e-6)
        for place in (0, -1):
            torch.testing.assert_close(resized[:, place, place], table[:, place, place], rtol=0, atol=2e-6)


@pytest.mark.parametrize(("ours", "theirs"), [("coatnet_0", "maxvit_tiny"), ("botnet50", "coatnet_0")])
def test_weights_of_another_hybrid_are_refused(ours: str, theirs: str) -> None:
    with pytest.raises(models.SpecError, match=r"^theirs: [0-9]+ weights don't fit: body\."):
        load_weights(built(ours, 64), built(theirs, 64).state_dict(), "theirs")


# References


def compact_logits(weights: Weights, heads: int, pictures: Tensor) -> Tensor:
    """The Compact Transformers, step by step; a block's MLP is added to the normalised stream."""
    tokens = compact_tokens(weights, pictures)
    if "cls_token" in weights:
        tokens = torch.cat([weights["cls_token"].expand(len(tokens), -1, -1), tokens], dim=1)
    tokens = tokens + weights["pos_embed"]
    width, layer = tokens.shape[2], 0
    while (name := f"blocks.{layer}") + ".norm1.weight" in weights:
        normed = normalised(weights, f"{name}.norm1", tokens, epsilon=1e-5)
        query, key, value = (normed @ weights[f"{name}.attn.qkv.weight"].T).split(width, 2)
        mixed = []
        for own in torch.arange(width).chunk(heads):
            scores = query[..., own] @ key[..., own].transpose(1, 2) / math.sqrt(len(own))
            mixed.append(scores.softmax(dim=2) @ value[..., own])
        tokens = tokens + linear(weights, f"{name}.attn.proj", torch.cat(mixed, dim=2))
        tokens = normalised(weights, f"{name}.norm2", tokens, epsilon=1e-5)
        tokens = tokens + perceived(weights, f"{name}.mlp", tokens)
        layer += 1
    tokens = normalised(weights, "norm", tokens, epsilon=1e-5)
    feature = tokens[:, 0]
    if "attn_pool.score.weight" in weights:
        shares = linear(weights, "attn_pool.score", tokens)[:, :, 0].softmax(dim=1)
        feature = torch.stack([share @ own for share, own in zip(shares, tokens, strict=True)])
    return linear(weights, "head", feature)


def compact_tokens(weights: Weights, pictures: Tensor) -> Tensor:
    """By one linear map of patches, or by convolutions of stride 1, rectifiers and maxima of 3x3 cells."""
    if "patch_embed.proj.weight" in weights:
        kernel = weights["patch_embed.proj.weight"]
        grid = F.conv2d(pictures, kernel, weights["patch_embed.proj.bias"], stride=kernel.shape[2])
    else:
        grid = pictures
        for key in (key for key in weights if key.startswith("patch_embed.convs.")):
            grid = F.max_pool2d(F.relu(F.conv2d(grid, weights[key], padding=1)), 3, stride=2, padding=1)
    return torch.stack(
        [grid[:, :, row, column] for row in range(grid.shape[2]) for column in range(grid.shape[3])], dim=1
    )


def model_heads(name: str) -> int:
    size = models.parse_spec(name).kind.size
    encoder = size.encoder if isinstance(size, CompactSize) else size
    assert isinstance(encoder, EncoderSize)
    return encoder.heads


def by_offset(table: Tensor) -> Tensor:
    """(heads, rows, columns) of a table like that, or of one (rows * columns, heads)."""
    side = math.isqrt(len(table))
    return table if table.dim() == 3 else table.T.reshape(-1, side, side)


# Models and images


@cache
def botnet() -> Any:
    """A BoTNet-50 for images of 96 pixels, in float64 and randomised; it is not to be changed."""
    return randomised(models.build("botnet50", image_size=96, seed=0), scale=None).double().eval()


@cache
def built(name: str, image_size: int) -> models.Classifier:
    """A randomised model in float32; it is not to be changed."""
    return randomised(models.build(name, image_size=image_size, seed=0), scale=None).eval()


def is_table(key: str) -> bool:
    return key.endswith(("height_rel", "width_rel", "relative_position_bias_table"))


def botnet_s_name(key: str) -> str:
    """Of a weight of torchvision's ResNet."""
    name, _, parameter = key.rpartition(".")
    if not key.startswith("layer"):
        return {"conv1": "stem.conv1.conv.", "bn1": "stem.conv1.bn."}[name] + parameter
    stage, block, layer = name.split(".", 2)
    inner = {
        "conv1": "conv1_1x1.conv",
        "bn1": "conv1_1x1.bn",
        "conv2": "conv2_kxk.conv",
        "bn2": "conv2_kxk.bn",
        "conv3": "conv3_1x1.conv",
        "bn3": "conv3_1x1.bn",
        "downsample.0": "shortcut.conv",
        "downsample.1": "shortcut.bn",
    }
    return f"stages.{int(stage[-1]) - 1}.{block}.{inner[layer]}.{parameter}"


def shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in model.state_dict().items()}
