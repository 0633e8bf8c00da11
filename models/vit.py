"""The Vision Transformer.

Paper: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words" (arXiv 2010.11929), equations 1 to 4:

    z_0  = [class; patches E] + E_pos
    z'_l = MSA(LN(z_{l-1})) + z_{l-1}
    z_l  = MLP(LN(z'_l)) + z'_l
    y    = LN(z_L^0)                        the feature; a linear head on it classifies

Source: initial weights as in google-research/vision_transformer (Xavier uniform for every linear layer, with
query, key and value as three); parameter names as in timm's `vision_transformer.py`, so that its state dicts
fit.

Deviations: the head starts at standard deviation 0.02 instead of zero, so that gradients reach the body from
the first step; biases of the MLP at zero instead of 1e-6; no hidden layer in the pre-training head; no dropout.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.contract import Classifier, new_head
from models.patches import LinearPatches
from models.position import learned_1d, sincos_2d
from models.presets import PRESETS, EncoderSize
from models.spec import ModelSpec, tokens_per_side


def build_vit(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """The ViT that `spec` names, for square images of `image_size` pixels."""
    size = PRESETS[spec.preset].size
    assert isinstance(size, EncoderSize) and spec.patch is not None
    patches = LinearPatches(size.width, spec.patch, spec.number("stride"), spec.number("padding"))
    side = tokens_per_side(spec, image_size)
    return VisionTransformer(patches, side, size, str(spec.option("pos")), num_classes)


class VisionTransformer(Classifier):
    """A tokenizer, [CLS], positions, `size.depth` pre-norm blocks, the class token's feature, a head.

    `patch_embed` maps images to tokens (batch, side * side, width); a hybrid passes a convolutional one.
    """

    pos_embed: Tensor | None

    def __init__(self, patch_embed: nn.Module, side: int, size: EncoderSize, pos: str, num_classes: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(1e-6 * torch.randn(1, 1, size.width))
        if pos == "sincos-2d":
            self.register_buffer("pos_embed", sincos_2d(side, size.width), persistent=False)
        else:
            self.register_parameter("pos_embed", learned_1d(1 + side**2, size.width) if pos == "learned-1d" else None)
        self.patch_embed = patch_embed
        self.blocks = nn.Sequential(*(Block(size) for _ in range(size.depth)))
        self.norm = nn.LayerNorm(size.width, eps=1e-6)
        self.head = new_head(size.width, num_classes)

    def features(self, images: Tensor) -> Tensor:
        tokens = self.patch_embed(images)  # (batch, side * side, width)
        tokens = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], dim=1)
        if self.pos_embed is not None:
            tokens = tokens + self.pos_embed
        feature: Tensor = self.norm(self.blocks(tokens)[:, 0])
        return feature


class Block(nn.Module):
    """Attention, then an MLP, each on the normalised stream and added to it: (batch, tokens, width), kept."""

    def __init__(self, size: EncoderSize) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size.width, eps=1e-6)
        self.attn = Attention(size.width, size.heads)
        self.norm2 = nn.LayerNorm(size.width, eps=1e-6)
        self.mlp = Mlp(size.width, size.width * size.mlp_ratio)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens))
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out


class Attention(nn.Module):
    """Multi-head self-attention: (batch, tokens, width), kept."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads don't divide a width of {width}")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        for third in self.qkv.weight.chunk(3):
            nn.init.xavier_uniform_(third)
        nn.init.zeros_(self.qkv.bias)
        _init_linear(self.proj)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, length, width = tokens.shape
        qkv = self.qkv(tokens).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each (batch, heads, tokens, width / heads)
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, length, width))
        return out


class Mlp(nn.Module):
    """Two linear layers with GELU between, token by token: (batch, tokens, width), kept."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        _init_linear(self.fc1)
        _init_linear(self.fc2)

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return out


def _init_linear(layer: nn.Linear) -> None:
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
