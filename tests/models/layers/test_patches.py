"""Tokenizers against plain loops, in float64: which pixels a token sees, and what becomes of them."""

import pytest
import torch
from torch import Tensor, nn

import models
from models.layers.patches import ConvStem, ConvTokenizer, LinearPatches, ShiftedPatches, rows_of_tokens
from models.spec.presets import Convolutions
from tests.models.reference import close, images, randomised

pytestmark = pytest.mark.usefixtures("in_float64")


def test_a_map_becomes_tokens_row_by_row() -> None:
    grid = torch.arange(2 * 5 * 3 * 4.0).view(2, 5, 3, 4)
    tokens = rows_of_tokens(grid)
    assert tokens.shape == (2, 12, 5)
    assert all(
        torch.equal(tokens[:, 4 * row + column], grid[:, :, row, column]) for row in range(3) for column in range(4)
    )


# linear


def test_the_article_s_example_gives_9_tokens_of_768_numbers() -> None:
    patches = LinearPatches(width=64, patch=16, stride=16, padding=0)
    assert patches(torch.zeros(1, 3, 48, 48)).shape == (1, 9, 64)
    assert patches.proj.weight[0].numel() == 768


@pytest.mark.parametrize(("patch", "stride", "padding"), [(8, 8, 0), (8, 4, 0), (16, 8, 4), (7, 5, 2)])
def test_patches_equal_cutting_flattening_and_one_linear_map(patch: int, stride: int, padding: int) -> None:
    tokenizer = randomised(LinearPatches(16, patch, stride, padding))
    pictures = images(33 if patch == 7 else 32)
    size = pictures.shape[-1]
    padded = torch.zeros(2, 3, size + 2 * padding, size + 2 * padding)
    padded[:, :, padding : padding + size, padding : padding + size] = pictures
    starts = range(0, size + 2 * padding - patch + 1, stride)
    kernel, bias = tokenizer.proj.weight.flatten(1), tokenizer.proj.bias
    tokens = [
        padded[:, :, top : top + patch, left : left + patch].flatten(1) @ kernel.T + bias
        for top in starts
        for left in starts
    ]
    close(tokenizer(pictures), torch.stack(tokens, dim=1))


def test_stride_equal_to_patch_is_the_non_overlapping_model() -> None:
    plain, strided = (models.build(name, seed=0) for name in ("vit_pico/8", "vit_pico/8:stride=8,padding=0"))
    assert torch.equal(plain(images(32)), strided(images(32)))


def test_a_stride_below_the_patch_makes_more_tokens_of_as_many_weights() -> None:
    plain, strided = (models.build(name, image_size=32) for name in ("vit_pico/8", "vit_pico/8:stride=4"))
    one, other = (model.state_dict() for model in (plain, strided))
    assert one["patch_embed.proj.weight"].shape == other["patch_embed.proj.weight"].shape
    assert (one["pos_embed"].shape[1], other["pos_embed"].shape[1]) == (1 + 16, 1 + 49)


# conv-stem


def test_a_stem_s_channels_double_up_to_the_width() -> None:
    """Xiao et al. 2021, section 4: 48, 96, 192 and 384 channels, then a 1x1 convolution, before the width of 384."""
    stem = ConvStem(width=384, patch=16)
    convolutions = [layer for layer in stem.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [48, 96, 192, 384, 384]
    assert [layer.kernel_size for layer in convolutions] == [(3, 3)] * 4 + [(1, 1)]
    assert [layer.stride for layer in convolutions] == [(2, 2)] * 4 + [(1, 1)]


@pytest.mark.parametrize("training", [True, False])
def test_a_stem_equals_convolutions_norms_and_rectifiers_by_loops(training: bool) -> None:
    """BatchNorm after each 3x3 convolution and before its ReLU; neither after the 1x1."""
    stem = randomised(ConvStem(width=8, patch=4)).train(training)
    pictures = images(8)
    grid, weights = pictures, {name: value.clone() for name, value in stem.state_dict().items()}
    for number in range(2):
        convolution, norm = f"convs.{3 * number}", f"convs.{3 * number + 1}"
        grid = convolved(grid, weights[f"{convolution}.weight"], stride=2, padding=1)
        mean, variance = weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]
        if training:
            mean, variance = grid.mean(dim=(0, 2, 3)), grid.var(dim=(0, 2, 3), unbiased=False)
        scale = weights[f"{norm}.weight"] / torch.sqrt(variance + 1e-5)
        grid = ((grid - mean[:, None, None]) * scale[:, None, None] + weights[f"{norm}.bias"][:, None, None]).clamp(
            min=0
        )
    kernel, bias = weights["proj.weight"][:, :, 0, 0], weights["proj.bias"]
    tokens = [kernel @ grid[:, :, row, column].T + bias[:, None] for row in range(2) for column in range(2)]
    close(stem(pictures), torch.stack(tokens).permute(2, 0, 1))


# conv-tokenizer


