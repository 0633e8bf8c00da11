"""All images on the device, read once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from bench.data.dataset import ImageSet
from bench.data.loading.bad_images import Reasons, read_leniently

if TYPE_CHECKING:
    from bench.data.loading.pipelines import ImageLoader, Orders

CHUNK_BYTES = 2**28
"""Of images that are read at once, on their way to the device."""


def padded_images(images: ImageSet, padding: int, loader: "ImageLoader") -> Tensor:
    """Return (n, 3, size + 2 padding, size + 2 padding), uint8, on the loader's device, with a black margin."""
    inner = slice(padding, padding + images.image_size)
    shape = (len(images), 3, images.image_size + 2 * padding, images.image_size + 2 * padding)
    padded = torch.zeros(shape, dtype=torch.uint8, device=loader.device)
    chunk = max(1, CHUNK_BYTES // (3 * images.image_size**2))
    orders = (np.arange(start, min(start + chunk, len(images))) for start in range(0, len(images), chunk))
    for order in orders:
        part, reasons = read_leniently(images.source, images.ids[order], images.image_size, kept=True)
        whole = loader.bad.replace(images, order, torch.from_numpy(part), reasons)
        padded[order[0] : order[-1] + 1, :, inner, inner] = whole.to(loader.device)
    return padded


def pictures(images: ImageSet, orders: "Orders", device: torch.device) -> Iterator[tuple[Tensor, Reasons]]:
    """Read batch after batch, through this process' memory of what it has decoded."""
    for order in orders:
        part, reasons = read_leniently(images.source, images.ids[order], images.image_size, kept=True)
        yield torch.from_numpy(part).to(device), reasons
