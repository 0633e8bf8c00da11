"""An exponential moving average of a model's weights, which a recipe may have count in place of the last ones.

Source: Polyak and Juditsky 1992 for the average; TensorFlow's `ExponentialMovingAverage` for the start, when the
average forgets faster.
"""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[Tensor, ...] | list[Tensor]


class Ema:
    """The average of whatever stands in a model's state dict, beginning with what stands there at the first update.

    After t updates, the next moves the average by 1 - min(decay, (1 + t) / (10 + t)) towards the weights. Statistics of
    BatchNorm are averaged too; counters, which are integers, are copied. The model has to lie on its device already.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = _flat(model)
        self.average = AveragedModel(self.weights, multi_avg_fn=self._move, use_buffers=True)

    def update(self) -> None:
        """Move the average towards the model's present weights."""
        self.average.update_parameters(self.weights)

    def replace_weights(self) -> None:
        """Give the model the averages for weights."""
        self.weights.load_state_dict(self.average.module.state_dict())

    def _move(self, averages: Tensors, weights: Tensors, _: Tensor | int) -> None:
        t = int(self.average.n_averaged)  # it lies on the CPU; to read the argument would wait for a GPU
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, weights, 1 - min(self.decay, (1 + t) / (10 + t)))
        else:
            torch._foreach_copy_(averages, weights)


def _flat(model: nn.Module) -> nn.Module:
    """Return a module of one layer that shares a model's tensors: to walk all layers at each step takes too long."""
    flat = nn.Module()
    shared = {id(tensor): tensor for tensor in model.state_dict(keep_vars=True).values()}
    for number, tensor in enumerate(shared.values()):
        if isinstance(tensor, nn.Parameter):
            flat.register_parameter(str(number), tensor)
        else:
            flat.register_buffer(str(number), tensor)
    return flat
