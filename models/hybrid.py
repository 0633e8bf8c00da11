"""Hybrids: a convolutional trunk, then a Transformer encoder on its feature map.

Paper: Dosovitskiy et al. 2021 (arXiv 2010.11929), section 3.1, "Hybrid Architecture": the cells of a ResNet's
feature map take the place of the image's patches, under the same shared linear projection.
Source: timm's `vision_transformer_hybrid.py`; `patch_embed.backbone` and `patch_embed.proj` are its names.

Deviations: the small trunks are pre-activation, as our CNNs, so that the two differ by the encoder alone;
`/patch` is the pixels per token, and where the trunk's stride is finer, a token is a square of its cells.
"""

from torch import Tensor, nn

from models.contract import Classifier
from models.patches import rows_of_tokens, shared_linear
from models.presets import PRESETS, HybridSize
from models.resnet import BitTrunk
from models.spec import ModelSpec, tokens_per_side
from models.vit import VisionTransformer


def build_hybrid(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """The hybrid that `spec` names, for square images of `image_size` pixels."""
    size = PRESETS[spec.preset].size
    assert isinstance(size, HybridSize) and spec.patch is not None
    patches = TrunkPatches(size, spec.patch)
    return VisionTransformer(
        patches, tokens_per_side(spec, image_size), size.encoder, str(spec.option("pos")), num_classes
    )


class TrunkPatches(nn.Module):
    """Images (batch, 3, size, size) -> tokens (batch, (size / patch)^2, width), row by row."""

    def __init__(self, size: HybridSize, patch: int) -> None:
        super().__init__()
        cells = patch // size.trunk.stride
        self.backbone = BitTrunk(size.trunk)
        self.proj = shared_linear(size.trunk.widths[-1], size.encoder.width, cells, cells)

    def forward(self, images: Tensor) -> Tensor:
        return rows_of_tokens(self.proj(self.backbone(images)))
