"""The device and the precision of a network: float32 without TF32, or bfloat16 by autocast."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from bench.machine.device import Device, Precision


@dataclass(frozen=True)
class Compute:
    """A device, and the precision in which a network computes on it."""

    device: torch.device
    precision: Precision

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which a network's forward pass and its loss are computed."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.precision == "bf16" else nullcontext()


def compute_on(device: Device, precision: Precision) -> Compute:
    """Return the device and the precision, and switch TF32 off for the whole process.

    By default torch uses TF32 on CUDA for convolutions but not for matrix products, which would favour CNNs.
    """
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    return Compute(torch.device(device), precision)
