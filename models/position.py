"""Positional encodings: what tells the encoder where a patch was.

Paper: Dosovitskiy et al. 2021 (arXiv 2010.11929), section 3.1 and appendix D.4. `learned-1d` is its table of
free vectors, one a position, the class token's included. `sincos-2d` is the fixed table of Chen et al. 2021
(MoCo v3, arXiv 2104.02057): a quarter of the width each for sine and cosine of column and row, at
frequencies 10000^(-i / (width / 4)).

Deviations: none in the tables. The class token's entry in `sincos-2d` is zero, as in MoCo v3.
"""

import torch
from torch import Tensor, nn


def learned_1d(num_positions: int, width: int) -> nn.Parameter:
    """A trainable table (1, num_positions, width), drawn with standard deviation 0.02."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(1, num_positions, width), std=0.02))


def sincos_2d(side: int, width: int) -> Tensor:
    """A fixed table (1, 1 + side * side, width): zeros for the class token, then the grid row by row.

    Raises ValueError where 4 does not divide the width.
    """
    if width % 4:
        raise ValueError(f"sincos-2d needs a width that 4 divides, not {width}")
    frequencies = 10000.0 ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    steps = torch.arange(side, dtype=torch.float64)
    row, column = torch.meshgrid(steps, steps, indexing="ij")
    angles = [axis.flatten()[:, None] * frequencies for axis in (column, row)]  # each (side * side, width / 4)
    grid = torch.cat([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], dim=1)
    table = torch.cat([torch.zeros(1, width, dtype=torch.float64), grid])
    return table[None].to(torch.get_default_dtype())
