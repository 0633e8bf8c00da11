"""Worker processes that decode batches ahead of the steps, for data that does not fit into memory.

Workers receive ids and send pictures. Each worker opens the data set itself, decodes on one thread, caches no image,
and ends with its parent process. One worker decodes a whole batch, and batches arrive in order.
"""

import multiprocessing
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from bench.data.dataset import ImageSet, Source
from bench.data.loading.bad_images import read_leniently
from bench.data.loading.image_loader import Orders, Pictures
from bench.data.sources import decode as decoding

BATCHES_AHEAD = 2
"""Number of batches per worker that are being decoded or are ready."""


def decoded_pictures(images: ImageSet, orders: Orders, device: torch.device, num_workers: int) -> Iterator[Pictures]:
    """Yield batches that `num_workers` processes decode; they are sent to a GPU through pinned memory."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # has no effect if a fork server already runs
    loader = DataLoader(
        _Decoder(images.source, images.image_size),
        batch_sampler=cast(Any, (images.ids[order] for order in orders)),
        collate_fn=cast(Any, _as_decoded),
        num_workers=num_workers,
        prefetch_factor=BATCHES_AHEAD,
        persistent_workers=True,
        pin_memory=device.type == "cuda",
        worker_init_fn=_start_worker,
        multiprocessing_context=context,
    )
    for batch, reasons in loader:
        yield batch.to(device, non_blocking=True), reasons


@dataclass(frozen=True)
class _Decoder(Dataset[Pictures]):
    """The torch data set that a worker reads."""

    source: Source
    image_size: int

    def __getitems__(self, ids: NDArray[np.int64]) -> Pictures:
        """Return one decoded batch."""
        batch, reasons = read_leniently(self.source, ids, self.image_size)
        return torch.from_numpy(batch), reasons


def _as_decoded(batch: Pictures) -> Pictures:
    return batch


def _start_worker(worker: int) -> None:
    """Ignore Ctrl-C, which the parent handles, and use one core, so that each worker has its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    decoding.use_threads(1)
