"""Build torchvision's classifiers, and find their published weights (DEFAULT).

GoogLeNet and Inception v3 are built without their auxiliary heads. Their published weights expect the same scaling as
ours, with mean 0.5 and standard deviation 0.5. torchvision converts to it inside the network; here that is switched
off.
"""

import re
from collections import OrderedDict
from typing import Any, cast

import torch
import torchvision.models as library
from torch import Tensor, nn
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

from models.external.downloads import from_address
from models.external.weights_source import OURS, Channels, InputScaling, PublishedWeights
from models.spec.model_error import SpecError, did_you_mean
from models.weights import read_weights

_WITH_AUXILIARY_HEADS = ("googlenet", "inception_v3")
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
_POSITIONS = "encoder.pos_embedding"
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""Matches old names in the published DenseNets, such as `norm.1.weight` for `norm1.weight`."""


def check_name(name: str) -> None:
    """Raise SpecError if torchvision has no such classifier; the message suggests the nearest one."""
    known = library.list_models(module=library)
    if name not in known:
        raise SpecError(f"torchvision has no classifier {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}")


def create(name: str, num_classes: int, image_size: int) -> nn.Module:
    """Build the whole network with random initial weights."""
    device = torch.get_default_device()
    with torch.device("cpu" if name.startswith("regnet") else device):  # a RegNet computes its widths with tensors
        network: nn.Module = library.get_model(
            name, weights=None, num_classes=num_classes, **_arguments(name, image_size)
        )
    return network.to(device)


def classifier_of(network: nn.Module) -> str | None:
    """Return the name of the last linear layer, with which torchvision's networks end."""
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    return linear[-1] if linear else None


def resampled(network: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict of the same network at another image size, resampled, without auxiliary heads."""
    body = {name: tensor for name, tensor in weights.items() if not name.startswith(_AUXILIARY)}
    if isinstance(network, VisionTransformer) and _POSITIONS in body:
        body = dict(interpolate_embeddings(network.image_size, network.patch_size, body))
    return body


def input_scaling(name: str) -> InputScaling:
    """Return the scaling of inputs in the published weights' transforms."""
    if name in _WITH_AUXILIARY_HEADS:
        return OURS
    transforms = _published(name).transforms()
    return InputScaling(cast(Channels, tuple(transforms.mean)), cast(Channels, tuple(transforms.std)))


def fetch(name: str) -> PublishedWeights:
    """Return the weights that torchvision calls DEFAULT, from torch's cache or their URL."""
    weights = _published(name)
    return PublishedWeights(from_address(weights.url), weights.url, len(weights.meta["categories"]))


def create_published(name: str, published: PublishedWeights, num_classes: int, image_size: int) -> nn.Module:
    """Build the whole network with these weights; its modules convert names of older files."""
    network = create(name, published.num_classes or num_classes, image_size)
    content = read_weights(published.path)
    weights = resampled(network, {_OLD_DENSENET.sub(r"\1\2", key): tensor for key, tensor in content.items()})
    state = OrderedDict(weights)
    state._metadata = getattr(content, "_metadata", {})  # type: ignore[attr-defined]
    network.load_state_dict(state)
    return network


def _arguments(name: str, image_size: int) -> dict[str, Any]:
    """Return the builder's arguments other than the number of classes."""
    if name in _WITH_AUXILIARY_HEADS:
        return {"aux_logits": False, "init_weights": True}
    if name.startswith("vit_"):
        return {"image_size": image_size}
    return {"input_size": (image_size, image_size)} if name == "maxvit_t" else {}


def _published(name: str) -> Any:
    return library.get_model_weights(name).DEFAULT
