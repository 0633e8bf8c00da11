"""The peers of a model: the same network in the implementation of timm or torchvision, to compare speeds.

A peer has the same number of parameters and multiply-accumulates, and the same logits with the same weights, if these
can be converted. A similar network, for example one without a certain bias, is not a peer. `timm_peers` and
`torchvision_peers` build peers from the library's own classes, with its initial weights and its attention kernels. This
module imports torch and the libraries only when it builds or counts a network.
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
from models.spec.sizes import EncoderSize, HybridSize, ResNetSize, TimmSize, TrunkSize

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
"""The blocks and widths per stage of each ConvNeXt that torchvision's class can build; it has no ConvNeXt V2."""

_SMALL_IMAGE = 64
"""The pixels per side up to which the reference has the patch size of its preset."""
_LITERATURE_PATCH = 16


def peers_of(spec: str) -> tuple[Library, ...]:
    """Return the libraries that have exactly this model, `timm` before `torchvision`.

    Raises:
        SpecError: The spec does not name a model.
    """
    parsed = parse_spec(spec)
    has = {"timm": _timm_has, "torchvision": _torchvision_has}
    return tuple(library for library in LIBRARIES if has[library](parsed))


def build_peer(spec: str, implementation: Library, *, num_classes: int, image_size: int) -> "nn.Module":
    """Build a library's network of a model: scaled images (batch, 3, size, size) -> logits (batch, num_classes).

    The initial weights are drawn as the library does it, from torch's global generator, on torch's default device.

    Raises:
        SpecError: There is no such model or peer, or it does not accept images of this size.
    """
    parsed, peers = parse_spec(spec), peers_of(spec)
    if implementation not in peers:
        alternative = f"there is one in {peers[0]}" if peers else "neither timm nor torchvision has this model"
        raise SpecError(f"model '{parsed}' has no peer in {implementation}; {alternative}")
    check(parsed, image_size)
    if implementation == "timm":
        from bench.speed.peers.timm_peers import build
    else:
        from bench.speed.peers.torchvision_peers import build
    network = build(parsed, num_classes, image_size)
    _check_size(network, parsed, implementation, num_classes, image_size)
    return network


def reference_of(models: Sequence[str], image_size: int) -> str:
    """Return the ViT whose timm peer is the reference of a suite with these models.

    It is the first ViT among them that has no options and that timm has. If there is none, it is the ViT preset whose
    number of parameters is nearest to the first model's, with a patch that tiles images of `image_size` pixels.

    Raises:
        SpecError: A name is wrong, or the first model does not accept images of this size.
    """
    vits = (spec for spec in map(parse_spec, models) if isinstance(spec.kind.size, EncoderSize) and not spec.options)
    first = next((spec for spec in vits if _timm_has(spec)), None)
    return str(first) if first is not None else _nearest_vit(models[0], image_size)


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
        case TimmSize():  # only ConvNeXts take the patch of their stem as an argument
            return spec.option("stem") == "imagenet" or spec.family == "cnn"
    return False


def _torchvision_has(spec: ModelSpec) -> bool:
    match spec.kind.size:
        case EncoderSize(renormalised=False):
            fixed = ("pool", "pos", "pos_at", "registers", "layer_scale", "drop_path")
            return _has_plain_tokens(spec) and spec == spec.without(*fixed)
        case ResNetSize():
            return spec.option("stem") == "imagenet"
        case TimmSize():
            return spec.option("stem") == "imagenet" and spec.preset in CONVNEXTS
    return False


def _has_plain_tokens(spec: ModelSpec) -> bool:
    """Tell whether tokens are tiles of the image or come from a convolutional stem; no library has other tokens."""
    if spec.option("tokenizer") == "linear":
        return spec.number("stride") == spec.patch and spec.number("padding") == 0
    return spec.option("tokenizer") == "conv-stem"


def _timm_has_tokens(spec: ModelSpec) -> bool:
    """Tell whether timm has the spec's tokenizer; its rotary ViT accepts no convolutional stem."""
    return _has_plain_tokens(spec) and (spec.option("tokenizer") == "linear" or spec.option("pos") != "rope-2d")


def _timm_has_pool(spec: ModelSpec) -> bool:
    """Tell whether timm has the spec's pooling; its ViT with a relative bias has no attention pooling or registers."""
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
    """Raise a SpecError if the installed version of the library builds another network."""
    from models.counts import num_parameters

    theirs, wanted = num_parameters(network), _parameters_of_ours(spec, num_classes, image_size)
    if theirs != wanted:
        raise SpecError(
            f"model '{spec}' has {wanted:,} parameters, but the installed {library} builds it with {theirs:,}, so it "
            "is no peer; use the version in requirements/"
        )


@cache
def _parameters_of_ours(spec: ModelSpec, num_classes: int, image_size: int) -> int:
    """Return the number of parameters of our model; cached, as a search builds a peer for each setting it tries."""
    from models.counts import count_parameters

    return count_parameters(spec, num_classes, image_size)


def _nearest_vit(model: str, image_size: int) -> str:
    """Return the ViT preset whose number of parameters is nearest by ratio."""
    from models.counts import count_parameters

    wanted = log(count_parameters(model, image_size=image_size))
    vits = [name for name, preset in PRESETS.items() if isinstance(preset.size, EncoderSize)]
    named = [f"{name}/{_fitting_patch(name, image_size)}" for name in vits]
    sizes = {name: log(count_parameters(name, image_size=image_size)) for name in named if "timm" in peers_of(name)}
    return min(sizes, key=lambda name: abs(sizes[name] - wanted))


def _fitting_patch(preset: str, image_size: int) -> int:
    """Return the patch size nearest to the customary one among those that tile the image."""
    preset_patch = PRESETS[preset].patch
    assert isinstance(preset_patch, int)
    customary = preset_patch if image_size <= _SMALL_IMAGE else _LITERATURE_PATCH
    fitting = [patch for patch in range(1, image_size + 1) if image_size % patch == 0]
    return min(fitting, key=lambda patch: abs(patch - customary))
