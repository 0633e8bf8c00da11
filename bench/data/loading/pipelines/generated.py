"""Images drawn by formula ahead of the steps that take them, in a thread beside them; none is kept."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.data.dataset import ImageSet
from bench.data.fractals.source import FractalSource
from bench.data.loading.bad_images import Reasons

if TYPE_CHECKING:
    from bench.data.loading.pipelines import Orders

AHEAD = 2
"""Batches that are drawn or wait to be taken."""


def pictures(images: ImageSet, orders: "Orders", device: torch.device) -> Iterator[tuple[Tensor, Reasons]]:
    """Draw the batches; nothing of a formula is unreadable."""
    waiting: deque[Future[Tensor]] = deque()
    with ThreadPoolExecutor(1) as drawer:
        for order in orders:
            waiting.append(drawer.submit(_draw, images, order, device))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result(), {}
        while waiting:
            yield waiting.popleft().result(), {}


def _draw(images: ImageSet, order: NDArray[np.int64], device: torch.device) -> Tensor:
    assert isinstance(images.source, FractalSource), images.source
    return images.source.read_on(device, images.ids[order], images.image_size)
