"""List the presets: the names, sizes and options of all models. Imports no torch.

Sources of the sizes:

- ViTs, tiny to huge: Dosovitskiy et al. 2021 (arXiv 2010.11929) and Touvron et al. 2021 (arXiv 2012.12877).
- `vit_lite7` and `cct_*`: Hassani et al. 2021 (arXiv 2104.05704).
- `bit_resnet50` to `152x2`: Kolesnikov et al. 2020 (arXiv 1912.11370). `resnet*`: He et al. 2016 (arXiv 1512.03385).
- `convnext_*`: Liu et al. 2022 (arXiv 2201.03545). `convnextv2_huge`: Woo et al. 2023 (arXiv 2301.00808).
- `botnet50`: Srinivas et al. 2021 (arXiv 2101.11605). `coatnet_*`: Dai et al. 2021 (arXiv 2106.04803).
- `maxvit_tiny`: Tu et al. 2022 (arXiv 2204.01697).
- The sizes pico and nano, and the convolutional presets for 32 pixels, are ours, for CPUs.

Each ViT has models of the other families within 20 % of its parameters, or of its multiply-accumulates
(`models.spec.size_classes`). The sizes of our convolutional presets were chosen for that.
"""

from dataclasses import dataclass

from models.spec import sizes
from models.spec.families import Family
from models.spec.options import STEM, TOKENIZER_OPTIONS, Option, encoder_options


