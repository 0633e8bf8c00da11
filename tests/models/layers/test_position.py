"""Positional encodings against plain loops: their whole effect in an encoder, their tables, and other image sizes.

Everything is in float64; where a table is interpolated, which torch and timm do in float32, tolerances say so.
"""

import math
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import models
from models.layers.attention import attend
from models.layers.position import Grid, build_position, relative_index
from models.spec.options import PLACES_OF_POSITION, POSITION_PLACES, POSITIONS
from models.weights import load_weights
from tests.models.reference import (
    Weights,
    close,
    images,
    linear,
    normalised,
    perceived,
    randomised,
    shuffled_patches,
    stretching,
)

WIDTH, HEADS, DEPTH, PATCH = 64, 4, 3, 8  # vit_pico's, but for the depth

CASES = [(pos, place) for pos in POSITIONS for place in PLACES_OF_POSITION[pos] or ("",)]
LEARNED = [case for case in CASES if case[0] in ("learned-1d", "learned-2d", "relative")]  # tables that depend on size
PREFIXES = {"pool=cls": 1, "pool=gap": 0, "pool=cls,registers=2": 3, "pool=gap,registers=2": 2}
SUMMED = ("learned-1d", "learned-2d", "sincos-1d", "sincos-2d")

pytestmark = pytest.mark.usefixtures("in_float64")


@dataclass(frozen=True)
class Told:
    """An encoding at a place, and all that the plain loops need to know of the encoder around it."""

    pos: str
    place: str
    side: int
    prefix: int
    weights: Weights


# The whole effect


@pytest.mark.parametrize("prefix", ["pool=cls,registers=2", "pool=gap"])
@pytest.mark.parametrize(("pos", "place"), CASES)
def test_an_encoder_with_the_encoding_equals_plain_loops(pos: str, place: str, prefix: str) -> None:
    model = built(named(pos, place, prefix), image_size=24)
    told = Told(pos, place, 3, PREFIXES[prefix], model.state_dict())
    pictures = images(24, batch=2)
    expected = torch.stack([feature_by_loops(told, picture) for picture in pictures])
    with torch.no_grad():
        close(model.features(pictures), expected)
    close(model.features(pictures).detach(), expected)  # while gradients are wanted, some kernels are others


@pytest.mark.parametrize("prefix", ["pool=cls,registers=1", "pool=gap", "pool=seq", "pool=map"])
def test_without_positions_the_arrangement_of_patches_is_invisible(prefix: str) -> None:
    model, pictures = built(named("none", "", prefix), 32), images(32, batch=2)
    close(model(shuffled_patches(pictures, PATCH)), model(pictures))


@pytest.mark.parametrize(("pos", "place"), CASES[1:])
def test_with_positions_the_arrangement_shows(pos: str, place: str) -> None:
    model, pictures = built(named(pos, place, "pool=cls"), 32), images(32, batch=2)
    assert (model(shuffled_patches(pictures, PATCH)) - model(pictures)).abs().max() > 1e-3


@pytest.mark.parametrize("prefix", ["pool=cls,registers=2", "pool=gap"])
@pytest.mark.parametrize(("pos", "place"), CASES)
def test_encodings_cost_what_their_tables_hold(pos: str, place: str, prefix: str) -> None:
    num_prefix, side = PREFIXES[prefix], 4
    of_one = {
        "learned-1d": (num_prefix + side**2) * WIDTH,
        "learned-2d": num_prefix * WIDTH + 2 * side * WIDTH // 2,
        "relative": ((2 * side - 1) ** 2 + (3 if num_prefix else 0)) * HEADS,
        "conditional": WIDTH * (3 * 3 + 1),
    }.get(pos, 0)
    with_encoding, without = (models.count(named(*which, prefix)).parameters for which in ((pos, place), ("none", "")))
    assert with_encoding - without == of_one * (DEPTH if place == "every-layer" else 1)


def test_learned_tables_start_small_and_tables_of_layers_apart() -> None:
    weights = models.build("vit_nano/8:pos=learned-2d,pos_at=every-layer", image_size=64, seed=0).state_dict()
    for name in ("prefix", "rows", "columns"):
        one, other = (weights[f"position.tables.{layer}.{name}"] for layer in (0, 1))
        assert float(torch.stack([one, other]).std()) == pytest.approx(0.02, rel=0.2)
        assert not torch.equal(one, other)


# Tables


