"""Tell how deep in a model each parameter lies; layer-wise learning rates depend on it.

Depth 0 is the stem: what makes tokens or maps of an image, with a hybrid's trunk, prefix tokens and positions. Each
block is one deeper than the one before, together with the positions of its layer, if each layer has its own. The last
norm, a learned pool and the head are the deepest. That is BEiT's count (Bao et al. 2022, arXiv 2106.08254, as in its
code).

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
"""If a second encoding exists, each layer has its own; otherwise all layers share the first."""
_OUR_HEAD = "?"
"""A name that none of timm's matchers knows, as for a head of another name."""


def layer_depths(model: Classifier) -> dict[str, int]:
    """Return the depth of every parameter, by name: 0 in the stem, the largest in the head, no number left out.

    Raises:
        SpecError: the order of the network's layers is not known.
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
    """Return how a model of ours, or torchvision's ResNet, numbers its blocks in the names of their parameters."""
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
    """Group the body as timm does; our head goes with what that leaves ungrouped, or comes last."""
    together = nn.Module()
    for name, parameter in body.named_parameters(recurse=False):
        together.register_parameter(name, parameter)
    for name, part in [*body.named_children(), (_OUR_HEAD, model.head)]:
        together.add_module(name, part)
    depths: dict[str, int] = group_parameters(together, body.group_matcher(coarse=False), reverse=True)  # type: ignore[operator]
    names = {id(parameter): name for name, parameter in together.named_parameters()}
    return {name: depths[names[id(parameter)]] for name, parameter in model.named_parameters()}
