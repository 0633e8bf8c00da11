"""What a library's network draws while training: its own dropout and stochastic depth, which are switched off.

They are part of a recipe, and every model here trains with the suite's. A rate is a number under a name with `drop` in
it, or the `p` or `prob` of a module whose class has such a name. Since a library may call the next one otherwise,
`draws` tells what is left.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode


def switch_off(network: nn.Module) -> None:
    """Set every rate to zero."""
    for module in network.modules():
        for name in list(_rates(module)):
            setattr(module, name, 0.0)


@torch.no_grad()
def draws(network: nn.Module, images: Tensor) -> list[str]:
    """The operations that draw random numbers in a training pass; the network's running statistics stay."""
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    was_training = network.training
    with _Drawing() as drawing:
        functional_call(network.train(), buffers, (images,))
    network.train(was_training)
    return sorted(drawing.operations)


def _rates(module: nn.Module) -> Iterator[str]:
    is_dropout = re.search("Drop|StochasticDepth", type(module).__name__)
    for name, value in vars(module).items():
        if isinstance(value, float) and ("drop" in name or (is_dropout and name in ("p", "prob"))):
            yield name


class _Drawing(TorchDispatchMode):
    """Collects operations that draw; on the meta device, too, where there is no generator to look at."""

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
    """Attention counts as drawing, whatever its rate, the one positional number that is a float."""
    is_attention = "scaled_dot_product" in str(func) or "fused_sdp" in str(func)
    return is_attention and not any(isinstance(arg, float) and arg > 0 for arg in args)
