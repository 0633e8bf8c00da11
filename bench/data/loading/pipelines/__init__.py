"""How images reach the device: one interface, three pipelines.

- *resident*: all images lie on the device as uint8, and batches are gathered there;
- *streaming*: worker processes decode batches ahead of the steps that take them;
- *generated*: batches of a formula-driven corpus are drawn ahead of the steps that take them.

The choice changes no batch. It goes by size and memory unless it is made, and a run's record tells it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.data.dataset import ImageSet, Pipeline
from bench.data.loading.bad_images import BadImages, Reasons

Orders = Iterator[NDArray[np.int64]]
"""Places in a set of images, batch by batch."""


@dataclass(frozen=True)
class ImageLoader:
    """A pipeline to a device."""

    pipeline: Pipeline
    device: torch.device
    num_workers: int = 1
    """processes that decode, of streaming alone"""
    bad: BadImages = field(default_factory=BadImages)

    def pictures(self, images: ImageSet, orders: Orders) -> Iterator[tuple[Tensor, Reasons]]:
        """Yield for each order (n,) its images (n, 3, size, size), uint8, on the device, and which of them are bad."""
        from bench.data.loading.pipelines import generated, resident, streaming

        if self.pipeline == "streaming":
            return streaming.pictures(images, orders, self.device, self.num_workers)
        return (resident if self.pipeline == "resident" else generated).pictures(images, orders, self.device)
