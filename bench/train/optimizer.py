"""The optimizer and the learning-rate schedule that a recipe asks for."""

import math
from collections.abc import Iterator

import torch
from torch import nn

from bench.train.recipe import Settings

UNDECAYED = ("pos_embed", "cls_token")


def build_optimizer(model: nn.Module, settings: Settings) -> torch.optim.AdamW:
    """Fused AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101), with decay on matrices and kernels only."""
    decayed = [parameter for name, parameter in model.named_parameters() if _is_decayed(name, parameter)]
    others = [parameter for name, parameter in model.named_parameters() if not _is_decayed(name, parameter)]
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
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


def _is_decayed(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim >= 2 and not name.endswith(UNDECAYED)
