"""Copy tensors to a device without waiting for its queued work."""

import torch
from torch import Tensor


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Return a host tensor copied to a device; a copy to a GPU goes through pinned memory and is queued.

    A copy from pageable memory would make the host wait until the GPU has finished all earlier work.
    """
    if device.type == "cuda":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)
