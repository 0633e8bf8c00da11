"""Define the Vision Transformer: an encoder over patches of an image.

Paper: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words" (arXiv 2010.11929), equations 1 to 4:

    z_0  = [class; patches E] + E_pos
    z'_l = MSA(LN(z_{l-1})) + z_{l-1}
    z_l  = MLP(LN(z'_l)) + z'_l
    y    = LN(z_L^0)                        the feature; a linear head on it classifies

Options beyond it: registers (Darcet et al. 2024, arXiv 2309.16588); layer scale (Touvron et al. 2021, CaiT, arXiv
2103.17239, equation 3); drop path (Huang et al. 2016, arXiv 1603.09382), growing linearly over the layers. Tokenizers,
positional encodings and poolings are in separate modules in `layers/`.

`vit_lite7` and the encoders of the Compact Transformers (Hassani et al. 2021, arXiv 2104.05704) follow their authors'
code: query, key and value have no bias, and a block normalises the stream itself before its MLP:

    z_l  = MLP(LN(z'_l)) + LN(z'_l)

Source: initial weights as in google-research/vision_transformer (Xavier uniform for every linear layer; query, key and
value count as three). Parameter names as in timm's `vision_transformer.py`, so that its state dicts fit.

Deviations: the head starts at standard deviation 0.02 instead of zero, so that gradients reach the body from the first
step. Biases of the MLP start at zero instead of 1e-6. There is no hidden layer in the pre-training head, and no
dropout. The Compact Transformers start with the weights above too; their authors draw linear layers with standard
deviation 0.02 and positions with 0.2.
"""

import torch
import torch.nn.functional as F
from timm.layers import DropPath, LayerScale
from torch import Tensor, nn

from models.contract import Classifier, new_head
from models.layers.attention import Attention, init_linear
from models.layers.patches import ConvStem, ConvTokenizer, LinearPatches, ShiftedPatches
from models.layers.pooling import build_pool
from models.layers.position import Grid, Position, build_position, learned_table, resample_table
from models.spec.geometry import tokens_per_side
from models.spec.model_spec import ModelSpec
from models.spec.presets import Convolutions
from models.spec.sizes import EncoderSize
from models.weights import prefixed, under


def build_vit(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """Build the ViT that `spec` names, for square images of `image_size` pixels."""
    size = spec.kind.size
    assert isinstance(size, EncoderSize)
    return VisionTransformer(_tokenizer(spec, size.width), spec, size, image_size, num_classes)


class VisionTransformer(Classifier):
    """A ViT: tokenizer, prefix tokens, positions, pre-norm blocks, pooling, head.

    `patch_embed` maps images to tokens (batch, side * side, width). A hybrid passes a convolutional one.
    """

    def __init__(
        self, patch_embed: nn.Module, spec: ModelSpec, size: EncoderSize, image_size: int, num_classes: int
    ) -> None:
        super().__init__()
        pool, num_registers, depth = str(spec.option("pool")), spec.number("registers"), spec.number("depth")
        pos, place = str(spec.option("pos")), str(spec.option("pos_at"))
        self.cls_token = nn.Parameter(1e-6 * torch.randn(1, 1, size.width)) if pool == "cls" else None
        self.reg_token = nn.Parameter(1e-6 * torch.randn(1, num_registers, size.width)) if num_registers else None
        self.image_size = image_size
        self.grid = Grid(tokens_per_side(spec, image_size), prefix=(pool == "cls") + num_registers)
        # The paper's default keeps timm's name; every other encoding is in `position`.
        is_plain = (pos, place) == ("learned-1d", "input")
        self.pos_embed = learned_table(self.grid.length, size.width) if is_plain else None
        self.position = Position() if is_plain else build_position(pos, place, self.grid, size.width, size.heads, depth)
        self.patch_embed = patch_embed
        scale, drop = spec.fraction("layer_scale"), spec.fraction("drop_path")
        drops = [drop * layer / max(1, depth - 1) for layer in range(depth)]
        self.blocks = nn.ModuleList(Block(size, scale, drop) for drop in drops)
        self.norm = nn.LayerNorm(size.width, size.norm_eps)
        self.attn_pool = build_pool(pool, size)
        self.head = new_head(size.width, num_classes)

    def features(self, images: Tensor) -> Tensor:
        """Map images (batch, 3, size, size) to features (batch, width); refuse another size with ValueError."""
        if images.shape[-2:] != (self.image_size, self.image_size):
            given, size = "x".join(map(str, images.shape[-2:])), self.image_size
            raise ValueError(f"images of {given} pixels for a model built for {size}x{size}; build it for their size")
        tokens = self._with_prefix(self.patch_embed(images))  # tokens: (batch, prefix + side * side, width)
        if self.pos_embed is not None:
            tokens = tokens + self.pos_embed
        for layer, block in enumerate(self.blocks):
            tokens = block(self.position.add(tokens, layer), self.position, layer)
        if self.attn_pool is None:
            feature: Tensor = self.norm(tokens[:, 0])
        else:
            feature = self.attn_pool(self.norm(tokens[:, self.grid.prefix :]))
        return feature

    def resized(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a state dict of the same model at another image size, with its positions made to fit."""
        fitting = weights | prefixed(self.position.resized(under(weights, "position.")), "position.")
        if self.pos_embed is not None and "pos_embed" in fitting:
            fitting["pos_embed"] = resample_table(fitting["pos_embed"], self.grid)
        return fitting

    def _with_prefix(self, patches: Tensor) -> Tensor:
        prefix = [token.expand(len(patches), -1, -1) for token in (self.cls_token, self.reg_token) if token is not None]
        return torch.cat([*prefix, patches], dim=1) if prefix else patches


class Block(nn.Module):
    """A block of an encoder: attention, then an MLP, each applied to normalised tokens and added to the tokens."""

    def __init__(self, size: EncoderSize, layer_scale: float = 0.0, drop_path: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size.width, size.norm_eps)
        self.attn = Attention(size.width, size.heads, size.qkv_bias)
        self.ls1 = LayerScale(size.width, layer_scale) if layer_scale else nn.Identity()
        self.norm2 = nn.LayerNorm(size.width, size.norm_eps)
        self.mlp = Mlp(size.width, size.width * size.mlp_ratio)
        self.ls2 = LayerScale(size.width, layer_scale) if layer_scale else nn.Identity()
        self.drop_path = DropPath(drop_path) if drop_path else nn.Identity()
        self.renormalised = size.renormalised

    def forward(self, tokens: Tensor, position: Position, layer: int) -> Tensor:
        """Map tokens (batch, tokens, width) to the same shape; `layer` is the block's number, from 0."""
        tokens = tokens + self.drop_path(self.ls1(self.attn(self.norm1(tokens), position, layer)))
        normalised = self.norm2(tokens)
        stream = normalised if self.renormalised else tokens
        out: Tensor = stream + self.drop_path(self.ls2(self.mlp(normalised)))
        return out


class Mlp(nn.Module):
    """Two linear layers with GELU between, token by token."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        init_linear(self.fc1)
        init_linear(self.fc2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (batch, tokens, width) to the same shape."""
        out: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return out


def _tokenizer(spec: ModelSpec, width: int) -> nn.Module:
    patch = spec.patch
    assert isinstance(patch, int)
    match spec.option("tokenizer"):
        case "conv-stem":
            return ConvStem(width, patch)
        case "conv-tokenizer":
            return ConvTokenizer(width, Convolutions(kernel=3, layers=patch.bit_length() - 1))
        case "shifted":
            return ShiftedPatches(width, patch)
    return LinearPatches(width, patch, spec.number("stride"), spec.number("padding"))
