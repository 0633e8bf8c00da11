"""Define the positional encodings, which give the encoder the positions of patches, at one of four places.

Papers, by the kinds of `pos=`:

- `learned-1d`: Dosovitskiy et al. 2021 (ViT, arXiv 2010.11929), section 3.1: a free vector per position.
- `learned-2d`: the same, appendix D.4: half of each vector belongs to the row, half to the column.
- `sincos-1d`: Vaswani et al. 2017 (arXiv 1706.03762), section 3.5: sines and cosines of the token's number n, at the
  frequencies w_t = 10000^(-t / (width / 2)).
- `sincos-2d`: Chen et al. 2021 (MoCo v3, arXiv 2104.02057): the same for column and row. Sines and cosines of each take
  a quarter of the width.
- `relative`: Liu et al. 2021 (Swin, arXiv 2103.14030), equation 4: a learned bias on each head's scores, looked up by
  the offset between two patches; with [CLS] as in BEiT (Bao et al. 2022, arXiv 2106.08254).
- `rope-2d`: Heo et al. 2024 (arXiv 2403.13298), section 3.2, axial: pairs of channels of queries and keys are rotated
  by angles proportional to column and row, with the frequencies 100^(-t / (head width / 4)).
- `conditional`: Chu et al. 2023 (CPVT, arXiv 2102.10882): a depth-wise 3x3 convolution over the grid of tokens.

The places, `pos_at=`, are the columns of the ViT paper's Table 8: the encoder's `input`; `every-layer`, each with its
own encoding; `every-layer-shared`. CPVT's place is `after-first-layer`.

At another image size, `resized` interpolates learned tables (bicubic, antialiased), keeps the entries of prefix tokens
and resamples tables of offsets. Fixed encodings are computed for the new size.

Deviations: sines come before cosines, and the pairs of `rope-2d` are i and i + half; the papers interleave them, which
gives the same numbers in another order. The ViT paper adds a product of the query and an embedding of the offset for
relative positions; here it is Swin's bias, which works with fused attention. Each prefix token ([CLS] and registers)
has an entry in learned tables, zeros in fixed ones, no rotation in `rope-2d`, and three shared biases in `relative`
(from them, to them, among them). CPVT tried its encoding at several depths; using it in every layer is our addition.
"""

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from timm.layers import resample_abs_pos_embed
from torch import Tensor, nn

from models.spec.model_error import SpecError

Weights = Mapping[str, Tensor]

_DIVISORS = {"learned-2d": 2, "sincos-1d": 2, "sincos-2d": 4, "rope-2d": 4}
"""Encoding -> the number that must divide the width, or for `rope-2d` the width of a head."""


class Position(nn.Module):
    """The interface of positional encodings. This class, for `pos=none`, changes nothing."""

    def add(self, tokens: Tensor, layer: int) -> Tensor:
        """Return the tokens (batch, tokens, width) with the encoding added before `layer`."""
        return tokens

    def bias(self, layer: int) -> Tensor | None:
        """Return the bias on the scores of attention, (1, heads, tokens, tokens), or None without one."""
        return None

    def rotation(self) -> tuple[Tensor, Tensor] | None:
        """Return cosines and sines (tokens, head width) that rotate queries and keys (see `rotate`), or None."""
        return None

    def resized(self, weights: Weights) -> dict[str, Tensor]:
        """Return weights of the same encoding for another grid, resampled for this one."""
        return dict(weights)


class Grid:
    """The tokens of an encoder: `prefix` tokens, then `side` rows of `side` patches."""

    def __init__(self, side: int, prefix: int) -> None:
        self.side = side
        self.prefix = prefix

    @property
    def length(self) -> int:
        """Return the number of tokens."""
        return self.prefix + self.side**2


