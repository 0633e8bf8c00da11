"""Wrap networks of timm and torchvision as a `Classifier`: their body, our head."""

import math
import sys
from collections.abc import Callable

from torch import Tensor, nn

from models.contract import Classifier, new_head
from models.layers.position import resample_line, resample_offsets
from models.weights import prefixed, under

BODY = "body."


class Wrapped(Classifier):
    """A library's network without its classifier, as `body`, and our head.

    `body` maps images (batch, 3, size, size) to features (batch, width). Its weights keep their names, after `body.`.
    """

    def __init__(self, body: nn.Module, width: int, num_classes: int) -> None:
        super().__init__()
        self.body = body
        self.head = new_head(width, num_classes)

    def features(self, images: Tensor) -> Tensor:
        """Map images (batch, 3, size, size) to features (batch, width)."""
        features: Tensor = self.body(images)
        return features

    def resized(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a state dict of the same model at another image size, resampled for this one."""
        others = {name: tensor for name, tensor in weights.items() if not name.startswith(BODY)}
        return others | prefixed(resized_body(self.body, under(weights, BODY)), BODY)


def timm_width(body: nn.Module) -> int:
    """Return the number of features of a timm network that was built without classes."""
    width = body.head_hidden_size
    assert isinstance(width, int), f"{type(body).__name__} does not tell the width of its features"
    return width


def resized_body(body: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict of a timm network at another image size, resampled by timm's own filter and by ours."""
    wanted = body.state_dict()
    fitting = {name: _resampled(name, tensor, wanted.get(name)) for name, tensor in weights.items()}
    timm_filter: Callable[[dict[str, Tensor], nn.Module], dict[str, Tensor]] | None
    timm_filter = getattr(sys.modules[type(body).__module__], "checkpoint_filter_fn", None)
    return fitting if timm_filter is None else timm_filter(fitting, body)


def _resampled(name: str, tensor: Tensor, wanted: Tensor | None) -> Tensor:
    """Resample a table of offsets for another window, and return anything else as it is.

    timm's own resampling of these tables uses a kind of indexing that torch is about to change.
    """
    if wanted is None or wanted.shape == tensor.shape:
        return tensor
    if name.endswith(("height_rel", "width_rel")):  # (offsets, head width), one table per axis
        return resample_line(tensor[None], len(wanted))[0]
    if not name.endswith("relative_position_bias_table"):
        return tensor
    if tensor.ndim == 3:  # (heads, rows, columns)
        table = resample_offsets(tensor.flatten(1).t(), side=wanted.shape[1])
        return table.t().reshape(wanted.shape)
    side = math.isqrt(len(wanted))  # (rows * columns and those of [CLS], heads)
    return resample_offsets(tensor, side, num_extra=len(wanted) - side**2)
