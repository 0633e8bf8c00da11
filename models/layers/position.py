"""Positional encodings: what tells the encoder where a patch was, and where in the encoder it says so.

Papers, by the kinds of `pos=`:

- `learned-1d`: Dosovitskiy et al. 2021 (ViT, arXiv 2010.11929), section 3.1: a free vector a position.
- `learned-2d`: the same, appendix D.4: half of the vector is the row's, half the column's.
- `sincos-1d`: Vaswani et al. 2017 (arXiv 1706.03762), section 3.5: fixed waves of the token's number.
- `sincos-2d`: Chen et al. 2021 (MoCo v3, arXiv 2104.02057): a quarter of the width each for sine and cosine of column
  and row.
- `relative`: a bias on each head's attention by the offset between two patches, from a table: Liu et al. 2021 (Swin,
  arXiv 2103.14030), equation 4; with [CLS] as in BEiT (Bao et al. 2022, arXiv 2106.08254).
- `rope-2d`: Heo et al. 2024 (arXiv 2403.13298), section 3.2, axial: pairs of numbers of queries and keys are turned by
  angles in proportion to column and row, with frequencies 100^(-t / (head width / 4)).
- `conditional`: Chu et al. 2023 (CPVT, arXiv 2102.10882): a depth-wise 3x3 convolution over the grid of tokens.

Where, `pos_at=`, are the columns of the ViT paper's Table 8: added to the encoder's `input`; in `every-layer`, each
with its own; `every-layer-shared`. CPVT's own place is `after-first-layer`.

At another resolution (`resized`) learned tables are interpolated (bicubic, antialiased) and the entries of prefix
tokens stay, tables of offsets are resampled, computed encodings are computed anew.

Deviations: sines stand before cosines, and the pairs of `rope-2d` are i and i + half, where the papers interleave
them: the same numbers in another order. The ViT paper has two terms for relative positions (a query against an
embedding of the offset); here it is Swin's bias, which keeps the fused attention. Prefix tokens ([CLS] and registers)
have an entry of their own in learned tables, zeros in computed ones, no angle in `rope-2d`, and three shared biases in
`relative` (to it, from it, among them). CPVT tried its encoding at several depths; with every layer it is ours.
"""

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from timm.layers import resample_abs_pos_embed
from torch import Tensor, nn

from models.spec.model_error import SpecError

Weights = Mapping[str, Tensor]


class Position(nn.Module):
    """What the encoder asks of its positional encoding, layer by layer. This one, `pos=none`, has no answer."""

    def add(self, tokens: Tensor, layer: int) -> Tensor:
        """The tokens (batch, tokens, width) as `layer` shall see them."""
        return tokens

    def bias(self, layer: int) -> Tensor | None:
        """What is added to the scores of attention, (1, heads, tokens, tokens)."""
        return None

    def rotation(self) -> tuple[Tensor, Tensor] | None:
        """Cosines and sines (tokens, head width) of the angles that queries and keys are turned by; see `rotate`."""
        return None

    def resized(self, weights: Weights) -> dict[str, Tensor]:
        """These weights, of the same encoding for another grid, made to fit this one."""
        return dict(weights)


class Grid:
    """The tokens of an encoder: `prefix` of them stand before the `side` rows of `side` patches."""

    def __init__(self, side: int, prefix: int) -> None:
        self.side = side
        self.prefix = prefix

    @property
    def length(self) -> int:
        return self.prefix + self.side**2


