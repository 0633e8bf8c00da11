"""Compute the depth of each parameter in a model, for layer-wise learning rates.

Depth 0 is the stem: the layers before the first block, with a hybrid's trunk, prefix tokens and positions. Each block
is one deeper than the block before. It includes the positions of its layer, if each layer has its own. The last norm, a
learned pool and the head are the deepest. These are BEiT's depths (Bao et al. 2022, arXiv 2106.08254, as in its code).

timm's networks use the groups of their own `group_matcher`, which counts some last norms with the last block.
"""

import re

from timm.models import group_parameters
from torch import nn
from torchvision.models.resnet import ResNet

from models.contract import Classifier
from models.external.wrapped import Wrapped
from models.resnet import BitResNet
from models.spec.model_error import SpecError
from models.vit import VisionTransformer

_LAST = re.compile(r"(norm|attn_pool|head)\.")
_POSITIONS = re.compile(r"position\.\w+\.(\d+)")
_SECOND_POSITION = re.compile(r"position\.\w+\.1\b")
"""Matches a second positional encoding: if it exists, each layer has its own; otherwise all layers share one."""
_OUR_HEAD = "?"
"""A name for our head that none of timm's matchers knows."""


def layer_depths(model: Classifier) -> dict[str, int]:
    """Return parameter name -> depth: 0 in the stem, the largest in the head, without gaps.

    Raises:
        SpecError: The order of the network's layers is unknown.
    """
    blocks = _numbered_blocks(model)
    if blocks is not None:
        names = [name for name, _ in model.named_parameters()]
        numbered = [blocks, _POSITIONS] if any(map(_SECOND_POSITION.match, names)) else [blocks]
        places = {name: _place(name, numbered) for name in names}
        ranks = {place: rank for rank, place in enumerate(sorted(set(places.values())))}
        return {name: ranks[place] for name, place in places.items()}
    if isinstance(model, Wrapped) and hasattr(model.body, "group_matcher"):
        return _depths_of_timm(model, model.body)
    network = model.body if isinstance(model, Wrapped) else model
    raise SpecError(
        f"layer_decay: the order of the layers of {type(network).__name__} is not known; it is known for every model "
        "that `bench models` lists, for torchvision's ResNets, and for timm's networks with a group_matcher"
    )


def _numbered_blocks(model: Classifier) -> re.Pattern[str] | None:
    """Return the pattern of block numbers in the parameter names of our models and torchvision's ResNets."""
    match model:
        case VisionTransformer():
            return re.compile(r"blocks\.(\d+)\.")
        case BitResNet():
            return re.compile(r"stages\.(\d+)\.blocks\.(\d+)\.")
        case Wrapped(body=ResNet()):
            return re.compile(r"body\.layer(\d+)\.(\d+)\.")
    return None


def _place(name: str, numbered: list[re.Pattern[str]]) -> tuple[int, ...]:
    """Return a tuple that sorts parameters from the stem to the head."""
    block = next(filter(None, (pattern.match(name) for pattern in numbered)), None)
    if block is not None:
        return (1, *map(int, block.groups()))
    return (2,) if _LAST.match(name) else (0,)


def _depths_of_timm(model: Wrapped, body: nn.Module) -> dict[str, int]:
    """Return the depths by timm's groups; our head joins the parameters without a group, or comes last."""
    together = nn.Module()
    for name, parameter in body.named_parameters(recurse=False):
        together.register_parameter(name, parameter)
    for name, part in [*body.named_children(), (_OUR_HEAD, model.head)]:
        together.add_module(name, part)
    depths: dict[str, int] = group_parameters(together, body.group_matcher(coarse=False), reverse=True)  # type: ignore[operator]
    names = {id(parameter): name for name, parameter in together.named_parameters()}
    return {name: depths[names[id(parameter)]] for name, parameter in model.named_parameters()}
