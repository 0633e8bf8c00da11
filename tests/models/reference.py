"""What tests of models compare with: plain steps of an encoder, and networks and images that are the same each time."""

import math
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)
Weights = dict[str, Tensor]


def randomised(module: M, scale: float | None = 0.2) -> M:
    """Move every weight and running statistic away from its initial value: blocks that start at zero hide mistakes.

    Without a scale, weights of several inputs move as far as keeps the size of what they make.
    """
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in module.parameters():
            step = scale if scale is not None else 0.2 if weight.dim() == 1 else 1 / math.sqrt(weight[0].numel())
            weight.add_(step * torch.randn(weight.shape, generator=generator, dtype=weight.dtype))
        for name, buffer in module.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.add_(torch.rand(buffer.shape, generator=generator, dtype=buffer.dtype))
    return module


def images(size: int, batch: int = 2, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return images (batch, 3, size, size)."""
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(2), dtype=dtype)


def shuffled_patches(pictures: Tensor, patch: int) -> Tensor:
    """Return the same patches in another arrangement."""
    batch, channels, size, _ = pictures.shape
    side = size // patch
    tiles = pictures.reshape(batch, channels, side, patch, side, patch).permute(2, 4, 0, 1, 3, 5).flatten(0, 1)
    tiles = tiles[torch.randperm(side * side, generator=torch.Generator().manual_seed(3))]
    return tiles.reshape(side, side, batch, channels, patch, patch).permute(2, 3, 0, 4, 1, 5).reshape(pictures.shape)


def close(actual: Tensor, expected: Tensor) -> None:
    """Assert equality up to the rounding of float64."""
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-9)


def close_by_scale(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    """Assert equality up to a share of the largest number; the numbers must differ from each other."""
    assert expected.std() > 0.01 * expected.abs().max()
    assert (actual - expected).abs().max() < tolerance * expected.abs().max()


def linear(weights: Weights, name: str, tokens: Tensor) -> Tensor:
    """Map tokens (..., width) by the linear layer of a name."""
    return tokens @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def normalised(weights: Weights, name: str, tokens: Tensor, epsilon: float = 1e-6) -> Tensor:
    """Normalise tokens (..., width) by the LayerNorm of a name."""
    centred = tokens - tokens.mean(dim=-1, keepdim=True)
    deviation = torch.sqrt(centred.square().mean(dim=-1, keepdim=True) + epsilon)
    return centred / deviation * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def perceived(weights: Weights, name: str, tokens: Tensor) -> Tensor:
    """Map tokens (..., width) by the MLP of a name."""
    return linear(weights, f"{name}.fc2", F.gelu(linear(weights, f"{name}.fc1", tokens)))


def stretching(before: int, after: int) -> Tensor:
    """Return what each of `after` points takes of `before`, with the ends in place: Keys' cubics with a = -3/4."""
    matrix = torch.zeros(after, before)
    for new in range(after):
        place = new * (before - 1) / (after - 1)
        for old in range(math.floor(place) - 1, math.floor(place) + 3):
            x = abs(place - old)
            near, far = 1.25 * x**3 - 2.25 * x**2 + 1, -0.75 * (x**3 - 5 * x**2 + 8 * x - 4)
            matrix[new, min(max(old, 0), before - 1)] += near if x <= 1 else far if x < 2 else 0.0
    return matrix