def build_position(pos: str, place: str, grid: Grid, width: int, heads: int, depth: int) -> Position:
    """The encoding of that name; raises SpecError where the width does not allow it."""
    num_own = depth if place == "every-layer" else 1
    match pos:
        case "none":
            return Position()
        case "relative":
            return RelativeBias(num_own, grid, heads)
        case "rope-2d":
            return Rotary(grid, width // heads)
        case "conditional":
            return Conditional(num_own, place, grid, width)
    tables: dict[str, Callable[[], nn.Module]] = {
        "learned-1d": lambda: Learned1d(grid, width),
        "learned-2d": lambda: Learned2d(grid, width),
        "sincos-1d": lambda: Computed(sincos_1d(grid, width)),
        "sincos-2d": lambda: Computed(sincos_2d(grid, width)),
    }
    return Added([tables[pos]() for _ in range(num_own)], place)


class Added(Position):
    """Tables added to the tokens: before the first layer, or before every layer, with one table or one for each."""

    def __init__(self, tables: list[nn.Module], place: str) -> None:
        super().__init__()
        self.place = place
        self.tables = nn.ModuleList(tables)

    def add(self, tokens: Tensor, layer: int) -> Tensor:
        if self.place == "input" and layer > 0:
            return tokens
        table: Tensor = self.tables[layer if len(self.tables) > 1 else 0]()
        return tokens + table

    def resized(self, weights: Weights) -> dict[str, Tensor]:
        return {name: self._resized(name, tensor) for name, tensor in weights.items()}

    def _resized(self, name: str, tensor: Tensor) -> Tensor:
        _, number, parameter = name.split(".")
        table = self.tables[int(number)]
        assert isinstance(table, Learned1d | Learned2d)
        return table.resized(parameter, tensor)


class Learned1d(nn.Module):
    """A free vector a position: (1, tokens, width)."""

    def __init__(self, grid: Grid, width: int) -> None:
        super().__init__()
        self.grid = grid
        self.table = learned_table(grid.length, width)

    def forward(self) -> Tensor:
        return self.table

    def resized(self, parameter: str, tensor: Tensor) -> Tensor:
        return resample_table(tensor, self.grid)


class Learned2d(nn.Module):
    """Half of the vector is the row's, half the column's, the prefix tokens' are free: (1, tokens, width)."""

    def __init__(self, grid: Grid, width: int) -> None:
        super().__init__()
        if width % 2:
            raise SpecError(f"pos=learned-2d needs a width that 2 divides, not {width}")
        self.grid = grid
        self.prefix = learned_table(grid.prefix, width) if grid.prefix else None
        self.rows = learned_table(grid.side, width // 2)
        self.columns = learned_table(grid.side, width // 2)

    def forward(self) -> Tensor:
        side = self.grid.side
        rows = self.rows[:, :, None].expand(-1, -1, side, -1)  # (1, side, side, width / 2)
        columns = self.columns[:, None].expand(-1, side, -1, -1)
        table = torch.cat([rows, columns], dim=3).flatten(1, 2)
        return table if self.prefix is None else torch.cat([self.prefix, table], dim=1)

    def resized(self, parameter: str, tensor: Tensor) -> Tensor:
        return tensor if parameter == "prefix" else resample_line(tensor, self.grid.side)


class Computed(nn.Module):
    """A fixed table (1, tokens, width), which is no weight."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table, persistent=False)

    def forward(self) -> Tensor:
        table = self.table
        assert isinstance(table, Tensor)
        return table


class RelativeBias(Position):
    """A bias by the offset between two patches, a head each, from one table or one a layer.

    A table is (offsets, heads): the (2 side - 1)^2 offsets row by row, then, where there are prefix tokens, the biases
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
        table = self.tables[layer if len(self.tables) > 1 else 0]
        length = self.grid.length
        # Looked up head by head, in the order of the scores: a later transposition would cost as much again.
        return table.t().index_select(1, self.get_buffer("index")).view(1, -1, length, length)

    def resized(self, weights: Weights) -> dict[str, Tensor]:
        side = 2 * self.grid.side - 1
        return {name: resample_offsets(table, side, 3 if self.grid.prefix else 0) for name, table in weights.items()}


class Rotary(Position):
    """Queries and keys turned by angles that grow with column and row; nothing is learned."""

    def __init__(self, grid: Grid, head_width: int) -> None:
        super().__init__()
        if head_width % 4:
            raise SpecError(f"pos=rope-2d needs heads of a width that 4 divides, not {head_width}")
        frequencies = 100.0 ** -(torch.arange(head_width // 4, dtype=torch.float64) / (head_width // 4))
        row, column = _places(grid.side)
        angles = torch.cat([column[:, None] * frequencies, row[:, None] * frequencies], dim=1)  # (patches, width / 2)
        angles = F.pad(angles, (0, 0, grid.prefix, 0)).repeat(1, 2)
        self.register_buffer("cosines", angles.cos().to(torch.get_default_dtype()), persistent=False)
        self.register_buffer("sines", angles.sin().to(torch.get_default_dtype()), persistent=False)

    def rotation(self) -> tuple[Tensor, Tensor]:
        return self.get_buffer("cosines"), self.get_buffer("sines")


def rotate(vectors: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the pair of numbers i and i + width / 2 of each vector by its token's angle: (..., tokens, width), kept."""
    cosines, sines = (part.to(vectors.dtype) for part in rotation)
    first, second = vectors.chunk(2, dim=-1)
    return vectors * cosines + torch.cat([-second, first], dim=-1) * sines


class Conditional(Position):
    """A depth-wise 3x3 convolution over the grid of patch tokens, added to them; prefix tokens pass."""

    def __init__(self, num_convolutions: int, place: str, grid: Grid, width: int) -> None:
        super().__init__()
        self.place = place
        self.grid = grid
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width, width, kernel_size=3, padding=1, groups=width) for _ in range(num_convolutions)
        )

    def add(self, tokens: Tensor, layer: int) -> Tensor:
        if layer != {"input": 0, "after-first-layer": 1}.get(self.place, layer):
            return tokens
        convolution = self.convolutions[layer if len(self.convolutions) > 1 else 0]
        prefix, patches = tokens.split([self.grid.prefix, self.grid.side**2], dim=1)
        side = self.grid.side
        added = convolution(patches.transpose(1, 2).unflatten(2, (side, side))).flatten(2).transpose(1, 2)
        return torch.cat([prefix, patches + added], dim=1)


def learned_table(num_positions: int, width: int) -> nn.Parameter:
    """A trainable table (1, num_positions, width), drawn with standard deviation 0.02."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(1, num_positions, width), std=0.02))


def sincos_1d(grid: Grid, width: int) -> Tensor:
    """A fixed table (1, tokens, width): zeros for the prefix, then sines and cosines of the patch's number.

    Raises SpecError where 2 does not divide the width.
    """
    if width % 2:
        raise SpecError(f"pos=sincos-1d needs a width that 2 divides, not {width}")
    return _with_prefix(_waves(torch.arange(grid.side**2, dtype=torch.float64), width), grid)


def sincos_2d(grid: Grid, width: int) -> Tensor:
    """A fixed table (1, tokens, width): zeros for the prefix, then the grid row by row.

    Raises SpecError where 4 does not divide the width.
    """
    if width % 4:
        raise SpecError(f"pos=sincos-2d needs a width that 4 divides, not {width}")
    row, column = _places(grid.side)
    return _with_prefix(torch.cat([_waves(column, width // 2), _waves(row, width // 2)], dim=1), grid)


def relative_index(grid: Grid) -> Tensor:
    """Which entry of a table of offsets each pair of tokens has: (tokens, tokens), from the row's to the column's."""
    side, prefix = grid.side, grid.prefix
    row, column = (place.long() for place in _places(side))
    down, right = row[:, None] - row + side - 1, column[:, None] - column + side - 1
    num_offsets = (2 * side - 1) ** 2
    index = torch.full((grid.length, grid.length), num_offsets + 2)
    index[:prefix, prefix:] = num_offsets
    index[prefix:, :prefix] = num_offsets + 1
    index[prefix:, prefix:] = down * (2 * side - 1) + right
    return index


def resample_table(table: Tensor, grid: Grid) -> Tensor:
    """A table (1, tokens, width) of another square grid for this one: bicubic, antialiased; the prefix stays."""
    num_patches = max(0, table.shape[1] - grid.prefix)
    if math.isqrt(num_patches) ** 2 != num_patches:  # of another number of prefix tokens: left for the loader to refuse
        return table
    resized: Tensor = resample_abs_pos_embed(table, [grid.side, grid.side], num_prefix_tokens=grid.prefix)
    return resized


def resample_line(table: Tensor, length: int) -> Tensor:
    """A table (1, places, width) along one axis for `length` places: bicubic, antialiased."""
    line = table.transpose(1, 2)[:, :, None]  # (1, width, 1, places): on a CPU torch gets columns of one pixel wrong
    line = F.interpolate(line.float(), size=(1, length), mode="bicubic", antialias=True)
    return line[:, :, 0].transpose(1, 2).to(table.dtype)


def resample_offsets(table: Tensor, side: int, num_extra: int = 0) -> Tensor:
    """A table (offsets, heads) for `side` offsets an axis: bicubic between them; the last `num_extra` entries stay."""
    offsets, extra = table.split([len(table) - num_extra, num_extra])
    before = math.isqrt(len(offsets))
    if side == 1:  # of all offsets none is left but zero, in the middle
        return torch.cat([offsets[len(offsets) // 2][None], extra])
    picture = offsets.t().reshape(1, -1, before, before).float()
    picture = F.interpolate(picture, size=(side, side), mode="bicubic", align_corners=True)
    return torch.cat([picture.flatten(2)[0].t().to(table.dtype), extra]).contiguous()


def _waves(places: Tensor, width: int) -> Tensor:
    """Sines, then cosines, of each place at frequencies 10000^(-i / (width / 2)): (places, width)."""
    frequencies = 10000.0 ** -(torch.arange(width // 2, dtype=torch.float64) / (width // 2))
    angles = places[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _places(side: int) -> tuple[Tensor, Tensor]:
    """Row and column of each patch, row by row."""
    steps = torch.arange(side, dtype=torch.float64)
    row, column = torch.meshgrid(steps, steps, indexing="ij")
    return row.flatten(), column.flatten()


def _with_prefix(patches: Tensor, grid: Grid) -> Tensor:
    return F.pad(patches, (0, 0, grid.prefix, 0))[None].to(torch.get_default_dtype())
