"""Batches decoded by worker processes, ahead of the steps that take them: for what does not fit into memory.

Workers get ids and send pictures. They open the data set once for themselves, decode on one thread each, keep nothing,
and end with the process that they work for. A batch is one worker's work, and batches arrive in order.
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
"""that each worker has begun or done"""


def decoded_pictures(images: ImageSet, orders: Orders, device: torch.device, num_workers: int) -> Iterator[Pictures]:
    """Decode batches in `num_workers` processes; from there they come through pinned memory to a GPU."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # heeded where no fork server runs yet
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
    """What a worker reads from."""

    source: Source
    image_size: int

    def __getitems__(self, ids: NDArray[np.int64]) -> Pictures:
        """Decode one batch."""
        batch, reasons = read_leniently(self.source, ids, self.image_size)
        return torch.from_numpy(batch), reasons


def _as_decoded(batch: Pictures) -> Pictures:
    return batch


def _start_worker(worker: int) -> None:
    """Leave Ctrl-C to the parent, and cores to the other workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    decoding.use_threads(1)
