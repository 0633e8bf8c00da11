"""The memory that a step takes on a GPU, by the counters of torch's CUDA allocator; unknown on a CPU.

*Peak memory* is the most that is held at once: weights, gradients, optimizer state, batch, activations, and what
libraries allocate through torch. *Activation memory* of a training step is what the forward pass leaves for the
backward pass. Of an inference it is the most that is held at once beyond what was there before.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.machine.clock import synchronize
from bench.speed.timed_setting import Device

Step = Callable[[], object]


@dataclass(frozen=True)
class Memory:
    """The memory of a step."""

    activation_memory_bytes: int
    peak_memory_bytes: int


def allocated_bytes(device: Device) -> int:
    """Return the bytes that torch holds on a GPU now; 0 on a CPU, where nothing counts them."""
    return torch.cuda.memory_allocated() if device == "cuda" else 0


def memory_of_step(step: Step, device: Device, *, others_bytes: int = 0) -> Memory | None:
    """Do a step twice, and measure the second: only then have optimizers their state.

    Args:
        step: A training step or an inference.
        device: The device that it works on.
        others_bytes: The bytes that torch held before anything of the step's own was there.

    Returns:
        The memory; None on a CPU.
    """
    if device != "cuda":
        return None
    step()
    synchronize(device)
    torch.cuda.reset_peak_memory_stats()
    before = allocated_bytes(device)
    with _bytes_before_backward(device) as at_backward:
        step()
    synchronize(device)
    peak = torch.cuda.max_memory_allocated()
    return Memory(next(iter(at_backward), peak) - before, peak - others_bytes)


@contextmanager
def _bytes_before_backward(device: Device) -> Iterator[list[int]]:
    """Yield a list that gets the bytes held when a backward pass first reads what its forward pass has kept."""
    readings: list[int] = []

    def read(tensor: Tensor) -> Tensor:
        if not readings:
            readings.append(allocated_bytes(device))
        return tensor

    # Autograd asks that a hook keep no reference to the tensor that it was given.
    with torch.autograd.graph.saved_tensors_hooks(Tensor.detach, read):
        yield readings
