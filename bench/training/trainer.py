"""A training under way: the model, what optimises it, and all else that decides how it goes on.

`state` is everything that a training of the same description needs to go on as if it had never stopped; `restore`
takes it back, bit for bit.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.machine.clock import now
from bench.training.compute import Compute
from bench.training.ema import Ema
from bench.training.history import History
from bench.training.optimizer import build_optimizer
from bench.training.settings import Settings

MOST_COMPILED = 200
"""Models that one process compiles for."""

State = tuple[dict[str, Tensor], dict[str, Any]]
"""Tensors by name, and the rest as JSON values."""


class Trainer:
    """A model that is being trained in place, on its device."""

    def __init__(self, model: nn.Module, num_steps: int, settings: Settings, compute: Compute) -> None:
        assert isinstance(settings.compile, bool), "the recipe's settings are not yet those of a device"
        assert isinstance(settings.channels_last, bool), "the recipe's settings are not yet those of a device"
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
        """Start, or go on: layers draw and normalise as in training, and the clock runs."""
        self.model.train()
        self.began, self.paused_seconds = now(self.compute.device), 0.0

    def take_step(self, images: Tensor, labels: Tensor, learning_rate: float) -> None:
        """Learn from one batch."""
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
        """Stop the clock, and leave the model with the weights that count."""
        self.earlier_seconds, self.began = self.seconds, 0.0
        if self.ema is not None:
            self.ema.replace_weights()

    @property
    def seconds(self) -> float:
        """Of training, earlier sessions included, pauses not; read when the device has done all its work."""
        running = now(self.compute.device) - self.began - self.paused_seconds if self.began else 0.0
        return self.earlier_seconds + running

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is done inside takes no training time."""
        start = now(self.compute.device)
        yield
        self.paused_seconds += now(self.compute.device) - start

    def state(self) -> State:
        """All that decides how the training goes on, and how long it took so far."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for number, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in values.items() if value is not None}
        if self.ema is not None:
            tensors |= {f"ema.{name}": tensor for name, tensor in self.ema.average.state_dict().items()}
        drawn, drawn_facts = _random_state(self.compute.device)
        losses, rows = self.history.state()
        facts = {"step": self.step, "seconds": self.seconds}
        return tensors | drawn | losses, facts | drawn_facts | rows

    def restore(self, state: State) -> None:
        """Go on from the state of a training of the same description; raises KeyError or RuntimeError for another."""
        tensors, facts = state
        self.model.load_state_dict(_under("model.", tensors))
        self._restore_optimizer(_under("optimizer.", tensors))
        if self.ema is not None:
            self.ema.average.load_state_dict(_under("ema.", tensors))
        self.history.restore(tensors, facts)
        _set_random_state(tensors, facts, self.compute.device)
        self.step, self.earlier_seconds = facts["step"], facts["seconds"]

    def _parts(self, images: Tensor, labels: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Cut a batch into the parts that go through the model one after another, if the recipe asks for that."""
        size = self.settings.micro_batch or self.settings.batch_size
        if len(images) <= size:
            return [(images, labels)]
        return list(zip(images.split(size), labels.split(size), strict=True))

    def _loss(self, images: Tensor, labels: Tensor, share: float) -> Tensor:
        """Return the mean loss of a part, times its share of the batch, so that gradients add up to the batch's.

        Only parts of the full size are compiled for: another size would be compiled anew.
        """
        is_full = len(images) == (self.settings.micro_batch or self.settings.batch_size)
        model = self.compiled if is_full else self.model
        if self.format is torch.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        with self.compute.autocast():
            loss = cross_entropy(model(images), labels, label_smoothing=self.settings.label_smoothing)
        return loss if share == 1.0 else loss * share

    def _restore_optimizer(self, tensors: dict[str, Tensor]) -> None:
        """Load the optimizer's state, each tensor laid out as its parameter is."""
        own = self.optimizer.state_dict()
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            number, _, key = name.partition(".")
            state.setdefault(int(number), {})[key] = tensor
        self.optimizer.load_state_dict({"state": state, "param_groups": own["param_groups"]})
        for parameter, values in self.optimizer.state.items():
            for key, value in values.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    values[key] = torch.empty_like(parameter).copy_(value)


def compiled(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """The model with compiled steps; another seed's model of the same description takes what was compiled for it.

    A worker meets many models, and torch would go back to uncompiled steps at the ninth, in silence.
    """
    import torch._dynamo.config as dynamo

    dynamo.recompile_limit, dynamo.fail_on_recompile_limit_hit = MOST_COMPILED, True
    return torch.compile(model, dynamic=False)


def _convolves(model: nn.Module) -> bool:
    return any(isinstance(layer, nn.Conv2d) for layer in model.modules())


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _random_state(device: torch.device) -> State:
    """Every generator that a layer or a library may draw from while a model trains."""
    _, numbers, place, has_gauss, gauss = np.random.get_state(legacy=True)
    words = torch.from_numpy(np.asarray(numbers, dtype=np.int64))
    tensors = {"random.torch": torch.get_rng_state(), "random.numpy": words}
    if device.type == "cuda":
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    version, own, next_gauss = random.getstate()
    return tensors, {"numpy": [place, has_gauss, gauss], "python": [version, list(own), next_gauss]}


def _set_random_state(tensors: dict[str, Tensor], facts: dict[str, Any], device: torch.device) -> None:
    torch.set_rng_state(tensors["random.torch"])
    np.random.set_state(("MT19937", tensors["random.numpy"].numpy().astype(np.uint32), *facts["numpy"]))
    if device.type == "cuda":
        torch.cuda.set_rng_state(tensors["random.cuda"])
    version, words, next_gauss = facts["python"]
    random.setstate((version, tuple(words), next_gauss))
