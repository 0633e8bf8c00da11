"""Tokenizers: how an image becomes a row of vectors.

Paper: Dosovitskiy et al. 2021 (arXiv 2010.11929), equation 1: cut the image into patches, flatten each and
map all of them by one shared linear layer. Patch size, stride and padding are apart here: a stride below the
patch size makes patches overlap; with stride and patch equal it is the paper's.
Source: initial weights as in google-research/vision_transformer (LeCun normal).

Deviations: none. The shared layer is kept as a convolution's weight (width, channels, patch, patch), the same
numbers under timm's name, `patch_embed.proj`.
"""

from torch import Tensor, nn


class LinearPatches(nn.Module):
    """Images (batch, 3, size, size) -> tokens (batch, rows * columns, width), row by row."""

    def __init__(self, width: int, patch: int, stride: int, padding: int) -> None:
        super().__init__()
        self.proj = shared_linear(3, width, patch, stride, padding)

    def forward(self, images: Tensor) -> Tensor:
        return rows_of_tokens(self.proj(images))


def shared_linear(channels: int, width: int, patch: int, stride: int, padding: int = 0) -> nn.Conv2d:
    """One linear layer for every patch: channels * patch * patch numbers to `width`."""
    layer = nn.Conv2d(channels, width, patch, stride, padding)
    nn.init.normal_(layer.weight, std=(channels * patch * patch) ** -0.5)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def rows_of_tokens(grid: Tensor) -> Tensor:
    """A map (batch, width, rows, columns) -> tokens (batch, rows * columns, width), row by row."""
    return grid.flatten(2).transpose(1, 2)