def build_position(pos: str, place: str, grid: Grid, width: int, heads: int, depth: int) -> Position:
    """Return the encoding `pos` for an encoder of `depth` layers.

    Raises:
        SpecError: The encoding needs a width, or head width, with another divisor.
    """
    divided, divisor = width // heads if pos == "rope-2d" else width, _DIVISORS.get(pos, 1)
    if divided % divisor:
        of_heads = "heads of " if pos == "rope-2d" else ""
        raise SpecError(f"pos={pos} needs {of_heads}a width that {divisor} divides, not {divided}")
    num_encodings = depth if place == "every-layer" else 1
    match pos:
        case "none":
            return Position()
        case "relative":
            return RelativeBias(num_encodings, grid, heads)
        case "rope-2d":
            return Rotary(grid, width // heads)
        case "conditional":
            return Conditional(num_encodings, place, grid, width)
    tables: dict[str, Callable[[], nn.Module]] = {
        "learned-1d": lambda: Learned1d(grid, width),
        "learned-2d": lambda: Learned2d(grid, width),
        "sincos-1d": lambda: Computed(sincos_1d(grid, width)),
        "sincos-2d": lambda: Computed(sincos_2d(grid, width)),
    }
    return Added([tables[pos]() for _ in range(num_encodings)], place)


class Added(Position):
    """Tables that are added to the tokens before the first or every layer, with one shared table or one per layer."""

    def __init__(self, tables: list[nn.Module], place: str) -> None:
        super().__init__()
        self.place = place
        self.tables = nn.ModuleList(tables)

    def add(self, tokens: Tensor, layer: int) -> Tensor:
        """Add the layer's table to the tokens (batch, tokens, width); with `pos_at=input` only in layer 0."""
        if self.place == "input" and layer > 0:
            return tokens
        table: Tensor = self.tables[layer if len(self.tables) > 1 else 0]()
        return tokens + table

    def resized(self, weights: Weights) -> dict[str, Tensor]:
        """Return the tables of another grid, interpolated for this one."""
        return {name: self._resized(name, tensor) for name, tensor in weights.items()}

    def _resized(self, name: str, tensor: Tensor) -> Tensor:
        _, number, parameter = name.split(".")
        table = self.tables[int(number)]
        assert isinstance(table, Learned1d | Learned2d)
        return table.resized(parameter, tensor)


class Learned1d(nn.Module):
    """A table with a free vector per position."""

    def __init__(self, grid: Grid, width: int) -> None:
        super().__init__()
        self.grid = grid
        self.table = learned_table(grid.length, width)

    def forward(self) -> Tensor:
        """Return the table (1, tokens, width)."""
        return self.table

    def resized(self, parameter: str, tensor: Tensor) -> Tensor:
        """Return a parameter of another grid, interpolated for this one."""
        return resample_table(tensor, self.grid)


class Learned2d(nn.Module):
    """A table whose vectors depend half on the row and half on the column; prefix tokens have a free vector each."""

    def __init__(self, grid: Grid, width: int) -> None:
        super().__init__()
        self.grid = grid
        self.prefix = learned_table(grid.prefix, width) if grid.prefix else None
        self.rows = learned_table(grid.side, width // 2)
        self.columns = learned_table(grid.side, width // 2)

    def forward(self) -> Tensor:
        """Return the table (1, tokens, width)."""
        side = self.grid.side
        rows = self.rows[:, :, None].expand(-1, -1, side, -1)  # rows, columns: (1, side, side, width / 2)
        columns = self.columns[:, None].expand(-1, side, -1, -1)
        table = torch.cat([rows, columns], dim=3).flatten(1, 2)
        return table if self.prefix is None else torch.cat([self.prefix, table], dim=1)

    def resized(self, parameter: str, tensor: Tensor) -> Tensor:
        """Return a parameter of another grid, interpolated for this one."""
        return tensor if parameter == "prefix" else resample_line(tensor, self.grid.side)


class Computed(nn.Module):
    """A fixed table, which is not part of the weights."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table, persistent=False)

    def forward(self) -> Tensor:
        """Return the table (1, tokens, width)."""
        return self.get_buffer("table")


class RelativeBias(Position):
    """A bias per head and offset between two patches, from one shared table or one per layer.

    A table is (offsets, heads): the (2 side - 1)^2 offsets row by row, then, if there are prefix tokens, the biases
    from a prefix token to a patch, from a patch to it, and among them. That is BEiT's order.
    """

    def __init__(self, num_tables: int, grid: Grid, heads: int) -> None:
        super().__init__()
        num_offsets = (2 * grid.side - 1) ** 2 + (3 if grid.prefix else 0)
        self.tables = nn.ParameterList(
            nn.init.trunc_normal_(torch.empty(num_offsets, heads), std=0.02) for _ in range(num_tables)
        )
        self.grid = grid
        self.register_buffer("index", relative_index(grid).flatten(), persistent=False)

    def bias(self, layer: int) -> Tensor:
        """Return the layer's bias (1, heads, tokens, tokens)."""
        table = self.tables[layer if len(self.tables) > 1 else 0]
        length = self.grid.length
        # Looking up head by head gives the layout of the scores; transposing afterwards would double the cost.
        return table.t().index_select(1, self.get_buffer("index")).view(1, -1, length, length)

    def resized(self, weights: Weights) -> dict[str, Tensor]:
        """Return the tables of another grid, resampled for this one."""
        side = 2 * self.grid.side - 1
        return {name: resample_offsets(table, side, 3 if self.grid.prefix else 0) for name, table in weights.items()}


class Rotary(Position):
    """Rotation of queries and keys by angles proportional to column and row; nothing is learned."""

    def __init__(self, grid: Grid, head_width: int) -> None:
        super().__init__()
        frequencies = 100.0 ** -(torch.arange(head_width // 4, dtype=torch.float64) / (head_width // 4))
        row, column = _rows_and_columns(grid.side)
        angles = torch.cat(
            [column[:, None] * frequencies, row[:, None] * frequencies], dim=1
        )  # angles: (patches, width / 2)
        angles = F.pad(angles, (0, 0, grid.prefix, 0)).repeat(1, 2)
        self.register_buffer("cosines", angles.cos().to(torch.get_default_dtype()), persistent=False)
        self.register_buffer("sines", angles.sin().to(torch.get_default_dtype()), persistent=False)

    def rotation(self) -> tuple[Tensor, Tensor]:
        """Return cosines and sines (tokens, head width), which are not part of the weights."""
        return self.get_buffer("cosines"), self.get_buffer("sines")


def rotate(vectors: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate the pairs of channels i and i + width / 2 of vectors (..., tokens, width) by their tokens' angles."""
    cosines, sines = (part.to(vectors.dtype) for part in rotation)
    first, second = vectors.chunk(2, dim=-1)
    return vectors * cosines + torch.cat([-second, first], dim=-1) * sines


class Conditional(Position):
    """A depth-wise 3x3 convolution over the grid of patch tokens, added to them; prefix tokens do not change."""

    def __init__(self, num_convolutions: int, place: str, grid: Grid, width: int) -> None:
        super().__init__()
        self.place = place
        self.grid = grid
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width, width, kernel_size=3, padding=1, groups=width) for _ in range(num_convolutions)
        )

    def add(self, tokens: Tensor, layer: int) -> Tensor:
        """Add the layer's convolution of the tokens (batch, tokens, width), if the layer has one."""
        if layer != {"input": 0, "after-first-layer": 1}.get(self.place, layer):
            return tokens
        convolution = self.convolutions[layer if len(self.convolutions) > 1 else 0]
        prefix, patches = tokens.split([self.grid.prefix, self.grid.side**2], dim=1)
        side = self.grid.side
        added = convolution(patches.transpose(1, 2).unflatten(2, (side, side))).flatten(2).transpose(1, 2)
        return torch.cat([prefix, patches + added], dim=1)


def learned_table(num_positions: int, width: int) -> nn.Parameter:
    """Return a trainable table (1, num_positions, width), drawn with standard deviation 0.02."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(1, num_positions, width), std=0.02))


def sincos_1d(grid: Grid, width: int) -> Tensor:
    """Return a fixed table (1, tokens, width): zeros for the prefix, then sines and cosines of patch numbers."""
    return _with_prefix(_waves(torch.arange(grid.side**2, dtype=torch.float64), width), grid)


def sincos_2d(grid: Grid, width: int) -> Tensor:
    """Return a fixed table (1, tokens, width): zeros for the prefix, then the grid row by row."""
    row, column = _rows_and_columns(grid.side)
    return _with_prefix(torch.cat([_waves(column, width // 2), _waves(row, width // 2)], dim=1), grid)


def relative_index(grid: Grid) -> Tensor:
    """Return (tokens, tokens): the index into a table of offsets, from the row's token to the column's."""
    side, prefix = grid.side, grid.prefix
    row, column = (index.long() for index in _rows_and_columns(side))
    down, right = row[:, None] - row + side - 1, column[:, None] - column + side - 1
    num_offsets = (2 * side - 1) ** 2
    index = torch.full((grid.length, grid.length), num_offsets + 2)
    index[:prefix, prefix:] = num_offsets
    index[prefix:, :prefix] = num_offsets + 1
    index[prefix:, prefix:] = down * (2 * side - 1) + right
    return index


def resample_table(table: Tensor, grid: Grid) -> Tensor:
    """Interpolate a table (1, tokens, width) of another grid: bicubic, antialiased; prefix entries do not change."""
    num_patches = max(0, table.shape[1] - grid.prefix)
    if math.isqrt(num_patches) ** 2 != num_patches:  # another number of prefix tokens: the loader will report the shape
        return table
    resized: Tensor = resample_abs_pos_embed(table, [grid.side, grid.side], num_prefix_tokens=grid.prefix)
    return resized


def resample_line(table: Tensor, length: int) -> Tensor:
    """Interpolate a table (1, positions, width) of one axis for `length` positions: bicubic, antialiased."""
    line = table.transpose(1, 2)[
        :, :, None
    ]  # (1, width, 1, positions): a row, since torch interpolates columns wrongly on a CPU
    line = F.interpolate(line.float(), size=(1, length), mode="bicubic", antialias=True)
    return line[:, :, 0].transpose(1, 2).to(table.dtype)


def resample_offsets(table: Tensor, side: int, num_extra: int = 0) -> Tensor:
    """Interpolate a table (offsets, heads) for `side` offsets per axis, bicubic, but not the last `num_extra` rows."""
    offsets, extra = table.split([len(table) - num_extra, num_extra])
    before = math.isqrt(len(offsets))
    if side == 1:  # the only offset left is zero, in the middle
        return torch.cat([offsets[len(offsets) // 2][None], extra])
    image = offsets.t().reshape(1, -1, before, before).float()
    image = F.interpolate(image, size=(side, side), mode="bicubic", align_corners=True)
    return torch.cat([image.flatten(2)[0].t().to(table.dtype), extra]).contiguous()


def _waves(positions: Tensor, width: int) -> Tensor:
    """Return sines, then cosines, of each position at the frequencies 10000^(-t / (width / 2)): (positions, width)."""
    frequencies = 10000.0 ** -(torch.arange(width // 2, dtype=torch.float64) / (width // 2))
    angles = positions[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _rows_and_columns(side: int) -> tuple[Tensor, Tensor]:
    """Return row and column of each patch, row by row."""
    steps = torch.arange(side, dtype=torch.float64)
    row, column = torch.meshgrid(steps, steps, indexing="ij")
    return row.flatten(), column.flatten()


def _with_prefix(patches: Tensor, grid: Grid) -> Tensor:
    return F.pad(patches, (0, 0, grid.prefix, 0))[None].to(torch.get_default_dtype())
