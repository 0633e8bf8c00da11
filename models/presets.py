"""The presets: which models there are, how large they are and which options each takes.

Plain data, so that planning and reporting read it without torch. Sizes of the ViTs are those of
Dosovitskiy et al. 2021 (arXiv 2010.11929) and Touvron et al. 2021; pico and nano are ours, for CPUs.
The convolutional presets are cut so that a size class holds one member of each family within 20 % of
the parameters: `vit_pico/8`, `bit_resnet_pico`, `r_pico+vit_pico/8`, and so on upwards.
"""

from dataclasses import dataclass
from math import prod
from typing import Literal

Family = Literal["vit", "cnn", "hybrid"]
OptionValue = str | int


@dataclass(frozen=True)
class Option:
    """One `key=value` that a preset takes: one of `choices`, or without them a whole number >= `minimum`."""

    name: str
    default: OptionValue | None  # None: the patch size
    choices: tuple[str, ...] = ()
    minimum: int = 0

    def allowed(self) -> str:
        """What a value may be, in words."""
        return " | ".join(self.choices) if self.choices else f"a whole number >= {self.minimum}"


@dataclass(frozen=True)
class EncoderSize:
    """A Transformer encoder: `depth` blocks of `heads` heads over tokens of `width` numbers."""

    width: int
    depth: int
    heads: int
    mlp_ratio: int = 4


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
class HybridSize:
    """A convolutional trunk whose feature map becomes the tokens of an encoder."""

    trunk: TrunkSize
    encoder: EncoderSize


Size = EncoderSize | TrunkSize | HybridSize


@dataclass(frozen=True)
class Preset:
    """A named point of a family; `patch` is the one listed (None: the preset takes no patch size)."""

    family: Family
    size: Size
    patch: int | None = None
    options: tuple[Option, ...] = ()


POSITIONS = ("none", "learned-1d", "sincos-2d")
POSITION = Option("pos", "learned-1d", choices=POSITIONS)
STRIDE = Option("stride", None, minimum=1)
PADDING = Option("padding", 0)


def _vit(patch: int, size: EncoderSize) -> Preset:
    return Preset("vit", size, patch, (PADDING, POSITION, STRIDE))


def _cnn(size: TrunkSize) -> Preset:
    return Preset("cnn", size)


def _hybrid(patch: int, trunk: TrunkSize, encoder: EncoderSize) -> Preset:
    return Preset("hybrid", HybridSize(trunk, encoder), patch, (POSITION,))


_PICO = EncoderSize(width=64, depth=4, heads=4)
_NANO = EncoderSize(width=128, depth=6, heads=4)
_TINY = EncoderSize(width=192, depth=12, heads=3)

_BIT_PICO = TrunkSize((1, 3), (64, 256), (1, 2), 32, stem_kernel=6, stem_stride=4, norm_groups=8)
_BIT_NANO = TrunkSize((1, 2, 4), (64, 128, 512), (1, 2, 2), 32, stem_stride=2, norm_groups=16)
_BIT_TINY = TrunkSize((3, 4, 4, 3), (128, 256, 512, 1024), (1, 2, 2, 2), 64)
_BIT_50 = TrunkSize((3, 4, 6, 3), (256, 512, 1024, 2048), (1, 2, 2, 2), 64, 7, 2, stem_pool=True)

_R_PICO = TrunkSize((1,), (32,), (1,), 32, stem_kernel=6, stem_stride=4, norm_groups=8)
_R_NANO = TrunkSize((1, 1), (64, 128), (1, 2), 32, stem_stride=2, norm_groups=16)
_R_TINY = TrunkSize((1, 2), (128, 256), (1, 2), 64, stem_stride=2)

PRESETS: dict[str, Preset] = {
    "vit_pico": _vit(8, _PICO),
    "vit_nano": _vit(8, _NANO),
    "vit_tiny": _vit(4, _TINY),
    "vit_small": _vit(16, EncoderSize(width=384, depth=12, heads=6)),
    "vit_base": _vit(16, EncoderSize(width=768, depth=12, heads=12)),
    "bit_resnet_pico": _cnn(_BIT_PICO),
    "bit_resnet_nano": _cnn(_BIT_NANO),
    "bit_resnet_tiny": _cnn(_BIT_TINY),
    "bit_resnet50": _cnn(_BIT_50),
    "r_pico+vit_pico": _hybrid(8, _R_PICO, _PICO),
    "r_nano+vit_nano": _hybrid(8, _R_NANO, _NANO),
    "r_tiny+vit_tiny": _hybrid(4, _R_TINY, _TINY),
}
