"""Define the tokenizers, which turn an image into a sequence of tokens.

Papers, by the kinds of `tokenizer=`:

- `linear`: Dosovitskiy et al. 2021 (arXiv 2010.11929), equation 1: cut the image into patches, flatten each, and map
  each by one shared linear layer. Patch size, stride and padding are separate here: a stride below the patch size makes
  patches overlap. With the stride equal to the patch size it is the paper's tokenizer.
- `conv-stem`: Xiao et al. 2021 (arXiv 2106.14881), section 3: 3x3 convolutions of stride 2 with BatchNorm and ReLU,
  each with twice the channels of the one before, then a 1x1 convolution.
- `conv-tokenizer`: Hassani et al. 2021 (CCT, arXiv 2104.05704), section 3.2: convolutions without bias, each with ReLU
  and a 3x3 max-pool of stride 2; all but the last have 64 channels.
- `shifted`: Lee et al. 2021 (SPT, arXiv 2112.13492), section 3.1: cut the image, and its copies shifted by half a
  patch along the four diagonals, into patches together; normalise each and map it by one shared linear layer.

Source: initial weights of the linear layers as in google-research/vision_transformer (LeCun normal).

Deviations: `conv-stem` does not remove a layer of the encoder to compensate for its cost (`depth=` can). Its channels
double at every step, as in the paper's two smaller models; in the larger ones some steps keep the number. The shared
layer of `linear` is stored as a convolution's weight (width, channels, patch, patch), with timm's name
`patch_embed.proj`.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.spec.presets import Convolutions

COMPACT_CHANNELS = 64


class LinearPatches(nn.Module):
    """`linear`: one shared linear layer on patches, which may overlap."""

    def __init__(self, width: int, patch: int, stride: int, padding: int) -> None:
        super().__init__()
        self.proj = shared_linear(3, width, patch, stride, padding)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (batch, 3, size, size) to tokens (batch, rows * columns, width), row by row."""
        return rows_of_tokens(self.proj(images))


class ConvStem(nn.Module):
    """`conv-stem`: convolutions that each halve the image; the patch is a power of two."""

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        halvings = patch.bit_length() - 1
        channels = [3, *(width >> (halvings - 1 - step) for step in range(halvings))]
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            convolution = nn.Conv2d(before, after, kernel_size=3, stride=2, padding=1, bias=False)
            layers += [_he(convolution), nn.BatchNorm2d(after), nn.ReLU()]
        self.convs = nn.Sequential(*layers)
        self.proj = shared_linear(width, width, patch=1, stride=1)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (batch, 3, size, size) to tokens (batch, rows * columns, width), row by row."""
        return rows_of_tokens(self.proj(self.convs(images)))


class ConvTokenizer(nn.Module):
    """`conv-tokenizer`: convolutions, each followed by a 3x3 max-pool; also the tokenizer of `cct_*`."""

    def __init__(self, width: int, convolutions: Convolutions) -> None:
        super().__init__()
        kernel, stride = convolutions.kernel, convolutions.stride
        channels = [3, *[COMPACT_CHANNELS] * (convolutions.layers - 1), width]
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            layers += [
                _he(nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)),
                nn.ReLU(),
                nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            ]
        self.convs = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (batch, 3, size, size) to tokens (batch, rows * columns, width), row by row."""
        return rows_of_tokens(self.convs(images))


class ShiftedPatches(nn.Module):
    """`shifted`: one shared linear layer on the image and four shifted copies; the patch is even."""

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        numbers = 5 * 3 * patch**2
        self.norm = nn.LayerNorm(numbers)
        self.proj = nn.Linear(numbers, width)
        nn.init.normal_(self.proj.weight, std=numbers**-0.5)
        nn.init.zeros_(self.proj.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (batch, 3, size, size) to tokens (batch, rows * columns, width), row by row."""
        half = self.patch // 2
        diagonals = [(half, half), (half, -half), (-half, half), (-half, -half)]  # (down, right); zeros fill the gap
        shifted = [F.pad(images, (right, -right, down, -down)) for down, right in diagonals]
        patches = F.pixel_unshuffle(torch.cat([images, *shifted], dim=1), self.patch)
        out: Tensor = self.proj(self.norm(rows_of_tokens(patches)))
        return out


def shared_linear(channels: int, width: int, patch: int, stride: int, padding: int = 0) -> nn.Conv2d:
    """Return a linear layer shared by all patches, from channels * patch * patch numbers to `width`."""
    layer = nn.Conv2d(channels, width, patch, stride, padding)
    nn.init.normal_(layer.weight, std=(channels * patch * patch) ** -0.5)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def rows_of_tokens(grid: Tensor) -> Tensor:
    """Flatten a map (batch, width, rows, columns) to tokens (batch, rows * columns, width), row by row."""
    return grid.flatten(2).transpose(1, 2)


def _he(convolution: nn.Conv2d) -> nn.Conv2d:
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return convolution
