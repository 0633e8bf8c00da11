"""The ViT against the paper and timm; its tokenizers, positions and poolings have tests of their own."""

import math

import pytest
import timm
import torch

import models
from models.layers.attention import Attention
from tests.models.reference import close_by_scale, images, randomised

TIMM_VITS = [
    ("vit_tiny/16", "vit_tiny_patch16_224"),
    pytest.param("vit_small/16", "vit_small_patch16_224", marks=pytest.mark.slow),
    pytest.param("vit_base/16", "vit_base_patch16_224", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("ours_name", "theirs_name"), TIMM_VITS)
def test_logits_equal_timm_s_at_224_pixels(ours_name: str, theirs_name: str) -> None:
    """Float32, whole depth, on the same randomised weights: within 1e-5 of the logits' scale."""
    theirs = timm.create_model(theirs_name, num_classes=10).eval()
    randomised(theirs, scale=0.02)
    ours = models.build(ours_name, num_classes=10, image_size=224).eval()
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    pictures = images(224, batch=1).float()
    with torch.no_grad():
        close_by_scale(ours(pictures), theirs(pictures), 1e-5)


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
    randomised(theirs_model)
    depth = "depth=3" if not options else f"{options[1:]},depth=3"
    ours = models.build(f"vit_tiny/16:{depth}").double().eval()
    ours.load_state_dict(theirs_model.state_dict())
    torch.testing.assert_close(ours(images(32)), theirs_model(images(32)), rtol=1e-9, atol=1e-9)


def test_drop_path_grows_over_the_layers_and_is_absent_in_evaluation() -> None:
    model = models.build("vit_pico/8:drop_path=0.3", seed=0)
    rates = [getattr(block.drop_path, "drop_prob", 0.0) for block in model.blocks]  # type: ignore[union-attr]
    assert rates == pytest.approx([0.0, 0.1, 0.2, 0.3])
    pictures = images(32).float()
    plain = models.build("vit_pico/8", seed=0)
    assert torch.equal(model.eval()(pictures), plain(pictures))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert not torch.equal(model.train()(pictures), plain(pictures))


@pytest.mark.parametrize("shape", [(35, 35), (64, 16), (64, 64)])
def test_images_of_another_size_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"images of {shape[0]}x{shape[1]} pixels for a model built for 32x32"):
        models.build("vit_pico/8", seed=0)(torch.zeros(1, 3, *shape))


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(
        models.SpecError, match="3 heads don't divide a width of 8; the number of heads must divide the width"
    ):
        Attention(width=8, heads=3)


def test_initial_weights_are_the_paper_s() -> None:
    weights = models.build("vit_nano/8", seed=0).state_dict()
    for third in weights["blocks.0.attn.qkv.weight"].chunk(3):  # Xavier uniform: +- sqrt(6 / (inputs + outputs))
        assert float(third.abs().max()) == pytest.approx(math.sqrt(6 / (128 + 128)), rel=0.01)
    assert float(weights["blocks.0.mlp.fc1.weight"].abs().max()) == pytest.approx(math.sqrt(6 / (128 + 512)), rel=0.01)
    assert float(weights["patch_embed.proj.weight"].std()) == pytest.approx(192**-0.5, rel=0.02)
    assert float(weights["pos_embed"].std()) == pytest.approx(0.02, rel=0.1)
    assert not [name for name, value in weights.items() if name.endswith("bias") and value.any()]
