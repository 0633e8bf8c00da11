"""The ViT against the paper and timm; its tokenizers, positions and poolings have tests of their own."""

import math

import pytest
import timm
import torch
from torch import Tensor

import models
from models.layers.attention import Attention
from models.layers.patches import LinearPatches
from models.layers.position import Position
from models.spec.options import PLACES_OF_POSITION
from models.vit import Block

POSITIONS = [
    f"pos={pos},pos_at={place}"
    for pos in ("learned-1d", "learned-2d", "sincos-1d", "sincos-2d", "relative", "rope-2d", "conditional")
    for place in PLACES_OF_POSITION[pos]
]
TIMM_VITS = [
    ("vit_tiny/16", "vit_tiny_patch16_224"),
    ("vit_small/16", "vit_small_patch16_224"),
    ("vit_base/16", "vit_base_patch16_224"),
]


def randomise(model: torch.nn.Module, scale: float = 0.3) -> None:
    """Move every weight far from its initial value: blocks that start at zero hide what is wrong in them."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))


def randomised(name: str, image_size: int = 32) -> models.Classifier:
    """A model in float64 whose every weight is far from its initial value."""
    model = models.build(name, image_size=image_size, seed=0).double().eval()
    randomise(model)
    return model


def images(image_size: int = 32, batch: int = 3) -> Tensor:
    shape = (batch, 3, image_size, image_size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def shuffle_patches(pictures: Tensor, patch: int) -> Tensor:
    """The same patches in another arrangement."""
    batch, channels, size, _ = pictures.shape
    side = size // patch
    tiles = pictures.reshape(batch, channels, side, patch, side, patch).permute(2, 4, 0, 1, 3, 5).flatten(0, 1)
    tiles = tiles[torch.randperm(side * side, generator=torch.Generator().manual_seed(3))]
    return tiles.reshape(side, side, batch, channels, patch, patch).permute(2, 3, 0, 4, 1, 5).reshape(pictures.shape)


@pytest.mark.parametrize("options", ["", ",pool=gap", ",pool=seq", ",pool=map", ",registers=2,tokenizer=linear"])
def test_without_positions_the_arrangement_of_patches_is_invisible(options: str) -> None:
    model, pictures = randomised(f"vit_pico/8:pos=none{options}"), images()
    torch.testing.assert_close(model(shuffle_patches(pictures, 8)), model(pictures), rtol=0, atol=1e-9)


@pytest.mark.parametrize("options", POSITIONS)
def test_with_positions_the_arrangement_shows(options: str) -> None:
    model, pictures = randomised(f"vit_pico/8:{options}"), images()
    assert (model(shuffle_patches(pictures, 8)) - model(pictures)).abs().max() > 1e-3


def test_stride_equal_to_patch_is_the_non_overlapping_model() -> None:
    plain, strided = (models.build(name, seed=0) for name in ("vit_pico/8", "vit_pico/8:stride=8,padding=0"))
    pictures = images().float()
    assert torch.equal(plain(pictures), strided(pictures))
    blocks = pictures.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 1, 4, 5).reshape(3, 16, 192)
    tokenizer = strided.patch_embed
    assert isinstance(tokenizer, LinearPatches)
    by_hand = blocks @ tokenizer.proj.weight.flatten(1).T + tokenizer.proj.bias
    torch.testing.assert_close(tokenizer(pictures), by_hand)


@pytest.mark.parametrize(("ours_name", "theirs_name"), TIMM_VITS)
def test_logits_equal_timm_s_at_224_pixels(ours_name: str, theirs_name: str) -> None:
    """Float32, whole depth, on the same randomised weights: within 1e-5 of the logits' scale."""
    theirs = timm.create_model(theirs_name, num_classes=10).eval()
    randomise(theirs, scale=0.02)
    ours = models.build(ours_name, num_classes=10, image_size=224).eval()
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    pictures = images(224, batch=1).float()
    with torch.no_grad():
        one, other = ours(pictures), theirs(pictures)
    assert (one - other).abs().max() < 1e-5 * other.abs().max()


