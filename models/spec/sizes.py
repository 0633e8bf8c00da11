"""Define the sizes of presets. Imports no torch, so that planning and reporting can use them."""

from dataclasses import dataclass
from math import prod

PIXELS_PER_CELL = 32
"""Pixels per cell of the last feature map along an image side, for networks that halve the image five times."""


@dataclass(frozen=True)
class EncoderSize:
    """A Transformer encoder: `depth` blocks with `heads` heads, on tokens of `width` channels."""

    width: int
    depth: int
    heads: int
    mlp_ratio: int = 4
    qkv_bias: bool = True
    renormalised: bool = False
    """Whether a block normalises the stream itself before its MLP, as the Compact Transformers do."""
    norm_eps: float = 1e-6


CONVNEXT_PATCH = 4
"""The pixels per side of the patches that a ConvNeXt's stem makes of an image."""


@dataclass(frozen=True)
class TrunkSize:
    """A BiT ResNet without its head."""

    depths: tuple[int, ...]
    """The number of blocks in each stage."""
    widths: tuple[int, ...]
    """The output channels of each stage."""
    strides: tuple[int, ...]
    """The stride of the first block of each stage."""
    stem_width: int
    stem_kernel: int = 3
    stem_stride: int = 1
    stem_pool: bool = False
    """Whether a 3x3 max-pool of stride 2 follows the convolution of the stem."""
    norm_groups: int = 32
    bottleneck_ratio: float = 0.25

    @property
    def stem_padding(self) -> int:
        """Return the zeros around an image, enough that the stem's kernel reaches every pixel at its beginning."""
        return (self.stem_kernel - self.stem_stride + 1) // 2

    @property
    def stride(self) -> int:
        """Return the pixels per cell of the last feature map along an image side."""
        return prod(self.strides, start=self.stem_stride * (2 if self.stem_pool else 1))


@dataclass(frozen=True)
class PaperTrunkSize:
    """The ViT paper's trunk: a post-activation ResNet of `depths` bottleneck blocks, GroupNorm, 7x7 stem with pool."""

    depths: tuple[int, ...]

    @property
    def stride(self) -> int:
        """Return the pixels per cell of the last feature map: 4 after the stem, doubled by each later stage."""
        return int(2 ** (1 + len(self.depths)))


@dataclass(frozen=True)
class HybridSize:
    """A convolutional trunk whose feature map becomes the tokens of an encoder."""

    trunk: TrunkSize | PaperTrunkSize
    encoder: EncoderSize


@dataclass(frozen=True)
class CompactSize:
    """A Compact Convolutional Transformer: convolutional tokenizer, encoder, sequence pooling."""

    encoder: EncoderSize


@dataclass(frozen=True)
class ResNetSize:
    """A ResNet with BatchNorm: blocks per stage, of two 3x3 convolutions or (bottleneck) of 1x1, 3x3 and 1x1."""

    depths: tuple[int, int, int, int]
    bottleneck: bool


@dataclass(frozen=True)
class BotNetSize:
    """A ResNet of bottleneck blocks; in the last stage, attention replaces the 3x3 convolution."""

    depths: tuple[int, int, int, int]


@dataclass(frozen=True)
class TimmSize:
    """An architecture of timm, by its name there."""

    architecture: str
    depths: tuple[int, ...] | None = None
    """The number of blocks in each stage; None for the architecture's own."""


class ConvNextSize(TimmSize):
    """A ConvNeXt or a ConvNeXt V2."""


class InterleavedSize(TimmSize):
    """A CoAtNet or a MaxViT: attention in some stages, or in each block."""


@dataclass(frozen=True)
class OwnSize:
    """A network whose own file defines its size; see `docs/adding-a-model.md`."""

    stride: int = 1
    """The smallest image side that it takes, in pixels."""


@dataclass(frozen=True)
class ExternalSize:
    """Any classifier of timm or torchvision; its size is known only after it is built."""


ConvolutionalSize = TrunkSize | ResNetSize | ConvNextSize
MixedSize = HybridSize | CompactSize | BotNetSize | InterleavedSize
Size = EncoderSize | ConvolutionalSize | MixedSize | OwnSize | ExternalSize
