"""Switch off a library network's own dropout and stochastic depth.

They belong to the recipe, and every model trains with the suite's recipe. A rate is a number whose name contains
`drop`, or the `p` or `prob` of a module whose class name contains it. Libraries may use other names, so
`random_operations` lists what is left.
"""

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode


def switch_off(network: nn.Module) -> None:
    """Set every rate to zero."""
    for module in network.modules():
        is_dropout = re.search("Drop|StochasticDepth", type(module).__name__)
        for name, value in list(vars(module).items()):
            if isinstance(value, float) and ("drop" in name or (is_dropout and name in ("p", "prob"))):
                setattr(module, name, 0.0)


@torch.no_grad()
def random_operations(network: nn.Module, images: Tensor) -> list[str]:
    """Return the operations that draw random numbers in a training pass; running statistics do not change."""
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    was_training = network.training
    with _Drawing() as drawing:
        functional_call(network.train(), buffers, (images,))
    network.train(was_training)
    return sorted(drawing.operations)


class _Drawing(TorchDispatchMode):
    """Collect the operations that draw random numbers; this also works on the meta device, which has no generator."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[Any], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if torch.Tag.nondeterministic_seeded in func.tags and not _is_attention_without_dropout(func, args):
            self.operations.add(str(func))
        return func(*args, **(kwargs or {}))


def _is_attention_without_dropout(func: Any, args: tuple[Any, ...]) -> bool:
    """Return whether attention has no dropout; torch tags it as random at any rate, its only positional float."""
    is_attention = "scaled_dot_product" in str(func) or "fused_sdp" in str(func)
    return is_attention and not any(isinstance(arg, float) and arg > 0 for arg in args)
