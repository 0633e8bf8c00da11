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
from bench.data.loading.bad_images import Reasons
from bench.data.to_device import to_device

if TYPE_CHECKING:
    from bench.data.loading.pipelines import Orders

AHEAD = 2
"""Batches that are drawn or wait to be taken."""


def pictures(images: ImageSet, orders: "Orders", device: torch.device) -> Iterator[tuple[Tensor, Reasons]]:
    """Draw the batches; nothing of a formula is unreadable."""
    waiting: deque[Future[Tensor]] = deque()
    with ThreadPoolExecutor(1) as drawer:
        for order in orders:
            waiting.append(drawer.submit(_drawn, images, order, device))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result(), {}
        while waiting:
            yield waiting.popleft().result(), {}


def _drawn(images: ImageSet, order: NDArray[np.int64], device: torch.device) -> Tensor:
    """Draw a batch on as many cores as its source may take, and send it to the device."""
    return to_device(torch.from_numpy(images.source.read(images.ids[order], images.image_size)), device)
