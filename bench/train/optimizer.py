"""The optimizer and the learning-rate schedule that a recipe asks for."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from bench.train.recipe import Settings

DECAYED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""The layers whose weights decay."""


def build_optimizer(model: nn.Module, settings: Settings) -> torch.optim.AdamW:
    """Fused AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101), with decay on linear layers and convolutions only."""
    weights = {id(weight) for layer in model.modules() for weight in _decayed(layer)}
    groups = [
        {
            "params": [parameter for parameter in model.parameters() if id(parameter) in weights],
            "weight_decay": settings.weight_decay,
        },
        {
            "params": [parameter for parameter in model.parameters() if id(parameter) not in weights],
            "weight_decay": 0.0,
        },
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, fused=True)


def learning_rates(settings: Settings, num_steps: int) -> Iterator[float]:
    """One learning rate a step: a linear warm-up, whose last step is at the peak, then the schedule down to zero."""
    warmup = round(settings.warmup * num_steps)
    for step in range(num_steps):
        if step < warmup:
            yield settings.learning_rate * (step + 1) / warmup
        elif settings.schedule == "constant":
            yield settings.learning_rate
        else:
            progress = (step - warmup) / max(1, num_steps - warmup)
            yield settings.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


def _decayed(layer: nn.Module) -> list[Tensor]:
    """A layer's own weights that decay; torch's attention holds the three of its first layer as one parameter."""
    if isinstance(layer, DECAYED):
        return [layer.weight]
    return [layer.in_proj_weight] if isinstance(layer, nn.MultiheadAttention) else []
