"""Describe how large the presets are, as plain data, so that planning and reporting read it without torch."""

from dataclasses import dataclass
from math import prod

PIXELS_PER_CELL = 32
"""Pixels of an image side per cell of the last feature map of a network with five halvings: all but our small ones."""


@dataclass(frozen=True)
class EncoderSize:
    """A Transformer encoder: `depth` blocks of `heads` heads over tokens of `width` numbers."""

    width: int
    depth: int
    heads: int
    mlp_ratio: int = 4
    qkv_bias: bool = True
    renormalised: bool = False
    """Whether a block normalises the stream itself before its MLP, as the Compact Transformers do."""
    norm_eps: float = 1e-6


@dataclass(frozen=True)
class TrunkSize:
    """A BiT ResNet without its head."""

    depths: tuple[int, ...]
    """Blocks per stage."""
    widths: tuple[int, ...]
    """Output channels per stage."""
    strides: tuple[int, ...]
    """Pixels per step of the first block of each stage."""
    stem_width: int
    stem_kernel: int = 3
    stem_stride: int = 1
    stem_pool: bool = False
    """Whether a 3x3 maximum of stride 2 follows the convolution of the stem."""
    norm_groups: int = 32
    bottleneck_ratio: float = 0.25

    @property
    def stride(self) -> int:
        """Return the pixels of an image side per step of the last feature map."""
        return prod(self.strides, start=self.stem_stride * (2 if self.stem_pool else 1))


@dataclass(frozen=True)
class PaperTrunkSize:
    """The ViT paper's trunk: a post-activation ResNet of `depths` bottleneck blocks, GroupNorm, 7x7 stem with pool."""

    depths: tuple[int, ...]

    @property
    def stride(self) -> int:
        """Return the pixels of an image side per step of the last map: 4 after the stem, doubled per later stage."""
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
    """A ResNet of bottleneck blocks; those of the last stage attend instead of their 3x3 convolution."""

    depths: tuple[int, int, int, int]


@dataclass(frozen=True)
class TimmSize:
    """An architecture of timm, by its name there."""

    architecture: str
    depths: tuple[int, ...] | None = None
    """Blocks per stage, unless they are the architecture's own."""


class ConvNextSize(TimmSize):
    """A ConvNeXt or a ConvNeXt V2."""


class InterleavedSize(TimmSize):
    """A CoAtNet or a MaxViT: attention in some stages, or in each block."""


@dataclass(frozen=True)
class OwnSize:
    """A network whose builder knows the rest: see `docs/adding-a-model.md`."""

    stride: int = 1
    """The smallest image side that it takes, in pixels."""


@dataclass(frozen=True)
class ExternalSize:
    """Any classifier of timm or torchvision: its size is known once it is built."""


ConvolutionalSize = TrunkSize | ResNetSize | ConvNextSize
MixedSize = HybridSize | CompactSize | BotNetSize | InterleavedSize
Size = EncoderSize | ConvolutionalSize | MixedSize | OwnSize | ExternalSize
