"""Where and in which precision a network computes: the device, float32 as it is, and bfloat16 by autocast."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch


@dataclass(frozen=True)
class Compute:
    """A device, and the precision of what a network computes on it."""

    device: torch.device
    precision: Literal["fp32", "bf16"]

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which a network's forward pass and its loss are computed."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.precision == "bf16" else nullcontext()


def compute_on(device: Literal["cpu", "cuda"], precision: Literal["fp32", "bf16"]) -> Compute:
    """Return how to compute on a device, and have its float32 be float32.

    By default torch would let convolutions alone, and so CNNs alone, use TF32 on CUDA.
    """
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    return Compute(torch.device(device), precision)