@dataclass(frozen=True)
class Convolutions:
    """A convolutional tokenizer, such as `3x1`: the side of the kernel in pixels, and the number of convolutions."""

    kernel: int
    layers: int

    def __str__(self) -> str:
        return f"{self.kernel}x{self.layers}"

    @property
    def stride(self) -> int:
        """Return the stride of one convolution: 1 up to 5x5, 2 at 7x7, as in the authors' code."""
        return max(1, self.kernel // 2 - 1)

    @property
    def pixels(self) -> int:
        """Return the pixels of an image side per token: a pool of stride 2 follows each convolution."""
        return int((2 * self.stride) ** self.layers)


Patch = int | Convolutions
"""The part of a name after the slash: the pixels per token, or the convolutions of the tokenizer."""


@dataclass(frozen=True)
class Preset:
    """A named model of a family."""

    family: Family
    size: sizes.Size
    patch: Patch | None = None
    """The patch that `bench models` lists; None if the preset takes no patch."""
    options: tuple[Option, ...] = ()


def _vit(patch: int, size: sizes.EncoderSize) -> Preset:
    return Preset("vit", size, patch, (*encoder_options(size.depth), *TOKENIZER_OPTIONS))


def _trunk_hybrid(patch: int, trunk: sizes.TrunkSize | sizes.PaperTrunkSize, encoder: sizes.EncoderSize) -> Preset:
    return Preset("hybrid", sizes.HybridSize(trunk, encoder), patch, encoder_options(encoder.depth))


def _compact(patch: Convolutions, encoder: sizes.EncoderSize) -> Preset:
    return Preset("hybrid", sizes.CompactSize(encoder), patch, encoder_options(encoder.depth, pool="seq"))


def _compact_encoder(width: int, depth: int, heads: int, mlp_ratio: int) -> sizes.EncoderSize:
    return sizes.EncoderSize(width, depth, heads, mlp_ratio, qkv_bias=False, renormalised=True, norm_eps=1e-5)


_PICO = sizes.EncoderSize(width=64, depth=4, heads=4)
_NANO = sizes.EncoderSize(width=128, depth=6, heads=4)
_TINY = sizes.EncoderSize(width=192, depth=12, heads=3)
_SMALL = sizes.EncoderSize(width=384, depth=12, heads=6)
_BASE = sizes.EncoderSize(width=768, depth=12, heads=12)
_LARGE = sizes.EncoderSize(width=1024, depth=24, heads=16)
_HUGE = sizes.EncoderSize(width=1280, depth=32, heads=16)
_LITE7 = _compact_encoder(width=256, depth=7, heads=4, mlp_ratio=2)

_VITS = {
    "vit_pico": _vit(8, _PICO),
    "vit_nano": _vit(8, _NANO),
    "vit_lite7": _vit(4, _LITE7),
    "vit_tiny": _vit(4, _TINY),
    "vit_small": _vit(16, _SMALL),
    "vit_base": _vit(16, _BASE),
    "vit_large": _vit(16, _LARGE),
    "vit_huge": _vit(14, _HUGE),
}

_BIT_PICO = sizes.TrunkSize((1, 3), (64, 256), (1, 2), 32, stem_kernel=6, stem_stride=4, norm_groups=8)
_BIT_NANO = sizes.TrunkSize((1, 2, 4), (64, 128, 512), (1, 2, 2), 32, stem_stride=2, norm_groups=16)
_BIT_TINY = sizes.TrunkSize((3, 4, 4, 3), (128, 256, 512, 1024), (1, 2, 2, 2), 64)


def _bit(depths: tuple[int, int, int, int], factor: int = 1) -> Preset:
    """Return a BiT-R of the paper, with all widths multiplied by `factor`."""
    widths = tuple(width * factor for width in (256, 512, 1024, 2048))
    return Preset("cnn", sizes.TrunkSize(depths, widths, (1, 2, 2, 2), 64 * factor, 7, 2, stem_pool=True))


def _resnet(depths: tuple[int, int, int, int], *, bottleneck: bool) -> Preset:
    return Preset("cnn", sizes.ResNetSize(depths, bottleneck), options=(STEM,))


def _convnext(architecture: str) -> Preset:
    return Preset("cnn", sizes.ConvNextSize(architecture), options=(STEM,))


def _interleaved(architecture: str) -> Preset:
    return Preset("hybrid", sizes.InterleavedSize(architecture), options=(STEM,))


_CNNS = {
    "bit_resnet_pico": Preset("cnn", _BIT_PICO),
    "bit_resnet_nano": Preset("cnn", _BIT_NANO),
    "bit_resnet_tiny": Preset("cnn", _BIT_TINY),
    "bit_resnet50": _bit((3, 4, 6, 3)),
    "bit_resnet101": _bit((3, 4, 23, 3)),
    "bit_resnet152": _bit((3, 8, 36, 3)),
    "bit_resnet50x2": _bit((3, 4, 6, 3), factor=2),
    "bit_resnet152x2": _bit((3, 8, 36, 3), factor=2),
    "resnet18": _resnet((2, 2, 2, 2), bottleneck=False),
    "resnet34": _resnet((3, 4, 6, 3), bottleneck=False),
    "resnet50": _resnet((3, 4, 6, 3), bottleneck=True),
    "resnet101": _resnet((3, 4, 23, 3), bottleneck=True),
    "resnet152": _resnet((3, 8, 36, 3), bottleneck=True),
    "convnext_atto": _convnext("convnext_atto"),
    "convnext_femto": _convnext("convnext_femto"),
    "convnext_tiny": _convnext("convnext_tiny"),
    "convnext_small": _convnext("convnext_small"),
    "convnext_base": _convnext("convnext_base"),
    "convnext_xlarge": _convnext("convnext_xlarge"),
    "convnextv2_huge": _convnext("convnextv2_huge"),
}

_R_PICO = sizes.TrunkSize((1,), (32,), (1,), 32, stem_kernel=6, stem_stride=4, norm_groups=8)
_R_NANO = sizes.TrunkSize((1, 1), (64, 128), (1, 2), 32, stem_stride=2, norm_groups=16)
_R_TINY = sizes.TrunkSize((1, 2), (128, 256), (1, 2), 64, stem_stride=2)
_R26 = sizes.PaperTrunkSize((2, 2, 2, 2))
_R50_STRIDE_16 = sizes.PaperTrunkSize((3, 4, 9))
_R50 = sizes.PaperTrunkSize((3, 4, 6, 3))

_HYBRIDS = {
    "r_pico+vit_pico": _trunk_hybrid(8, _R_PICO, _PICO),
    "r_nano+vit_nano": _trunk_hybrid(8, _R_NANO, _NANO),
    "r_tiny+vit_tiny": _trunk_hybrid(4, _R_TINY, _TINY),
    "r26+vit_small": _trunk_hybrid(32, _R26, _SMALL),
    "r50+vit_base": _trunk_hybrid(16, _R50_STRIDE_16, _BASE),
    "r50+vit_large": _trunk_hybrid(32, _R50, _LARGE),
    "cct_2": _compact(Convolutions(3, 2), _compact_encoder(width=128, depth=2, heads=2, mlp_ratio=1)),
    "cct_4": _compact(Convolutions(3, 2), _compact_encoder(width=128, depth=4, heads=2, mlp_ratio=1)),
    "cct_6": _compact(Convolutions(3, 1), _compact_encoder(width=256, depth=6, heads=4, mlp_ratio=2)),
    "cct_7": _compact(Convolutions(3, 1), _LITE7),
    "cct_14": _compact(Convolutions(7, 2), _compact_encoder(width=384, depth=14, heads=6, mlp_ratio=3)),
    "botnet50": Preset("hybrid", sizes.BotNetSize((3, 4, 6, 3)), options=(STEM,)),
    "coatnet_0": _interleaved("coatnet_0_224"),
    "coatnet_5": _interleaved("coatnet_5_224"),
    "maxvit_tiny": _interleaved("maxvit_tiny_tf_224"),
}

PRESETS: dict[str, Preset] = _VITS | _CNNS | _HYBRIDS
