"""The ViT against the paper, plain loops and timm."""

import math

import pytest
import timm
import torch
from torch import Tensor

import models
from models.patches import LinearPatches
from models.position import sincos_2d
from models.vit import Attention


def randomised(name: str, image_size: int = 32) -> models.Classifier:
    """A model in float64 whose every weight is far from its initial value."""
    model = models.build(name, image_size=image_size, seed=0).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


def images(image_size: int = 32) -> Tensor:
    return torch.randn(3, 3, image_size, image_size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def shuffle_patches(pictures: Tensor, patch: int) -> Tensor:
    """The same patches in another arrangement."""
    batch, channels, size, _ = pictures.shape
    side = size // patch
    tiles = pictures.reshape(batch, channels, side, patch, side, patch).permute(2, 4, 0, 1, 3, 5).flatten(0, 1)
    tiles = tiles[torch.randperm(side * side, generator=torch.Generator().manual_seed(3))]
    return tiles.reshape(side, side, batch, channels, patch, patch).permute(2, 3, 0, 4, 1, 5).reshape(pictures.shape)


def test_without_positions_the_arrangement_of_patches_is_invisible() -> None:
    model, pictures = randomised("vit_pico/8:pos=none"), images()
    torch.testing.assert_close(model(shuffle_patches(pictures, 8)), model(pictures), rtol=0, atol=1e-9)


@pytest.mark.parametrize("pos", ["learned-1d", "sincos-2d"])
def test_with_positions_the_arrangement_shows(pos: str) -> None:
    model, pictures = randomised(f"vit_pico/8:pos={pos}"), images()
    assert (model(shuffle_patches(pictures, 8)) - model(pictures)).abs().max() > 1e-3


def test_the_article_s_example_gives_9_tokens_of_768_numbers() -> None:
    patches = LinearPatches(width=64, patch=16, stride=16, padding=0)
    assert patches(torch.zeros(1, 3, 48, 48)).shape == (1, 9, 64)
    assert patches.proj.weight[0].numel() == 768


@pytest.mark.parametrize(("patch", "stride", "padding"), [(8, 8, 0), (8, 4, 0), (16, 8, 4)])
def test_patches_equal_cutting_flattening_and_one_linear_map(patch: int, stride: int, padding: int) -> None:
    tokenizer = LinearPatches(16, patch, stride, padding).double()
    pictures = images()
    padded = torch.nn.functional.pad(pictures, (padding,) * 4)
    starts = range(0, padded.shape[-1] - patch + 1, stride)
    weight = tokenizer.proj.weight.flatten(1)
    assert tokenizer.proj.bias is not None
    rows = [
        padded[:, :, top : top + patch, left : left + patch].flatten(1) @ weight.T + tokenizer.proj.bias
        for top in starts
        for left in starts
    ]
    torch.testing.assert_close(tokenizer(pictures), torch.stack(rows, dim=1))


def test_stride_equal_to_patch_is_the_non_overlapping_model() -> None:
    plain, strided = (models.build(name, seed=0) for name in ("vit_pico/8", "vit_pico/8:stride=8,padding=0"))
    pictures = images().float()
    assert torch.equal(plain(pictures), strided(pictures))
    blocks = pictures.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 1, 4, 5).reshape(3, 16, 192)
    proj = plain.patch_embed.proj  # type: ignore[union-attr]
    by_hand = blocks @ proj.weight.flatten(1).T + proj.bias  # type: ignore[union-attr, operator]
    torch.testing.assert_close(strided.patch_embed(pictures), by_hand)  # type: ignore[operator]


def test_sincos_2d_equals_plain_loops() -> None:
    side, width = 3, 16
    table = sincos_2d(side, width)
    assert not table[0, 0].any()
    for row in range(side):
        for column in range(side):
            quarters: list[float] = []
            for place, wave in [(column, math.sin), (column, math.cos), (row, math.sin), (row, math.cos)]:
                quarters += [wave(place / 10000 ** (i / (width // 4))) for i in range(width // 4)]
            torch.testing.assert_close(table[0, 1 + row * side + column], torch.tensor(quarters))


def test_sincos_2d_refuses_a_width_that_has_no_quarters() -> None:
    with pytest.raises(ValueError, match="4 divides, not 6"):
        sincos_2d(2, 6)


def test_positions_cost_what_they_should() -> None:
    none, learned, computed = (
        models.count(f"vit_pico/8:pos={pos}").parameters for pos in ("none", "learned-1d", "sincos-2d")
    )
    assert learned - none == 17 * 64
    assert computed == none
    assert "pos_embed" not in models.build("vit_pico/8:pos=sincos-2d").state_dict()


def test_attention_equals_plain_softmax() -> None:
    attention = Attention(width=8, heads=2).double()
    tokens = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    query, key, value = attention.qkv(tokens).chunk(3, dim=-1)
    mixed = []
    for head in range(2):
        own = slice(4 * head, 4 * head + 4)
        scores = query[..., own] @ key[..., own].transpose(1, 2) / math.sqrt(4)
        mixed.append(scores.softmax(dim=-1) @ value[..., own])
    torch.testing.assert_close(attention(tokens), attention.proj(torch.cat(mixed, dim=-1)))


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match="3 heads don't divide a width of 8"):
        Attention(width=8, heads=3)


def test_logits_equal_timm_s_on_its_weights() -> None:
    theirs = timm.create_model("vit_tiny_patch16_224", num_classes=10, img_size=32, depth=3).double().eval()
    ours = models.build("vit_tiny/16").double().eval()
    ours.blocks = ours.blocks[:3]  # type: ignore[index]
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(images()), theirs(images()), rtol=1e-9, atol=1e-9)


def test_initial_weights_are_the_paper_s() -> None:
    weights = models.build("vit_nano/8", seed=0).state_dict()
    for third in weights["blocks.0.attn.qkv.weight"].chunk(3):  # Xavier uniform: +- sqrt(6 / (inputs + outputs))
        assert float(third.abs().max()) == pytest.approx(math.sqrt(6 / (128 + 128)), rel=0.01)
    assert float(weights["blocks.0.mlp.fc1.weight"].abs().max()) == pytest.approx(math.sqrt(6 / (128 + 512)), rel=0.01)
    assert float(weights["patch_embed.proj.weight"].std()) == pytest.approx(192**-0.5, rel=0.02)
    assert float(weights["pos_embed"].std()) == pytest.approx(0.02, rel=0.1)
    assert not [name for name, value in weights.items() if name.endswith("bias") and value.any()]
