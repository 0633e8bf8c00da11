"""The training loop as one writes it down first: what our own loop is compared with.

One after the other: schedule, forward, loss, backward, clipping, optimizer and, where the settings ask for it, the
average of the weights. It keeps no log, watches nothing, and finds out at no step whether the loss is still finite. It
does the same work on the device as `bench.training.loop` with AdamW and a cosine, to the same weights.
"""

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from bench.config.recipe import Settings
from bench.training.optimizer import DECAYED


def barely_trained(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], steps: int, settings: Settings
) -> Iterator[None]:
    """Train a model in place, a step for each `next`, in float32, or in bfloat16 on CUDA."""
    parameters: list[Tensor] = list(model.parameters())
    optimizer = torch.optim.AdamW(_groups(model, settings), betas=settings.betas, fused=True)
    averages = [parameter.detach().clone() for parameter in parameters]
    device = parameters[0].device.type
    model.train()
    for step, (images, labels) in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = _learning_rate(settings, step, steps)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = nn.functional.cross_entropy(model(images), labels, label_smoothing=settings.label_smoothing)
        loss.backward()
        if settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        if settings.ema is not None:
            with torch.no_grad():
                weight = 1 - min(settings.ema, (1 + step) / (10 + step)) if step else 1.0
                torch._foreach_lerp_(averages, parameters, weight)
        yield
    if settings.ema is not None:
        with torch.no_grad():
            torch._foreach_copy_(parameters, averages)


def _groups(model: nn.Module, settings: Settings) -> list[dict[str, object]]:
    """Weights that decay, and the rest."""
    weights = {id(layer.weight) for layer in model.modules() if isinstance(layer, DECAYED)}
    decayed = [parameter for parameter in model.parameters() if id(parameter) in weights]
    others = [parameter for parameter in model.parameters() if id(parameter) not in weights]
    return [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]


def _learning_rate(settings: Settings, step: int, steps: int) -> float:
    warm_up = round(settings.warmup * steps)
    if step < warm_up:
        return settings.learning_rate * ((step + 1) / warm_up)
    return settings.learning_rate * (0.5 * (1 + math.cos(math.pi * ((step - warm_up) / max(1, steps - warm_up)))))
