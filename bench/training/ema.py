"""An exponential moving average of a model's weights; a recipe may ask for it in place of the last weights.

Sources: Polyak and Juditsky 1992 for the average; TensorFlow's `ExponentialMovingAverage` for the smaller decay of the
first updates.
"""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[Tensor, ...] | list[Tensor]


class Ema:
    """The moving average of a model's state dict; the first update copies the model's values.

    After t updates, the next one moves the average by 1 - min(decay, (1 + t) / (10 + t)) towards the weights. The
    statistics of BatchNorm are averaged too; counters, which are integers, are copied. The model must be on its device
    already.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = _flat(model)
        self.average = AveragedModel(self.weights, multi_avg_fn=self._move, use_buffers=True)

    def update(self) -> None:
        """Move the average towards the model's current weights."""
        self.average.update_parameters(self.weights)

    def replace_weights(self) -> None:
        """Replace the model's weights with their averages."""
        self.weights.load_state_dict(self.average.module.state_dict())

    def _move(self, averages: Tensors, weights: Tensors, _: Tensor | int) -> None:
        t = int(self.average.n_averaged)  # on the CPU; reading the third argument would wait for the GPU
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, weights, 1 - min(self.decay, (1 + t) / (10 + t)))
        else:
            torch._foreach_copy_(averages, weights)


def _flat(model: nn.Module) -> nn.Module:
    """Return a module of one layer that shares a model's tensors; walking all layers at each step would be slow."""
    flat = nn.Module()
    shared = {id(tensor): tensor for tensor in model.state_dict(keep_vars=True).values()}
    for number, tensor in enumerate(shared.values()):
        if isinstance(tensor, nn.Parameter):
            flat.register_parameter(str(number), tensor)
        else:
            flat.register_buffer(str(number), tensor)
    return flat