@pytest.mark.parametrize("prefix", [0, 1, 3])
def test_the_index_of_offsets_equals_plain_loops(prefix: int) -> None:
    side = 3
    index = relative_index(Grid(side, prefix))
    assert index.shape == (prefix + 9, prefix + 9)
    for one in range(prefix + 9):
        for other in range(prefix + 9):
            assert index[one, other] == entry_of_offset(side, prefix, one, other)


def test_a_trained_bias_has_the_gradient_of_its_scores() -> None:
    generator = torch.Generator().manual_seed(1)
    query, key, value = (torch.randn(2, 2, 3, 4, generator=generator, requires_grad=True) for _ in range(3))
    bias = torch.randn(1, 2, 3, 3, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(attend, (query, key, value, bias))


# Refusals


@pytest.mark.parametrize(
    ("pos", "width", "message"),
    [
        ("learned-2d", 7, r"pos=learned-2d needs a width that 2 divides, not 7"),
        ("sincos-1d", 7, r"pos=sincos-1d needs a width that 2 divides, not 7"),
        ("sincos-2d", 6, r"pos=sincos-2d needs a width that 4 divides, not 6"),
        ("rope-2d", 6, r"pos=rope-2d needs heads of a width that 4 divides, not 6"),
    ],
)
def test_a_width_that_does_not_allow_the_encoding_is_refused(pos: str, width: int, message: str) -> None:
    with pytest.raises(models.SpecError, match=message):
        build_position(pos, PLACES_OF_POSITION[pos][0], Grid(2, prefix=1), width, 1, depth=1)


@pytest.mark.parametrize("pos", POSITIONS[1:])
def test_a_place_that_the_encoding_cannot_take_is_refused_with_those_it_can(pos: str) -> None:
    allowed = PLACES_OF_POSITION[pos]
    assert allowed
    for place in set(POSITION_PLACES) - set(allowed):
        with pytest.raises(models.SpecError) as error:
            models.parse_spec(f"vit_pico/8:pos={pos},pos_at={place}")
        assert f"with pos={pos} it may be {' | '.join(allowed)}" in str(error.value)


# Another image size


@pytest.mark.parametrize(("before", "after"), [(3, 5), (5, 3)])
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(("pos", "place"), [*LEARNED, *(case for case in CASES if case[0] == "conditional")])
def test_weights_of_another_image_size_are_resampled(
    pos: str, place: str, prefix: str, before: int, after: int
) -> None:
    name = named(pos, place, prefix)
    old, new = built(name, before * PATCH).state_dict(), models.build(name, image_size=after * PATCH)
    load_weights(new, old, "old weights")
    new_weights = new.state_dict()
    assert new_weights.keys() == old.keys()
    for key, tensor in old.items():
        expected = resampled_by_hand(key, tensor, PREFIXES[prefix], before, after)
        tolerance = 0.0 if expected is tensor else 2e-6  # of an interpolation in float32
        torch.testing.assert_close(
            new_weights[key], expected, rtol=0, atol=tolerance, msg=lambda text, key=key: f"{key}: {text}"
        )


def test_of_one_patch_the_offset_to_itself_is_left() -> None:
    table = torch.arange(28.0)[:, None]
    position = build_position("relative", "every-layer", Grid(1, 1), WIDTH, 1, 1)
    assert position.resized({"tables.0": table})["tables.0"].flatten().tolist() == [12, 25, 26, 27]


@pytest.mark.parametrize(("pos", "place"), LEARNED)
def test_at_the_same_size_tables_stay_as_they_are(pos: str, place: str) -> None:
    position = build_position(pos, place, Grid(4, prefix=2), WIDTH, HEADS, DEPTH)
    weights = {key: tensor.float() for key, tensor in position.state_dict().items()}
    resized = position.resized(weights)
    assert resized.keys() == weights.keys()
    assert all(torch.equal(resized[key], tensor) for key, tensor in weights.items())


@pytest.mark.parametrize("pos", ["none", "sincos-1d", "sincos-2d", "rope-2d", "conditional"])
def test_computed_encodings_are_those_of_the_new_image_size(pos: str) -> None:
    place = (PLACES_OF_POSITION[pos] or ("",))[-1]
    name = named(pos, place, "pool=cls")
    old, new = built(name, 24), models.build(name, image_size=32)
    load_weights(new, old.state_dict(), "old weights")
    picture = images(32, batch=1)
    expected = feature_by_loops(Told(pos, place, 4, 1, old.state_dict()), picture[0])
    close(new.features(picture)[0].detach(), expected)


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        ("pos=sincos-2d", "pos=learned-2d", "position.tables.0.rows: expected nothing, got"),
        ("pos=learned-2d", "pos=learned-2d,pos_at=every-layer", "position.tables.1.rows: expected nothing, got"),
        ("pos=learned-2d", "pos=relative", "position.tables.0: expected nothing, got"),
        ("pos=relative", "pos=conditional", "position.tables.0: expected .*, got nothing"),
        ("pos=relative", "pos=relative,pool=gap", "cls_token: expected .*, got nothing"),
        ("pos=relative,pool=gap", "pos=relative", "cls_token: expected nothing, got"),
        ("pool=cls", "pool=gap", "cls_token: expected .*, got nothing"),
        ("registers=2", "registers=1", "reg_token: expected .*1, 2, 64.*, got .*1, 1, 64"),
    ],
)
def test_weights_of_another_encoding_or_prefix_are_refused_by_name(ours: str, theirs: str, message: str) -> None:
    model, weights = (models.build(f"vit_pico/8:depth=2,{options}", image_size=48) for options in (ours, theirs))
    with pytest.raises(models.SpecError, match=rf"^theirs: .*{message}"):
        load_weights(model, weights.state_dict(), "theirs")


