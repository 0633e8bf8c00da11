"""From the host to a device, without waiting for the work that the device still has."""

import torch
from torch import Tensor


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Copy values of the host; to a GPU through pinned memory, in the order of its work.

    A copy from pageable memory would have the host wait until the GPU has done all that it was given before.
    """
    if device.type == "cuda":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)
