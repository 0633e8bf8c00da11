"""The optimizer and the learning-rate schedule of a recipe.

Each parameter group has an `lr_scale`; its learning rate is that scale times the rate of the schedule. The scale is 1
unless the recipe has layer-wise decay.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from bench.training.settings import Settings
from models.contract import Classifier

DECAYED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""The layers whose weights are decayed."""


def build_optimizer(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Return AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101), or Adam or SGD with L2 decay in the gradient.

    Raises:
        SpecError: the recipe has layer-wise decay, but the order of the model's layers is not known.
    """
    groups = parameter_groups(model, settings)
    rate, betas, fused = settings.learning_rate, settings.betas, settings.fused
    match settings.optimizer:
        case "adamw":
            return torch.optim.AdamW(groups, lr=rate, betas=betas, fused=fused)
        case "adam":
            return torch.optim.Adam(groups, lr=rate, betas=betas, fused=fused)
        case "sgd":
            return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum, fused=fused)


def parameter_groups(model: nn.Module, settings: Settings) -> list[dict[str, Any]]:
    """Return groups that hold each parameter once, from the stem to the head; at each depth, decayed ones first."""
    decayed = _decayed_parameters(model, settings)
    depths = _depths(model, settings)
    groups: dict[tuple[int, bool], list[Tensor]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        groups[depths[name], id(parameter) not in decayed].append(parameter)
    layer_decay, deepest = settings.layer_decay or 1.0, max(depths.values())
    return [
        {
            "params": parameters,
            "weight_decay": 0.0 if is_exempt else settings.weight_decay,
            "lr_scale": layer_decay ** (deepest - depth),
        }
        for (depth, is_exempt), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]


def learning_rates(settings: Settings, num_steps: int) -> Iterator[float]:
    """Yield one learning rate per step: a linear warm-up that ends at the peak, then the schedule."""
    warmup = round(settings.warmup * num_steps)
    for step in range(num_steps):
        share = (step + 1) / warmup if step < warmup else _share_of_peak(settings, step, warmup, num_steps)
        yield settings.learning_rate * share


def _share_of_peak(settings: Settings, step: int, warmup: int, num_steps: int) -> float:
    """Return the learning rate at a step after the warm-up, as a share of the peak."""
    progress = (step - warmup) / max(1, num_steps - warmup)
    match settings.schedule:
        case "cosine":
            remaining = 0.5 * (1 + math.cos(math.pi * progress))
        case "linear":
            remaining = 1 - progress
        case "step":
            return settings.step_factor ** sum(step >= round(share * num_steps) for share in settings.milestones)
        case "constant":
            return 1.0
    return settings.final_rate + (1 - settings.final_rate) * remaining


def _depths(model: nn.Module, settings: Settings) -> dict[str, int]:
    """Return the depth of each parameter by name; 0 for all if the recipe has no layer-wise decay."""
    if settings.layer_decay is None:
        return dict.fromkeys((name for name, _ in model.named_parameters()), 0)
    from models.layer_depths import layer_depths

    assert isinstance(model, Classifier), f"{type(model).__name__} is not a models.Classifier"
    return layer_depths(model)


def _decayed_parameters(model: nn.Module, settings: Settings) -> set[int]:
    """Return the ids of the parameters that are decayed."""
    if settings.decayed == "all":
        return {id(parameter) for parameter in model.parameters()}
    return {id(weight) for layer in model.modules() for weight in _decayed(layer)}


def _decayed(layer: nn.Module) -> list[Tensor]:
    """Return the decayed weights of one layer; torch's attention keeps query, key and value in a single tensor."""
    if isinstance(layer, DECAYED):
        return [layer.weight]
    return [layer.in_proj_weight] if isinstance(layer, nn.MultiheadAttention) else []
