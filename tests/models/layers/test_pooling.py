"""Poolings against plain loops, in float64: which tokens make the feature, and how."""

import math

import pytest
import torch
from torch import Tensor

import models
from models.spec.options import POOLINGS
from tests.models.reference import close, images, linear, normalised, perceived, randomised

WIDTH, HEADS = 64, 4  # vit_pico's


pytestmark = pytest.mark.usefixtures("in_float64")


@pytest.mark.parametrize("registers", [0, 2])
@pytest.mark.parametrize("pool", POOLINGS)
def test_the_feature_is_made_of_normalised_tokens_without_registers(pool: str, registers: int) -> None:
    model = randomised(models.build(f"vit_pico/8:depth=2,pool={pool},registers={registers}", image_size=24, seed=0))
    last: list[Tensor] = []
    model.blocks[-1].register_forward_hook(lambda _module, _inputs, tokens: last.append(tokens.detach()))  # type: ignore[index, union-attr]
    features = model.features(images(24)).detach()
    prefix = (pool == "cls") + registers
    assert last[0].shape == (2, prefix + 9, WIDTH)
    weights = model.state_dict()
    for tokens, feature in zip(last[0], features, strict=True):
        normed = torch.stack([normalised(weights, "norm", token) for token in tokens])
        patches = normed[prefix:]
        match pool:
            case "cls":
                expected = normed[0]
            case "gap":
                expected = sum(patches, torch.zeros(WIDTH)) / 9
            case "seq":
                scores = patches @ weights["attn_pool.score.weight"][0] + weights["attn_pool.score.bias"]
                shares = [math.exp(score) / sum(map(math.exp, scores.tolist())) for score in scores.tolist()]
                expected = sum(
                    (share * patch for share, patch in zip(shares, patches, strict=True)), torch.zeros(WIDTH)
                )
            case _:
                own = {key.removeprefix("attn_pool."): value for key, value in weights.items()}
                expected = attended_by_one_query(own, patches, HEADS)
        close(feature, expected)


def test_registers_are_read_by_the_layers() -> None:
    model = randomised(models.build("vit_pico/8:depth=2,pool=gap,registers=2", image_size=24, seed=0))
    before = model.features(images(24))
    with torch.no_grad():
        model.reg_token.mul_(-1.0)  # type: ignore[operator, union-attr]
    assert (model.features(images(24)) - before).abs().max() > 1e-3


def test_only_the_class_pooling_has_a_class_token() -> None:
    for pool in POOLINGS:
        weights = models.build(f"vit_pico/8:pool={pool},registers=2", image_size=24).state_dict()
        assert ("cls_token" in weights) == (pool == "cls")
        assert weights["pos_embed"].shape == (1, (pool == "cls") + 2 + 9, WIDTH)
        assert bool([key for key in weights if key.startswith("attn_pool.")]) == (pool in ("map", "seq"))


def test_the_class_token_stands_before_the_registers() -> None:
    model = models.build("vit_pico/8:depth=1,registers=2,pos=none", image_size=24, seed=0)
    first: list[Tensor] = []
    model.blocks[0].register_forward_pre_hook(lambda _module, inputs: first.append(inputs[0]))  # type: ignore[index, union-attr]
    randomised(model).features(images(24))
    weights = model.state_dict()
    assert torch.equal(first[0][1, :3], torch.cat([weights["cls_token"][0], weights["reg_token"][0]]))
    assert torch.equal(first[0][0, :3], first[0][1, :3])


def attended_by_one_query(weights: dict[str, Tensor], patches: Tensor, heads: int) -> Tensor:
    """One picture's patches (patches, width) -> (width,)."""
    width = patches.shape[1]
    head_width = width // heads
    query = linear(weights, "q", weights["latent"][0, 0])
    pairs = [linear(weights, "kv", patch) for patch in patches]
    mixed = torch.zeros(width)
    for head in range(heads):
        own = slice(head * head_width, (head + 1) * head_width)
        scores = [float(query[own] @ pair[:width][own]) / math.sqrt(head_width) for pair in pairs]
        total = sum(math.exp(score) for score in scores)
        for score, pair in zip(scores, pairs, strict=True):
            mixed[own] += math.exp(score) / total * pair[width:][own]
    mixed = linear(weights, "proj", mixed)
    return mixed + perceived(weights, "mlp", normalised(weights, "norm", mixed))
