"""Networks that both libraries have: of one library's, the other's own. `peers` decides which there are."""

from torch import nn

from bench.speed.peers.matching import TIMM_TO_TORCHVISION, outside_name
from models.external.regularisation import switch_off
from models.external.weights_source import adapter_of, reason
from models.spec.families import Library
from models.spec.model_error import SpecError
from models.spec.model_spec import ModelSpec

_TORCHVISION_TO_TIMM = {theirs: timm for timm, theirs in TIMM_TO_TORCHVISION.items()}


def build(spec: ModelSpec, library: Library, num_classes: int, image_size: int) -> nn.Module:
    """The network of a library that is the spec's of the other one."""
    names = TIMM_TO_TORCHVISION if library == "torchvision" else _TORCHVISION_TO_TIMM
    name = names[outside_name(spec)]
    try:
        network = adapter_of(library).create(name, num_classes, image_size)
    except (AssertionError, RuntimeError, ValueError) as error:
        raise SpecError(f"{library} can't build {name} for images of {image_size} pixels: {reason(error)}") from error
    switch_off(network)
    return network
