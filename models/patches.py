"""Tokenizers: how an image becomes a row of vectors.

Paper: Dosovitskiy et al. 2021 (arXiv 2010.11929), equation 1: cut the image into patches, flatten each and
map all of them by one shared linear layer. Patch size, stride and padding are apart here: a stride below the
patch size makes patches overlap; with stride and patch equal it is the paper's.

Deviations: the shared layer is kept as a convolution's weight (width, 3, patch, patch), the same numbers
under timm's name `patch_embed.proj`.
"""

from torch import Tensor, nn


class LinearPatches(nn.Module):
    """Images (batch, 3, size, size) -> tokens (batch, rows * columns, width), row by row."""

    def __init__(self, width: int, patch: int, stride: int, padding: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, stride, padding)

    def forward(self, images: Tensor) -> Tensor:
        grid: Tensor = self.proj(images)
        return grid.flatten(2).transpose(1, 2)
