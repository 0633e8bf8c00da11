"""Build timm's classifiers, and find their published weights.

A network of fixed input size is built for the suite's image size; timm resamples its tables of positions.
"""

from typing import Any, cast

import timm
from timm.models import get_arch_pretrained_cfgs, is_model, resolve_pretrained_cfg, split_model_name_tag
from torch import Tensor, nn

from models.external.downloads import from_address, from_hub
from models.external.weights_source import Channels, InputScaling, PublishedWeights
from models.external.wrapped import resized_body
from models.spec.model_error import SpecError, did_you_mean

_FILES = ("model.safetensors", "pytorch_model.bin")
"""The names of weight files in a hub's repository, in order of preference."""


def check_name(name: str) -> None:
    """Raise SpecError if timm has no such name or tag; the message suggests the nearest one."""
    architecture, tag = split_model_name_tag(name)
    if not is_model(architecture):
        hint = did_you_mean(architecture, timm.list_models())
        raise SpecError(f"timm has no model {architecture!r}{hint}; timm.list_models() in Python lists them")
    tags = [cfg.tag for cfg in get_arch_pretrained_cfgs(architecture).values() if cfg.tag]
    if tag and tag not in tags:
        known = ", ".join(tags) or "none"
        raise SpecError(f"timm has no weights {tag!r} of {architecture}{did_you_mean(tag, tags)}; known tags: {known}")


def create(name: str, num_classes: int, image_size: int) -> nn.Module:
    """Build the whole network with random initial weights."""
    return _create(name, num_classes, image_size, {})


def classifier_of(network: nn.Module) -> str | None:
    """Return the name of the last linear layer, or 1x1 convolution of a pooled map, in timm's classifier."""
    get_classifier = getattr(network, "get_classifier", None)
    classifier = get_classifier() if get_classifier is not None else None
    if not isinstance(classifier, nn.Module):  # distilled models have a second head, for the teacher
        return None
    linear = [module for module in classifier.modules() if isinstance(module, nn.Linear) or _is_pointwise(module)]
    return next((name for name, module in network.named_modules() if module in linear[-1:]), None)


def resampled(network: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict of the same network at another image size, resampled for this one."""
    return resized_body(network, weights)


def input_scaling(name: str) -> InputScaling:
    """Return the scaling of inputs in timm's configuration of the weights."""
    cfg = resolve_pretrained_cfg(name)
    return InputScaling(cast(Channels, tuple(cfg.mean)), cast(Channels, tuple(cfg.std)))


def fetch(name: str) -> PublishedWeights:
    """Return the weights of the tag, or timm's default ones, from the hub or else from their URL."""
    cfg = resolve_pretrained_cfg(name)
    if cfg.hf_hub_id:
        native = cfg.hf_hub_filename is None or not cfg.custom_load
        path = from_hub(cfg.hf_hub_id, (cfg.hf_hub_filename,) if cfg.hf_hub_filename else _FILES)
        return PublishedWeights(path, f"hub:{cfg.hf_hub_id}", cfg.num_classes, native)
    if cfg.url:
        url = cfg.url if isinstance(cfg.url, str) else cfg.url[0]
        return PublishedWeights(from_address(url), url, cfg.num_classes, not cfg.custom_load)
    cfgs = get_arch_pretrained_cfgs(split_model_name_tag(name)[0]).values()
    tags = [other.tag for other in cfgs if other.has_weights and other.tag]
    raise SpecError(f"timm has no published weights of {name}; tags that have some: {', '.join(tags) or 'none'}")


def create_published(name: str, published: PublishedWeights, num_classes: int, image_size: int) -> nn.Module:
    """Build the whole network with these weights; timm converts and resamples them."""
    cfg = {"file": str(published.path), "custom_load": not published.is_native}
    return _create(name, published.num_classes or num_classes, image_size, cfg)


def _create(name: str, num_classes: int, image_size: int, weights: dict[str, Any]) -> nn.Module:
    """Build the network; `weights` overrides timm's configuration of the weights to load."""
    size: dict[str, Any] = {"img_size": image_size} if resolve_pretrained_cfg(name).fixed_input_size else {}
    network: nn.Module = timm.create_model(
        name, pretrained=bool(weights), pretrained_cfg_overlay=weights or None, num_classes=num_classes, **size
    )
    return network


def _is_pointwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1