@pytest.mark.parametrize(
    ("options", "theirs"),
    [
        ("", {}),
        (":registers=4", {"reg_tokens": 4}),
        (":layer_scale=0.1", {"init_values": 0.1}),
        (":pool=map", {"global_pool": "map", "class_token": False}),
        (":pool=gap", {"global_pool": "avg", "class_token": False, "fc_norm": False}),
    ],
)
def test_options_equal_timm_s_exactly(options: str, theirs: dict[str, object]) -> None:
    theirs_model = timm.create_model("vit_tiny_patch16_224", num_classes=10, img_size=32, depth=3, **theirs)
    theirs_model = theirs_model.double().eval()
    randomise(theirs_model, scale=0.2)
    depth = "depth=3" if not options else f"{options[1:]},depth=3"
    ours = models.build(f"vit_tiny/16:{depth}").double().eval()
    ours.load_state_dict(theirs_model.state_dict())
    torch.testing.assert_close(ours(images()), theirs_model(images()), rtol=1e-9, atol=1e-9)


def test_gradients_equal_timm_s() -> None:
    theirs = timm.create_model("vit_tiny_patch16_224", num_classes=10, img_size=32, depth=3).double()
    randomise(theirs, scale=0.2)
    ours = models.build("vit_tiny/16:depth=3").double()
    ours.load_state_dict(theirs.state_dict())
    for model in (ours, theirs):
        model(images()).square().sum().backward()
    expected = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-7, atol=1e-7)


def test_drop_path_grows_over_the_layers_and_is_absent_in_evaluation() -> None:
    model = models.build("vit_pico/8:drop_path=0.3", seed=0)
    rates = [getattr(block.drop_path, "drop_prob", 0.0) for block in model.blocks]  # type: ignore[union-attr]
    assert rates == pytest.approx([0.0, 0.1, 0.2, 0.3])
    pictures = images().float()
    plain = models.build("vit_pico/8", seed=0)
    assert torch.equal(model.eval()(pictures), plain(pictures))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert not torch.equal(model.train()(pictures), plain(pictures))


@pytest.mark.parametrize("shape", [(35, 35), (64, 16), (64, 64)])
def test_images_of_another_size_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"images of {shape[0]}x{shape[1]} pixels for a model built for 32x32"):
        models.build("vit_pico/8", seed=0)(torch.zeros(1, 3, *shape))


def test_depth_counts_blocks() -> None:
    assert len(models.build("vit_small/16:depth=2").blocks) == 2  # type: ignore[arg-type]
    assert len(models.build("r_pico+vit_pico/8:depth=3").blocks) == 3  # type: ignore[arg-type]


def test_the_lite_block_normalises_the_stream() -> None:
    size = models.parse_spec("vit_lite7/4").kind.size
    block = Block(size).double()  # type: ignore[arg-type]
    randomise(block)
    tokens = torch.randn(2, 5, 256, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    after = tokens + block.attn(block.norm1(tokens), Position(), 0)
    stream = block.norm2(after)
    torch.testing.assert_close(block(tokens, Position(), 0), stream + block.mlp(stream))
    assert block.attn.qkv.bias is None


def test_attention_equals_plain_softmax() -> None:
    attention = Attention(width=8, heads=2).double()
    tokens = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    query, key, value = attention.qkv(tokens).chunk(3, dim=-1)
    mixed = []
    for head in range(2):
        own = slice(4 * head, 4 * head + 4)
        scores = query[..., own] @ key[..., own].transpose(1, 2) / math.sqrt(4)
        mixed.append(scores.softmax(dim=-1) @ value[..., own])
    torch.testing.assert_close(attention(tokens, Position(), 0), attention.proj(torch.cat(mixed, dim=-1)))


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(models.SpecError, match="3 heads don't divide a width of 8; heads may be a divisor of it"):
        Attention(width=8, heads=3)


def test_initial_weights_are_the_paper_s() -> None:
    weights = models.build("vit_nano/8", seed=0).state_dict()
    for third in weights["blocks.0.attn.qkv.weight"].chunk(3):  # Xavier uniform: +- sqrt(6 / (inputs + outputs))
        assert float(third.abs().max()) == pytest.approx(math.sqrt(6 / (128 + 128)), rel=0.01)
    assert float(weights["blocks.0.mlp.fc1.weight"].abs().max()) == pytest.approx(math.sqrt(6 / (128 + 512)), rel=0.01)
    assert float(weights["patch_embed.proj.weight"].std()) == pytest.approx(192**-0.5, rel=0.02)
    assert float(weights["pos_embed"].std()) == pytest.approx(0.02, rel=0.1)
    assert not [name for name, value in weights.items() if name.endswith("bias") and value.any()]
