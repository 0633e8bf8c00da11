"""Pipelines that bring images to the device, with one interface.

- *resident*: all images are on the device as uint8, and batches are gathered there;
- *streaming*: worker processes decode batches ahead of the steps that take them;
- *generated*: cores of this process draw batches of a formula-driven corpus ahead of the steps that take them.

The choice changes no batch. It depends on size and memory unless the suite makes it, and a run's record names it.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.data.dataset import ImageSet, Pipeline
from bench.data.loading.bad_images import BadImages, Reasons, read_leniently
from bench.data.to_device import to_device

Orders = Iterator[NDArray[np.int64]]
"""Indices in a set of images, batch by batch."""
Pictures = tuple[Tensor, Reasons]
"""Images (n, 3, size, size), uint8, and the reasons of the bad images."""
DRAWN_AHEAD = 2
"""Number of batches that are being drawn or are ready."""
CHUNK_BYTES = 2**28
"""Upper limit of the bytes of images that are read at once to be sent to the device."""


@dataclass(frozen=True)
class ImageLoader:
    """A pipeline that brings images to a device."""

    pipeline: Pipeline
    device: torch.device
    num_workers: int = 1
    """Number of processes that decode; only for streaming."""
    bad: BadImages = field(default_factory=BadImages)

    def pictures(self, images: ImageSet, orders: Orders) -> Iterator[Pictures]:
        """Yield the pictures of each order (n,) on the device."""
        if self.pipeline == "streaming":
            from bench.data.loading.streaming import decoded_pictures

            return decoded_pictures(images, orders, self.device, self.num_workers)
        if self.pipeline == "generated":
            return self._drawn_ahead(images, orders)
        return (self._sent(images, order, cached=True) for order in orders)

    def padded(self, images: ImageSet, padding: int) -> Tensor:
        """Return all images on the device with a black margin: (n, 3, size + 2 padding, size + 2 padding), uint8."""
        inner = slice(padding, padding + images.image_size)
        shape = (len(images), 3, images.image_size + 2 * padding, images.image_size + 2 * padding)
        padded = torch.zeros(shape, dtype=torch.uint8, device=self.device)
        chunk = max(1, CHUNK_BYTES // (3 * images.image_size**2))
        for start in range(0, len(images), chunk):
            order = np.arange(start, min(start + chunk, len(images)))
            pictures, reasons = _read(images, order, cached=True)
            whole = self.bad.replace(images, order, pictures, reasons)
            padded[start : start + chunk, :, inner, inner] = whole.to(self.device)
        return padded

    def _drawn_ahead(self, images: ImageSet, orders: Orders) -> Iterator[Pictures]:
        """Yield batches that a thread draws ahead of the steps; the source spreads each batch over its cores."""
        waiting: deque[Future[Pictures]] = deque()
        with ThreadPoolExecutor(1) as drawer:
            for order in orders:
                waiting.append(drawer.submit(self._sent, images, order, cached=False))
                if len(waiting) > DRAWN_AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _sent(self, images: ImageSet, order: NDArray[np.int64], *, cached: bool) -> Pictures:
        """Return one batch after sending it to the device."""
        pictures, reasons = _read(images, order, cached=cached)
        return to_device(pictures, self.device), reasons


def _read(images: ImageSet, order: NDArray[np.int64], *, cached: bool) -> Pictures:
    """Return one batch; if `cached`, images that this process has already decoded may come from memory."""
    pictures, reasons = read_leniently(images.source, images.ids[order], images.image_size, cached=cached)
    return torch.from_numpy(pictures), reasons
