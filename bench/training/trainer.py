"""The full state of a training: the model, its optimizer, the moving average, the history and the random generators.

`state` returns everything that an equal training needs to continue as if it had never stopped; `restore` takes it back,
bit for bit.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.data.loading.stream import spans
from bench.machine.clock import now
from bench.training.compute import Compute
from bench.training.ema import Ema
from bench.training.history import History
from bench.training.optimizer import build_optimizer
from bench.training.settings import Settings

MOST_COMPILED = 200
"""The number of models that one process may compile."""

State = dict[str, Any]
"""Tensors, numbers and strings, in lists and dictionaries."""


class Trainer:
    """Trains a model in place, on its device."""

    def __init__(self, model: nn.Module, num_steps: int, settings: Settings, compute: Compute) -> None:
        assert isinstance(settings.compile, bool), "call Settings.on(device) first"
        assert isinstance(settings.channels_last, bool), "call Settings.on(device) first"
        self.settings, self.num_steps, self.compute = settings, num_steps, compute
        self.format = torch.channels_last if settings.channels_last and _convolves(model) else torch.preserve_format
        self.model = model.to(compute.device)
        self.model.to(memory_format=self.format)
        self.optimizer = build_optimizer(self.model, settings)
        self.parameters = list(self.model.parameters())
        self.compiled: Callable[[Tensor], Tensor] = compiled(self.model) if settings.compile else self.model
        self.ema = Ema(self.model, settings.ema) if settings.ema is not None else None
        self.history = History(num_steps)
        self.step, self.learning_rate = 0, 0.0
        self.earlier_seconds = self.paused_seconds = self.began = 0.0

    def begin(self) -> None:
        """Start or continue: switch the layers to training mode and start the clock."""
        self.model.train()
        self.began, self.paused_seconds = now(self.compute.device), 0.0

    def take_step(self, images: Tensor, labels: Tensor, learning_rate: float) -> None:
        """Train on one batch of images (batch, 3, size, size), with labels (batch,) or (batch, classes)."""
        self.learning_rate = learning_rate
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate * group["lr_scale"]
        losses = []
        for part in self._parts(images, labels):
            loss = self._loss(*part, share=len(part[0]) / len(images))
            loss.backward()
            losses.append(loss.detach())
        if self.settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.settings.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.ema is not None:
            self.ema.update()
        self.step += 1
        loss = losses[0] if len(losses) == 1 else torch.stack(losses).sum()
        self.history.add(self.step, len(labels), learning_rate, loss)

    def end(self) -> None:
        """Stop the clock, and replace the weights with their average if the recipe asks for that."""
        self.earlier_seconds, self.began = self.seconds, 0.0
        if self.ema is not None:
            self.ema.replace_weights()

    @property
    def seconds(self) -> float:
        """Return the seconds of training, with earlier sessions but without pauses; wait for the device first."""
        running = now(self.compute.device) - self.began - self.paused_seconds if self.began else 0.0
        return self.earlier_seconds + running

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Exclude the time spent inside the context from the training time."""
        start = now(self.compute.device)
        yield
        self.paused_seconds += now(self.compute.device) - start

    def state(self) -> State:
        """Return everything that the training needs to continue, and its seconds so far."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "ema": self.ema.average.state_dict() if self.ema is not None else {},
            "history": self.history.state(),
            "random": _random_state(self.compute.device),
            "step": self.step,
            "seconds": self.seconds,
        }

    def restore(self, state: State) -> None:
        """Continue from the state of an equal training."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.ema is not None:
            self.ema.average.load_state_dict(state["ema"])
        self.history.restore(state["history"])
        _set_random_state(state["random"], self.compute.device)
        self.step, self.earlier_seconds = state["step"], state["seconds"]

    def _parts(self, images: Tensor, labels: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Split a batch into micro-batches, or return it whole if the recipe has none."""
        size = self.settings.micro_batch or self.settings.batch_size
        return [(images[first:last], labels[first:last]) for first, last in spans(0, len(images), size)]

    def _loss(self, images: Tensor, labels: Tensor, share: float) -> Tensor:
        """Return the mean loss of a micro-batch times its share of the batch, so that the gradients add up.

        Only full micro-batches use the compiled model: torch would compile it again for any other size.
        """
        is_full = len(images) == (self.settings.micro_batch or self.settings.batch_size)
        model = self.compiled if is_full else self.model
        if self.format is torch.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        with self.compute.autocast():
            loss = cross_entropy(model(images), labels, label_smoothing=self.settings.label_smoothing)
        return loss if share == 1.0 else loss * share


def compiled(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return the model with a compiled forward and backward pass, which all seeds of the same model share.

    A worker may compile many models, and by default torch silently stops compiling at the ninth.
    """
    import torch._dynamo.config as dynamo

    dynamo.recompile_limit, dynamo.fail_on_recompile_limit_hit = MOST_COMPILED, True
    return torch.compile(model, dynamic=False)


def _convolves(model: nn.Module) -> bool:
    return any(isinstance(layer, nn.Conv2d) for layer in model.modules())


def _random_state(device: torch.device) -> State:
    """Return the state of each random generator that a layer or a library may use while a model trains."""
    numpy_state = np.random.get_state(legacy=False)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if device.type == "cuda" else None,
        "numpy": numpy_state | {"state": numpy_state["state"] | {"key": numpy_state["state"]["key"].tolist()}},
        "python": random.getstate(),
    }


def _set_random_state(state: State, device: torch.device) -> None:
    torch.set_rng_state(state["torch"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"])
    np.random.set_state(state["numpy"])
    random.setstate(state["python"])
