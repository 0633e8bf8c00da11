"""How large a model is and what one image costs it, without running it.

Multiply-accumulates are torch's own count (`FlopCounterMode`, two operations each) of one forward pass of
one image: matrix products and convolutions, the two products inside attention included; norms, activations
and additions are not counted, as is the custom.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models.registry import build
from models.shapes import shapes_only
from models.spec.geometry import num_tokens
from models.spec.model_spec import ModelSpec, parse_spec


@dataclass(frozen=True)
class Counts:
    """`macs` is multiply-accumulates per image; `tokens` leaves out [CLS], and is None where there is no one number."""

    parameters: int
    macs: int
    tokens: int | None


def count(spec: str | ModelSpec, num_classes: int = 10, image_size: int = 32) -> Counts:
    """Count on the meta device: no memory, no time. Raises SpecError as `build` does."""
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    with shapes_only():
        model = build(spec, num_classes=num_classes, image_size=image_size)
    parameters, macs = count_network(model, image_size)
    return Counts(parameters, macs, num_tokens(spec, image_size))


def count_parameters(spec: str | ModelSpec, num_classes: int = 10, image_size: int = 32) -> int:
    """Those alone, which need no forward pass: most of a count's time."""
    with shapes_only():
        return num_parameters(build(spec, num_classes=num_classes, image_size=image_size))


def count_network(model: nn.Module, image_size: int) -> tuple[int, int]:
    """Parameters, and multiply-accumulates per image, of any network on the meta device, which it is left on."""
    model = model.eval().requires_grad_(requires_grad=False)
    with FlopCounterMode(display=False) as counter, torch.no_grad(), shapes_only():
        model(torch.empty(1, 3, image_size, image_size))
    return num_parameters(model), counter.get_total_flops() // 2


def num_parameters(model: nn.Module) -> int:
    """Numbers that training changes, on any device."""
    return sum(parameter.numel() for parameter in model.parameters())
