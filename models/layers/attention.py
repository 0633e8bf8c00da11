"""Define multi-head self-attention with an optional positional encoding.

Paper: Vaswani et al. 2017 (arXiv 1706.03762), section 3.2.2.

    attend(Q, K, V) = softmax(Q K^T / sqrt(head width) + bias) V

Every encoding uses torch's fused attention: rotations are applied to queries and keys before it, and a bias is passed
as its mask. The only exception is a bias that is trained on a CPU. No fused CPU kernel of torch computes the bias's
gradient, so the products are written out.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers.position import Position, rotate
from models.spec.model_error import SpecError


class Attention(nn.Module):
    """Multi-head self-attention between all tokens."""

    def __init__(self, width: int, heads: int, qkv_bias: bool = True) -> None:
        super().__init__()
        if width % heads:
            raise SpecError(f"{heads} heads don't divide a width of {width}; the number of heads must divide the width")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=qkv_bias)
        self.proj = nn.Linear(width, width)
        for third in self.qkv.weight.chunk(3):
            nn.init.xavier_uniform_(third)
        if qkv_bias:
            nn.init.zeros_(self.qkv.bias)
        init_linear(self.proj)

    def forward(self, tokens: Tensor, position: Position, layer: int) -> Tensor:
        """Map tokens (batch, tokens, width) to the same shape, with the bias or rotation of `layer`'s positions."""
        batch, length, width = tokens.shape
        qkv = self.qkv(tokens).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each (batch, heads, tokens, width / heads)
        if (rotation := position.rotation()) is not None:
            query, key = rotate(query, rotation), rotate(key, rotation)
        mixed = attend(query, key, value, position.bias(layer))
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, length, width))
        return out


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    """Compute attention of tensors (batch, heads, tokens, head width), with a bias (1, heads, tokens, tokens)."""
    if bias is None:
        return F.scaled_dot_product_attention(query, key, value)
    bias = bias.to(query.dtype)
    if bias.requires_grad and bias.device.type == "cpu":
        return _attend_written_out(query, key, value, bias)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)


def _attend_written_out(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(2, 3)) + bias
    return torch.matmul(scores.softmax(dim=-1), value)


def init_linear(layer: nn.Linear) -> None:
    """Set Xavier uniform weights and a zero bias, as in google-research/vision_transformer."""
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