# The reference: one image, token by token


def feature_by_loops(told: Told, picture: Tensor) -> Tensor:
    """The feature (width,) of a picture (3, size, size)."""
    weights = told.weights
    tokens = [weights["cls_token"][0, 0]] if "cls_token" in weights else []
    tokens += list(weights["reg_token"][0]) if "reg_token" in weights else []
    assert len(tokens) == told.prefix
    kernel, bias = weights["patch_embed.proj.weight"].flatten(1), weights["patch_embed.proj.bias"]
    for row in range(told.side):
        for column in range(told.side):
            top, left = row * PATCH, column * PATCH
            tokens.append(kernel @ picture[:, top : top + PATCH, left : left + PATCH].flatten() + bias)
    for layer in range(DEPTH):
        tokens = [token + added(told, tokens, layer, number) for number, token in enumerate(tokens)]
        mixed = attended(told, [normalised(weights, f"blocks.{layer}.norm1", token) for token in tokens], layer)
        tokens = [token + new for token, new in zip(tokens, mixed, strict=True)]
        tokens = [
            token + perceived(weights, f"blocks.{layer}.mlp", normalised(weights, f"blocks.{layer}.norm2", token))
            for token in tokens
        ]
    last = [normalised(weights, "norm", token) for token in tokens]
    return last[0] if "cls_token" in weights else torch.stack(last[told.prefix :]).mean(dim=0)


