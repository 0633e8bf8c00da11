"""How large the presets are, as plain data, so that planning and reporting read it without torch."""

from dataclasses import dataclass
from math import prod


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
    """A BiT ResNet without its head; `depths`, `widths` and `strides` count blocks, output channels and
    the pixels a step of the first block, per stage.
    """

    depths: tuple[int, ...]
    widths: tuple[int, ...]
    strides: tuple[int, ...]
    stem_width: int
    stem_kernel: int = 3
    stem_stride: int = 1
    stem_pool: bool = False  # a 3x3 maximum of stride 2 after the stem's convolution
    norm_groups: int = 32
    bottleneck_ratio: float = 0.25

    @property
    def stride(self) -> int:
        """Pixels of the image per step of the last feature map."""
        return prod(self.strides, start=self.stem_stride * (2 if self.stem_pool else 1))


@dataclass(frozen=True)
class PaperTrunkSize:
    """The ViT paper's trunk: a post-activation ResNet of `depths` bottleneck blocks, GroupNorm, 7x7 stem with pool."""

    depths: tuple[int, ...]

    @property
    def stride(self) -> int:
        """Pixels of the image per step of the last feature map: 4 after the stem, doubled by each later stage."""
        return int(2 ** (1 + len(self.depths)))


@dataclass(frozen=True)
class HybridSize:
    """A convolutional trunk whose feature map becomes the tokens of an encoder."""

    trunk: TrunkSize | PaperTrunkSize
    encoder: EncoderSize


@dataclass(frozen=True)
class CompactSize:
    """A Compact Convolutional Transformer: a convolutional tokenizer before an encoder, sequence pooling behind."""

    encoder: EncoderSize


@dataclass(frozen=True)
class ResNetSize:
    """A ResNet with BatchNorm: blocks per stage, of two 3x3 convolutions or (bottleneck) of 1x1, 3x3 and 1x1."""

    depths: tuple[int, int, int, int]
    bottleneck: bool


@dataclass(frozen=True)
class BotNetSize:
    """A ResNet of bottleneck blocks, of which those of the last stage attend in place of their 3x3 convolution."""

    depths: tuple[int, int, int, int]


@dataclass(frozen=True)
class TimmSize:
    """An architecture that timm has, under its name there."""

    architecture: str
    stride: int
    """Pixels of the image per step of the last feature map."""
    depths: tuple[int, ...] | None = None
    """Blocks per stage, where they are not the architecture's own."""


@dataclass(frozen=True)
class OwnSize:
    """A network whose builder knows the rest: `docs/adding-a-model.md`."""

    stride: int = 1
    """The least pixels of an image that it takes."""


@dataclass(frozen=True)
class ExternalSize:
    """Any classifier of timm or torchvision: its size is known once it is built."""


Size = EncoderSize | TrunkSize | HybridSize | CompactSize | ResNetSize | BotNetSize | TimmSize | OwnSize | ExternalSize
