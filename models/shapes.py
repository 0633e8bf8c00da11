"""Build and call networks as shapes only: on the meta device, without operations that do not change a shape.

On the meta device, tensors have no data, and torch computes the shape of every result in Python. Norms, activations and
initialisation do not change shapes, so they are skipped for speed; matrix products and convolutions are not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode

NORMS = (F.batch_norm, F.group_norm, F.layer_norm)
ACTIVATIONS = (
    *(F.elu, F.gelu, F.hardsigmoid, F.hardswish, F.hardtanh, F.leaky_relu, F.mish, F.relu, F.relu6, F.silu, F.softmax),
    *(torch.relu, torch.sigmoid, torch.softmax, Tensor.relu, Tensor.sigmoid, Tensor.softmax),
)
INITIAL_VALUES = (
    *(init.constant_, init.kaiming_uniform_, init.normal_, init.uniform_),
    *(Tensor.add_, Tensor.clamp_, Tensor.erfinv_, Tensor.fill_, Tensor.mul_),
    *(Tensor.normal_, Tensor.uniform_, Tensor.zero_),
)
SAME_SHAPE = frozenset({*NORMS, *ACTIVATIONS, *INITIAL_VALUES})


@contextmanager
def shapes_only() -> Iterator[None]:
    """Build and call networks on the meta device inside the context: with shapes and parameters, but no values."""
    with torch.device("meta"), _SkipSameShape():
        yield


class _SkipSameShape(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in SAME_SHAPE:
            tensor = args[0] if args else kwargs["tensor" if "tensor" in kwargs else "input"]
            if tensor.is_meta:
                return tensor
        return func(*args, **kwargs)
