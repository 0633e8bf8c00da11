"""The peers of a model: the same network as timm or torchvision builds it, for ours to be measured beside.

The same means as many parameters and multiply-accumulates, and, where the weights can be carried over, the same
logits. A library that only has something similar, a bias less say, has no peer. What `peers_timm`, `peers_torchvision`
and `peers_outside` build comes from the library's own classes by their arguments, with its own initial weights, its own
attention kernels, and without dropout. Imports neither torch nor a library until something is built or counted.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from math import log
from typing import TYPE_CHECKING

from models.spec.families import LIBRARIES, Library
from models.spec.geometry import check
from models.spec.model_error import SpecError
from models.spec.model_spec import ModelSpec, parse_spec
from models.spec.presets import PRESETS
from models.spec.sizes import EncoderSize, ExternalSize, HybridSize, ResNetSize, TimmSize, TrunkSize

if TYPE_CHECKING:
    from torch import nn

CONVNEXTS: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "convnext_atto": ((2, 2, 6, 2), (40, 80, 160, 320)),
    "convnext_femto": ((2, 2, 6, 2), (48, 96, 192, 384)),
    "convnext_tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "convnext_small": ((3, 3, 27, 3), (96, 192, 384, 768)),
    "convnext_base": ((3, 3, 27, 3), (128, 256, 512, 1024)),
    "convnext_xlarge": ((3, 3, 27, 3), (256, 512, 1024, 2048)),
}
"""Blocks and widths of the stages of those that torchvision's class can be; it has no ConvNeXt V2."""

_OF_ONE_NAME = (
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "resnext50_32x4d"),
    *("convnext_tiny", "convnext_small", "convnext_base", "convnext_large", "efficientnet_b0"),
)
TIMM_TO_TORCHVISION: Mapping[str, str] = {
    **{name: name for name in _OF_ONE_NAME},
    "mobilenetv2_100": "mobilenet_v2",
    "mobilenetv3_large_100": "mobilenet_v3_large",
    "mobilenetv3_small_100": "mobilenet_v3_small",
    "vit_base_patch16_224": "vit_b_16",
    "vit_base_patch32_224": "vit_b_32",
    "vit_large_patch16_224": "vit_l_16",
    "vit_huge_patch14_224": "vit_h_14",
}
"""Networks that both libraries have, at any image size; equal counts alone are no proof, so the list is by hand."""

_SMALL_IMAGE = 64
"""Pixels a side up to which the reference has its preset's patch."""
_LITERATURE_PATCH = 16


def peers_of(spec: str) -> tuple[Library, ...]:
    """The libraries that have exactly this model, `timm` before `torchvision`; empty where none has.

    Raises:
        SpecError: the spec names no model.
    """
    parsed = parse_spec(spec)
    has = {"timm": _timm_has, "torchvision": _torchvision_has}
    return tuple(library for library in LIBRARIES if has[library](parsed))


def build_peer(spec: str, implementation: Library, *, num_classes: int, image_size: int) -> "nn.Module":
    """The library's network of that model: images (batch, 3, size, size), scaled -> logits (batch, num_classes).

    Its initial weights are the library's own, drawn from torch's global generator, on the current default device.

    Raises:
        SpecError: no such model or peer, or images that it does not take; the message names what there is.
    """
    parsed, peers = parse_spec(spec), peers_of(spec)
    if implementation not in peers:
        there_is = f"there is one in {peers[0]}" if peers else "neither timm nor torchvision has this model"
        raise SpecError(f"model '{parsed}' has no peer in {implementation}; {there_is}")
    check(parsed, image_size)
    network = _build(parsed, implementation, num_classes, image_size)
    _check_size(network, parsed, implementation, num_classes, image_size)
    return network


def reference_of(models: Sequence[str], image_size: int) -> str:
    """The ViT of ours whose timm peer is what a suite of these models is measured beside.

    That is the first ViT without options that timm has; else the preset whose parameters are nearest to the first
    model's, in patches that tile an image of `image_size` pixels.

    Raises:
        SpecError: a name that is wrong, or a first model that takes no such images.
    """
    vits = (spec for spec in map(parse_spec, models) if isinstance(spec.kind.size, EncoderSize) and not spec.options)
    chosen = next((spec for spec in vits if _timm_has(spec)), None)
    return str(chosen) if chosen is not None else _nearest_vit(models[0], image_size)


def outside_name(spec: ModelSpec) -> str:
    """The architecture's, without the tag of its weights."""
    return spec.library_name.partition(".")[0]