@pytest.mark.parametrize(("kernel", "layers", "size"), [(3, 1, 8), (3, 2, 8), (5, 1, 8), (7, 1, 16), (7, 2, 16)])
def test_a_convolutional_tokenizer_equals_convolutions_rectifiers_and_pools_by_loops(
    kernel: int, layers: int, size: int
) -> None:
    """CCT: convolutions without bias that keep the size, of stride 2 at 7x7; 64 channels in between."""
    tokenizer = randomised(ConvTokenizer(6, Convolutions(kernel, layers)))
    weights = list(tokenizer.state_dict().values())
    assert [weight.shape for weight in weights] == [
        (6 if layer == layers - 1 else 64, 64 if layer else 3, kernel, kernel) for layer in range(layers)
    ]
    pictures = images(size)
    grid = pictures
    for weight in weights:
        grid = pooled(convolved(grid, weight, stride=2 if kernel == 7 else 1, padding=kernel // 2).clamp(min=0))
    cells = grid.shape[-1]
    assert cells == size // Convolutions(kernel, layers).pixels == size // (4 if kernel == 7 else 2) ** layers
    tokens = torch.stack([grid[:, :, row, column] for row in range(cells) for column in range(cells)], dim=1)
    close(tokenizer(pictures), tokens)


def test_a_vit_s_convolutional_tokenizer_halves_the_image_once_a_layer() -> None:
    tokenizer = models.build("vit_pico/8:tokenizer=conv-tokenizer").patch_embed
    assert isinstance(tokenizer, ConvTokenizer)
    convolutions = [layer for layer in tokenizer.convs if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [64, 64, 64]
    assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
    assert {layer.bias for layer in convolutions} == {None}


# shifted


def test_shifted_patches_equal_five_images_cut_together() -> None:
    """SPT: the image and its copies moved by half a patch along each diagonal; what was outside is zero."""
    patch, size = 4, 8
    tokenizer = randomised(ShiftedPatches(7, patch))
    weights = tokenizer.state_dict()
    pictures = images(size)
    diagonals = [(0, 0), (2, 2), (2, -2), (-2, 2), (-2, -2)]
    moved = [moved_by_loops(pictures, down, right) for down, right in diagonals]
    tokens = []
    for top in range(0, size, patch):
        for left in range(0, size, patch):
            numbers = torch.cat(
                [copy[:, :, top : top + patch, left : left + patch].flatten(1) for copy in moved], dim=1
            )
            assert numbers.shape == (2, 5 * 3 * patch**2)
            centred = numbers - numbers.mean(dim=1, keepdim=True)
            deviation = torch.sqrt(centred.square().mean(dim=1, keepdim=True) + 1e-5)
            normed = centred / deviation * weights["norm.weight"] + weights["norm.bias"]
            tokens.append(normed @ weights["proj.weight"].T + weights["proj.bias"])
    close(tokenizer(pictures), torch.stack(tokens, dim=1))


# all of them


@pytest.mark.parametrize("tokenizer", ["linear", "conv-stem", "conv-tokenizer", "shifted"])
def test_every_tokenizer_makes_the_grid_that_geometry_tells(tokenizer: str) -> None:
    name = f"vit_pico/8:tokenizer={tokenizer}"
    tokens = models.build(name, image_size=40).patch_embed(images(40))  # type: ignore[operator]
    assert tokens.shape == (2, models.count(name, image_size=40).tokens, 64) == (2, 25, 64)


def convolved(grid: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """(batch, channels, size, size) and (out, channels, kernel, kernel), cell by cell; zeros around."""
    batch, channels, size, _ = grid.shape
    out, _, kernel, _ = weight.shape
    padded = torch.zeros(batch, channels, size + 2 * padding, size + 2 * padding)
    padded[:, :, padding : padding + size, padding : padding + size] = grid
    starts = range(0, size + 2 * padding - kernel + 1, stride)
    cells = [
        padded[:, :, top : top + kernel, left : left + kernel].flatten(1) @ weight.flatten(1).T
        for top in starts
        for left in starts
    ]
    return torch.stack(cells, dim=2).view(batch, out, len(starts), len(starts))


def pooled(grid: Tensor) -> Tensor:
    """Maxima of 3x3 cells, around every second one; beyond the border there is nothing to be larger."""
    size = grid.shape[-1]
    centres = range(0, size, 2)
    cells = [
        grid[:, :, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].amax(dim=(2, 3))
        for row in centres
        for column in centres
    ]
    return torch.stack(cells, dim=2).view(*grid.shape[:2], len(centres), len(centres))


def moved_by_loops(pictures: Tensor, down: int, right: int) -> Tensor:
    moved = torch.zeros_like(pictures)
    size = pictures.shape[-1]
    for row in range(size):
        for column in range(size):
            if 0 <= row + down < size and 0 <= column + right < size:
                moved[:, :, row + down, column + right] = pictures[:, :, row, column]
    return moved
