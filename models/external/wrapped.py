"""Networks of timm and torchvision behind our contract: their body, our head."""

import math
import sys
from collections.abc import Callable

from torch import Tensor, nn

from models.contract import Classifier, new_head
from models.layers.position import resample_line, resample_offsets

_BODY = "body."


class Wrapped(Classifier):
    """`body` maps images (batch, 3, size, size) to features (batch, width); under its own names, behind `body.`."""

    def __init__(self, body: nn.Module, width: int, num_classes: int) -> None:
        super().__init__()
        self.body = body
        self.head = new_head(width, num_classes)

    def features(self, images: Tensor) -> Tensor:
        features: Tensor = self.body(images)
        return features

    def resized(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        body = {name.removeprefix(_BODY): tensor for name, tensor in weights.items() if name.startswith(_BODY)}
        others = {name: tensor for name, tensor in weights.items() if not name.startswith(_BODY)}
        return others | {_BODY + name: tensor for name, tensor in resized_body(self.body, body).items()}


def timm_width(body: nn.Module) -> int:
    """How many features a timm network made without classes has."""
    width = body.head_hidden_size
    assert isinstance(width, int), f"{type(body).__name__} does not tell the width of its features"
    return width


def resized_body(body: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of a timm network at another image size, made to fit: what only timm knows, by timm."""
    wanted = body.state_dict()
    fitting = {name: _resampled(name, tensor, wanted.get(name)) for name, tensor in weights.items()}
    filter_of_its_module: Callable[[dict[str, Tensor], nn.Module], dict[str, Tensor]] | None
    filter_of_its_module = getattr(sys.modules[type(body).__module__], "checkpoint_filter_fn", None)
    return fitting if filter_of_its_module is None else filter_of_its_module(fitting, body)


def _resampled(name: str, tensor: Tensor, wanted: Tensor | None) -> Tensor:
    """A table of offsets for another window; anything else as it is.

    timm's own resampling of these goes through an indexing that torch is about to give another meaning.
    """
    if wanted is None or wanted.shape == tensor.shape:
        return tensor
    if name.endswith(("height_rel", "width_rel")):  # (offsets, head width), an axis each
        return resample_line(tensor[None], len(wanted))[0]
    if not name.endswith("relative_position_bias_table"):
        return tensor
    if tensor.ndim == 3:  # (heads, rows, columns)
        table = resample_offsets(tensor.flatten(1).t(), side=wanted.shape[1])
        return table.t().reshape(wanted.shape)
    side = math.isqrt(len(wanted))
    return resample_offsets(tensor, side, num_extra=len(wanted) - side**2)  # (rows * columns and [CLS]'s, heads)
