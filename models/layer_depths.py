"""How deep in a model each of its parameters lies: what layer-wise learning rates go by.

Depth 0 is the stem: what makes tokens or maps of an image, a hybrid's trunk included, with prefix tokens and positions.
Each block is one deeper than the one before it, the positions of a layer of its own with it. The deepest are the last
norm, a learned pool and the head. That is BEiT's count (Bao et al. 2022, arXiv 2106.08254, as its code has it).

timm's networks are counted as their own `group_matcher` groups them, which leaves some last norms with the last block.
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
"""Where there is one, each layer has an encoding of its own; else the first is of all layers."""
_OUR_HEAD = "?"
"""A name that no matcher of timm's knows, as they know no heads."""


def layer_depths(model: Classifier) -> dict[str, int]:
    """The depth of every parameter, by name: 0 for the stem's, the largest for the head's, none left out between.

    Raises SpecError for a network of which nobody has said how its layers follow each other.
    """
    blocks = _numbered_blocks(model)
    if blocks is not None:
        names = [name for name, _ in model.named_parameters()]
        numbered = [blocks, _POSITIONS] if any(map(_SECOND_POSITION.match, names)) else [blocks]
        return _ranked({name: _place(name, numbered) for name in names})
    if isinstance(model, Wrapped) and hasattr(model.body, "group_matcher"):
        return _depths_of_timm(model, model.body)
    network = model.body if isinstance(model, Wrapped) else model
    raise SpecError(
        f"layer_decay: the order of the layers of {type(network).__name__} is not known; that of every model that "
        "`bench models` lists is, of torchvision's ResNets, and of timm's networks with a group_matcher"
    )


def _numbered_blocks(model: Classifier) -> re.Pattern[str] | None:
    """How a model of ours, or torchvision's ResNet, numbers its blocks in the names of their parameters."""
    match model:
        case VisionTransformer():
            return re.compile(r"blocks\.(\d+)\.")
        case BitResNet():
            return re.compile(r"stages\.(\d+)\.blocks\.(\d+)\.")
        case Wrapped(body=ResNet()):
            return re.compile(r"body\.layer(\d+)\.(\d+)\.")
    return None


def _place(name: str, numbered: list[re.Pattern[str]]) -> tuple[int, ...]:
    """Where a parameter stands among the others: tuples that sort from the stem to the head."""
    block = next(filter(None, (pattern.match(name) for pattern in numbered)), None)
    if block is not None:
        return (1, *map(int, block.groups()))
    return (2,) if _LAST.match(name) else (0,)


def _depths_of_timm(model: Wrapped, body: nn.Module) -> dict[str, int]:
    """As timm groups the body; our head goes with what it leaves ungrouped, or comes after all."""
    together = nn.Module()
    for name, parameter in body.named_parameters(recurse=False):
        together.register_parameter(name, parameter)
    for name, part in [*body.named_children(), (_OUR_HEAD, model.head)]:
        together.add_module(name, part)
    depths: dict[str, int] = group_parameters(together, body.group_matcher(coarse=False), reverse=True)  # type: ignore[operator]
    names = {id(parameter): name for name, parameter in together.named_parameters()}
    return {name: depths[names[id(parameter)]] for name, parameter in model.named_parameters()}


def _ranked(places: dict[str, tuple[int, ...]]) -> dict[str, int]:
    ranks = {place: rank for rank, place in enumerate(sorted(set(places.values())))}
    return {name: ranks[place] for name, place in places.items()}
