"""An exponential moving average of a model's weights, which a recipe may have count in place of the last ones.

Source: Polyak and Juditsky 1992 for the average; TensorFlow's `ExponentialMovingAverage` for the start, when the
average forgets faster: a decay of min(decay, (1 + t) / (10 + t)) after t updates.
"""

from typing import Any

import torch
from torch import Tensor, nn

NUM_UPDATES = "num_updates"


class Ema:
    """The average of whatever stands in a model's state dict, beginning with what stands there now.

    Numbers of floating point are averaged, statistics of BatchNorm too; counters are copied. The model must be on its
    device already, since the tensors that an update reads are looked up once a model and not at each update.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.num_updates = 0
        self.averages = {name: tensor.detach().clone() for name, tensor in _state(model).items()}
        self._averages = _split(list(self.averages.values()))
        self._source: tuple[nn.Module, tuple[list[Tensor], list[Tensor]]] | None = None

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the model's weights."""
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        floating, counters = self._tensors_of(model)
        torch._foreach_lerp_(self._averages[0], floating, 1 - decay)
        if counters:
            torch._foreach_copy_(self._averages[1], counters)
        self.num_updates += 1

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Make the average the model's weights."""
        for theirs, ours in zip(self._tensors_of(model), self._averages, strict=True):
            if ours:
                torch._foreach_copy_(theirs, ours)

    def state_dict(self) -> dict[str, Any]:
        """The averages by name, the tensors themselves and no copies, and `num_updates`."""
        return {**self.averages, NUM_UPDATES: self.num_updates}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state, bit for bit; ValueError for that of another model."""
        tensors = {name: value for name, value in state.items() if name != NUM_UPDATES}
        if _shapes(tensors) != _shapes(self.averages) or NUM_UPDATES not in state:
            differing = sorted(dict(_shapes(tensors).items() ^ _shapes(self.averages).items()))
            raise ValueError(f"a state of another model's average; it differs in {', '.join(differing) or NUM_UPDATES}")
        for name, average in self.averages.items():
            average.copy_(tensors[name])
        self.num_updates = int(state[NUM_UPDATES])

    def _tensors_of(self, model: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
        if self._source is None or self._source[0] is not model:
            self._source = (model, _split([tensor.detach() for tensor in _state(model).values()]))
        return self._source[1]


def _state(model: nn.Module) -> dict[str, Tensor]:
    """By name, without the second name that a tensor may have."""
    named = {id(tensor): (name, tensor) for name, tensor in reversed(model.state_dict(keep_vars=True).items())}
    return dict(reversed(named.values()))


def _split(tensors: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Those of floating point, and the others."""
    floating = [tensor for tensor in tensors if tensor.is_floating_point()]
    return floating, [tensor for tensor in tensors if not tensor.is_floating_point()]


def _shapes(tensors: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}
