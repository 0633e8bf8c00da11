"""The memory of a step on a GPU, by the counters of torch's CUDA allocator; not measured on a CPU.

*Peak memory* is the maximum of all memory that torch holds at once: weights, gradients, optimizer state, batch,
activations, and workspaces of libraries. The *activation memory* of a training step is the memory that the forward pass
keeps for the backward pass. The activation memory of inference is the peak minus the memory held before the step.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.machine.clock import synchronize
from bench.machine.device import Device

Step = Callable[[], object]


@dataclass(frozen=True)
class Memory:
    """The memory of a step."""

    activation_memory_bytes: int
    peak_memory_bytes: int


def allocated_bytes(device: Device) -> int:
    """Return the bytes that torch holds on a GPU now; 0 on a CPU, which has no such counter."""
    return torch.cuda.memory_allocated() if device == "cuda" else 0


def memory_of_step(step: Step, device: Device, *, others_bytes: int = 0) -> Memory | None:
    """Run a step twice and measure the second one, because optimizers allocate their state in the first.

    Args:
        step: A training step or a forward pass.
        device: The device of the step.
        others_bytes: The bytes that torch held before the step's network was built.

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
    """Yield a list; the first time that a backward pass reads a saved tensor, the bytes held then are added to it."""
    readings: list[int] = []

    def read(tensor: Tensor) -> Tensor:
        if not readings:
            readings.append(allocated_bytes(device))
        return tensor

    # A hook must not keep a reference to the tensor that it is given, hence `detach`.
    with torch.autograd.graph.saved_tensors_hooks(Tensor.detach, read):
        yield readings