def added(told: Told, tokens: list[Tensor], layer: int, number: int) -> Tensor:
    """What the encoding adds to a token before a layer."""
    nothing = torch.zeros(WIDTH)
    stands_here = {"input": layer == 0, "after-first-layer": layer == 1}.get(told.place, True)
    if not stands_here or told.pos not in (*SUMMED, "conditional"):
        return nothing
    patch, table = number - told.prefix, layer if told.place == "every-layer" else 0
    row, column = divmod(patch, told.side)
    weights = {key.removeprefix(f"position.tables.{table}."): value for key, value in told.weights.items()}
    match told.pos:
        case "learned-1d":
            return weights["pos_embed" if told.place == "input" else "table"][0, number]
        case "learned-2d" if patch < 0:
            return weights["prefix"][0, number]
        case "learned-2d":
            return torch.cat([weights["rows"][0, row], weights["columns"][0, column]])
        case _ if patch < 0:
            return nothing
        case "sincos-1d":
            return torch.tensor(waves(patch, WIDTH))
        case "sincos-2d":
            return torch.tensor(waves(column, WIDTH // 2) + waves(row, WIDTH // 2))
    kernel = told.weights[f"position.convolutions.{table}.weight"]
    total = told.weights[f"position.convolutions.{table}.bias"]
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            if 0 <= row + down < told.side and 0 <= column + right < told.side:
                neighbour = tokens[told.prefix + (row + down) * told.side + column + right]
                total = total + kernel[:, 0, 1 + down, 1 + right] * neighbour
    return total


def waves(place: int, width: int) -> list[float]:
    """Sines, then cosines, of a place."""
    angles = [place / 10000 ** (2 * i / width) for i in range(width // 2)]
    return [*map(math.sin, angles), *map(math.cos, angles)]


def attended(told: Told, tokens: list[Tensor], layer: int) -> list[Tensor]:
    """Self-attention of one layer, query by query and head by head."""
    name, head_width = f"blocks.{layer}.attn", WIDTH // HEADS
    rows = [linear(told.weights, f"{name}.qkv", token) for token in tokens]
    thirds = [row.reshape(3, HEADS, head_width) for row in rows]
    out = []
    for query in range(len(tokens)):
        heads = []
        for head in range(HEADS):
            asked = turned(told, thirds[query][0, head], query)
            keys = [turned(told, third[1, head], key) for key, third in enumerate(thirds)]
            scores = [
                float(asked @ key) / math.sqrt(head_width) + bias_by_loops(told, layer, head, query, number)
                for number, key in enumerate(keys)
            ]
            largest = max(scores)
            exponents = [math.exp(score - largest) for score in scores]
            heads.append(
                sum(
                    (e / sum(exponents) * third[2, head] for e, third in zip(exponents, thirds, strict=True)),
                    torch.zeros(head_width),
                )
            )
        out.append(linear(told.weights, f"{name}.proj", torch.cat(heads)))
    return out


def turned(told: Told, vector: Tensor, token: int) -> Tensor:
    return turned_by_loops(vector, told.side, token - told.prefix) if told.pos == "rope-2d" else vector


def turned_by_loops(vector: Tensor, side: int, patch: int) -> Tensor:
    """Pairs (i, i + half): the first quarter of the width by the column, the second by the row."""
    if patch < 0:
        return vector
    half, quarter = len(vector) // 2, len(vector) // 4
    numbers, out = vector.tolist(), [0.0] * len(vector)
    for i in range(half):
        place = patch % side if i < quarter else patch // side
        angle = place * 100 ** -((i % quarter) / quarter)
        out[i] = numbers[i] * math.cos(angle) - numbers[half + i] * math.sin(angle)
        out[half + i] = numbers[i] * math.sin(angle) + numbers[half + i] * math.cos(angle)
    return torch.tensor(out)


def bias_by_loops(told: Told, layer: int, head: int, query: int, key: int) -> float:
    if told.pos != "relative":
        return 0.0
    table = told.weights[f"position.tables.{layer if told.place == 'every-layer' else 0}"]
    return float(table[entry_of_offset(told.side, told.prefix, query, key), head])


def entry_of_offset(side: int, prefix: int, one: int, other: int) -> int:
    """BEiT's order: all offsets of patches, then from a prefix token, to a prefix token, among prefix tokens."""
    num_offsets = (2 * side - 1) ** 2
    if one < prefix or other < prefix:
        return num_offsets + {(True, False): 0, (False, True): 1, (True, True): 2}[one < prefix, other < prefix]
    (row, column), (other_row, other_column) = divmod(one - prefix, side), divmod(other - prefix, side)
    return (row - other_row + side - 1) * (2 * side - 1) + column - other_column + side - 1


# The reference: tables for another image size


def resampled_by_hand(name: str, tensor: Tensor, num_prefix: int, before: int, after: int) -> Tensor:
    """A weight of a model with `before` patches a side as one with `after` shall have it; no table: as it is."""
    if name == "pos_embed" or name.endswith(".table"):
        prefix, patches = tensor.split([num_prefix, before**2], dim=1)
        return torch.cat([prefix, resampled_grid(patches.view(before, before, -1), after).view(1, after**2, -1)], dim=1)
    if name.endswith(".rows"):  # a row's vector is the same in every column, and so it is in a larger grid
        return resampled_grid(tensor[0, :, None].expand(-1, before, -1), after)[None, :, 0]
    if name.endswith(".columns"):
        return resampled_grid(tensor[0, None].expand(before, -1, -1), after)[None, 0]
    if name.startswith("position.tables.") and tensor.dim() == 2:
        offsets, extra = tensor.split([(2 * before - 1) ** 2, 3 if num_prefix else 0])
        stretch = stretching(2 * before - 1, 2 * after - 1)
        square = offsets.view(2 * before - 1, 2 * before - 1, HEADS)
        return torch.cat([torch.einsum("ir,jc,rch->ijh", stretch, stretch, square).reshape(-1, HEADS), extra])
    return tensor


def resampled_grid(grid: Tensor, side: int) -> Tensor:
    """(rows, columns, width) -> (side, side, width), bicubic with antialiasing."""
    pictures = F.interpolate(grid.permute(2, 0, 1)[None], size=(side, side), mode="bicubic", antialias=True)
    return pictures[0].permute(1, 2, 0)


# Models and images


def built(name: str, image_size: int) -> models.Classifier:
    """Build a model whose every weight is far from its initial value."""
    return randomised(models.build(name, image_size=image_size, seed=0))


def named(pos: str, place: str, prefix: str) -> str:
    return f"vit_pico/8:depth={DEPTH},pos={pos},{f'pos_at={place},' if place else ''}{prefix}"
