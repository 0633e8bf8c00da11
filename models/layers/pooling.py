"""Define the poolings, which turn the encoder's last tokens into one feature vector per image.

Papers, by the kinds of `pool=`:

- `cls`: Dosovitskiy et al. 2021 (arXiv 2010.11929), equation 4: the class token after the last block.
- `gap`: Beyer et al. 2022 (arXiv 2205.01580): the mean of the patches.
- `map`: Zhai et al. 2022 (arXiv 2106.04560), section 3.2: attention of one learned query to the patches, and an MLP.
- `seq`: Hassani et al. 2021 (CCT, arXiv 2104.05704), section 3.1: the mean of the patches, weighted by a softmax over
  one learned score per patch.

Only `cls` has a class token. Tokens are normalised before all poolings. Registers are not pooled, as in their paper.
Source: `map` is timm's `AttentionPoolLatent`, with timm's parameter name `attn_pool`.
"""

import torch
from timm.layers import AttentionPoolLatent
from torch import Tensor, nn

from models.spec.sizes import EncoderSize


class SequencePool(nn.Module):
    """`seq`: the mean of the patches, weighted by a softmax over learned scores."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1)
        nn.init.trunc_normal_(self.score.weight, std=0.02)
        nn.init.zeros_(self.score.bias)

    def forward(self, patches: Tensor) -> Tensor:
        """Map patches (batch, patches, width) to features (batch, width)."""
        weights = self.score(patches).softmax(dim=1)  # weights: (batch, patches, 1)
        return torch.bmm(weights.transpose(1, 2), patches)[:, 0]


class MeanPool(nn.Module):
    """`gap`: the mean of the patches."""

    def forward(self, patches: Tensor) -> Tensor:
        """Map patches (batch, patches, width) to features (batch, width)."""
        return patches.mean(dim=1)


def build_pool(pool: str, size: EncoderSize) -> nn.Module | None:
    """Return the layer that pools normalised patches, or None for `cls`, whose token has pooled them already."""
    match pool:
        case "cls":
            return None
        case "gap":
            return MeanPool()
        case "seq":
            return SequencePool(size.width)
    attention: nn.Module = AttentionPoolLatent(
        size.width, num_heads=size.heads, mlp_ratio=size.mlp_ratio, norm_layer=nn.LayerNorm
    )
    attention.get_submodule("norm").eps = size.norm_eps  # type: ignore[assignment]
    return attention