def _build(spec: ModelSpec, library: Library, num_classes: int, image_size: int) -> "nn.Module":
    if isinstance(spec.kind.size, ExternalSize):
        from bench.speed.peers import external_peers

        return external_peers.build(spec, library, num_classes, image_size)
    if library == "timm":
        from bench.speed.peers.timm_peers import build
    else:
        from bench.speed.peers.torchvision_peers import build
    return build(spec, num_classes, image_size)


def _timm_has(spec: ModelSpec) -> bool:
    match spec.kind.size:
        case EncoderSize(renormalised=False):
            return _timm_has_tokens(spec) and _timm_has_pool(spec) and _timm_has_position(spec)
        case HybridSize():
            return _timm_has_pool(spec) and _timm_has_position(spec)
        case TrunkSize():
            return True
        case ResNetSize():
            return spec.option("stem") == "imagenet"
        case TimmSize():  # a ConvNeXt's patch is an argument, the stems of the others are not
            return spec.option("stem") == "imagenet" or spec.family == "cnn"
        case ExternalSize():
            return spec.library == "torchvision" and outside_name(spec) in TIMM_TO_TORCHVISION.values()
    return False


def _torchvision_has(spec: ModelSpec) -> bool:
    match spec.kind.size:
        case EncoderSize(renormalised=False):
            others = ("pool", "pos", "pos_at", "registers", "layer_scale", "drop_path")
            return _has_plain_tokens(spec) and spec == spec.without(*others)
        case ResNetSize():
            return spec.option("stem") == "imagenet"
        case TimmSize():
            return spec.option("stem") == "imagenet" and spec.preset in CONVNEXTS
        case ExternalSize():
            return spec.library == "timm" and outside_name(spec) in TIMM_TO_TORCHVISION
    return False


def _has_plain_tokens(spec: ModelSpec) -> bool:
    """Patches side by side, or a convolutional stem: neither library pads an image or lets patches overlap."""
    if spec.option("tokenizer") == "linear":
        return spec.number("stride") == spec.patch and spec.number("padding") == 0
    return spec.option("tokenizer") == "conv-stem"


def _timm_has_tokens(spec: ModelSpec) -> bool:
    """Its rotary ViT cuts patches, and takes no convolutional stem."""
    return _has_plain_tokens(spec) and (spec.option("tokenizer") == "linear" or spec.option("pos") != "rope-2d")


def _timm_has_pool(spec: ModelSpec) -> bool:
    """Its ViT with a relative bias neither attends in order to pool nor takes registers."""
    if spec.option("pos") == "relative":
        return spec.option("pool") in ("cls", "gap") and spec.number("registers") == 0
    return spec.option("pool") in ("cls", "gap", "map")


def _timm_has_position(spec: ModelSpec) -> bool:
    match spec.option("pos"):
        case "none" | "relative":
            return True
        case "learned-1d":
            return spec.option("pos_at") == "input"
        case "rope-2d":
            return isinstance(spec.kind.size, EncoderSize)
    return False


def _check_size(network: "nn.Module", spec: ModelSpec, library: Library, num_classes: int, image_size: int) -> None:
    """Refuse a peer that another version of the library builds otherwise."""
    from models.counts import num_parameters

    theirs, wanted = num_parameters(network), _parameters_of_ours(spec, num_classes, image_size)
    if theirs != wanted:
        raise SpecError(
            f"model '{spec}' has {wanted:,} parameters, and {theirs:,} as the installed {library} builds it, so that "
            "is no peer; use the version in requirements/"
        )


@cache
def _parameters_of_ours(spec: ModelSpec, num_classes: int, image_size: int) -> int:
    """A search builds a peer for every setting that it tries; ours is counted once."""
    from models.counts import count_parameters

    return count_parameters(spec, num_classes, image_size)


def _nearest_vit(model: str, image_size: int) -> str:
    """The preset nearest by the ratio of parameters."""
    from models.counts import count_parameters

    wanted = log(count_parameters(model, image_size=image_size))
    vits = [name for name, preset in PRESETS.items() if isinstance(preset.size, EncoderSize)]
    named = [f"{name}/{_fitting_patch(name, image_size)}" for name in vits]
    sizes = {name: log(count_parameters(name, image_size=image_size)) for name in named if "timm" in peers_of(name)}
    return min(sizes, key=lambda name: abs(sizes[name] - wanted))


def _fitting_patch(preset: str, image_size: int) -> int:
    """The pixels that divide the image nearest to the customary ones."""
    own = PRESETS[preset].patch
    assert isinstance(own, int)
    customary = own if image_size <= _SMALL_IMAGE else _LITERATURE_PATCH
    fitting = [patch for patch in range(1, image_size + 1) if image_size % patch == 0]
    return min(fitting, key=lambda patch: abs(patch - customary))
