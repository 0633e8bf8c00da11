"""Count a model's parameters, multiply-accumulates and tokens without running it.

Multiply-accumulates are torch's own count (`FlopCounterMode`, two operations each) of one forward pass of one image.
They include matrix products, convolutions and the two products inside attention. By convention, norms, activations and
additions are not counted.
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
    """The counts of a model."""

    parameters: int
    macs: int
    """The multiply-accumulates of one image's forward pass."""
    tokens: int | None
    """The number of patch tokens, without [CLS] and registers; None if the model has none, or several numbers."""


def count(spec: str | ModelSpec, num_classes: int = 10, image_size: int = 32) -> Counts:
    """Count a model on the meta device, without memory or computation; raise SpecError as `build` does."""
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    with shapes_only():
        model = build(spec, num_classes=num_classes, image_size=image_size)
    return Counts(*count_network(model, image_size), num_tokens(spec, image_size))


def count_parameters(spec: str | ModelSpec, num_classes: int = 10, image_size: int = 32) -> int:
    """Count only the parameters: this is faster than `count`, since it needs no forward pass."""
    with shapes_only():
        return num_parameters(build(spec, num_classes=num_classes, image_size=image_size))


def count_network(model: nn.Module, image_size: int) -> tuple[int, int]:
    """Count parameters and multiply-accumulates per image of a network on the meta device; leave it in eval mode."""
    model = model.eval().requires_grad_(requires_grad=False)
    with FlopCounterMode(display=False) as counter, torch.no_grad(), shapes_only():
        model(torch.empty(1, 3, image_size, image_size))
    return num_parameters(model), counter.get_total_flops() // FLOPS_PER_MAC


def num_parameters(model: nn.Module) -> int:
    """Count the parameters of a network on any device."""
    return sum(parameter.numel() for parameter in model.parameters())
