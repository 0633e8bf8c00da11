"""Count how large a model is, and what one image costs it, without running it.

Multiply-accumulates are torch's own count (`FlopCounterMode`, two operations each) of one forward pass of one image.
They cover matrix products and convolutions, with the two products inside attention. Norms, activations and additions
are not counted, as is the custom.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models.registry import build
from models.shapes import shapes_only
from models.spec.flops import FLOPS_PER_MAC
from models.spec.geometry import num_tokens
from models.spec.model_spec import ModelSpec, parse_spec


@dataclass(frozen=True)
class Counts:
    """A model's size. `macs` are per image; `tokens`, without [CLS] and registers, is None if no one number exists."""

    parameters: int
    macs: int
    tokens: int | None


def count(spec: str | ModelSpec, num_classes: int = 10, image_size: int = 32) -> Counts:
    """Count a model on the meta device, which takes neither memory nor time; refuse what `build` refuses."""
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    with shapes_only():
        model = build(spec, num_classes=num_classes, image_size=image_size)
    return Counts(*count_network(model, image_size), num_tokens(spec, image_size))


def count_parameters(spec: str | ModelSpec, num_classes: int = 10, image_size: int = 32) -> int:
    """Count the parameters alone: they need no forward pass, which takes most of the time of `count`."""
    with shapes_only():
        return num_parameters(build(spec, num_classes=num_classes, image_size=image_size))


def count_network(model: nn.Module, image_size: int) -> tuple[int, int]:
    """Count parameters, and multiply-accumulates per image, of a network on the meta device, left in evaluation."""
    model = model.eval().requires_grad_(requires_grad=False)
    with FlopCounterMode(display=False) as counter, torch.no_grad(), shapes_only():
        model(torch.empty(1, 3, image_size, image_size))
    return num_parameters(model), counter.get_total_flops() // FLOPS_PER_MAC


def num_parameters(model: nn.Module) -> int:
    """Count the numbers that training changes, on any device."""
    return sum(parameter.numel() for parameter in model.parameters())
