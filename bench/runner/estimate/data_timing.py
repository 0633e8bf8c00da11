"""A few of a run's images, read and hashed by the clock: what all of them will cost."""

import time
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.data.catalogue import MAX_KEPT_BYTES, OpenData
from bench.data.dataset import ImageSet, in_memory
from bench.data.loading.bad_images import read_leniently
from bench.plan.run import Run
from bench.runner.contamination import content_hashes
from bench.runner.estimate.estimate import DataTiming
from bench.runner.pipeline_choice import choose, num_decoders
from bench.runner.run_data import load_run_data

READ_SECONDS = 0.1
MAX_IMAGES = 1024
"""That are read."""


def time_data(run: Run, data_dir: Path) -> DataTiming:
    """Open a run's data, read some of its training images, and hash them; each once before the clock runs.

    Raises:
        InputError: the data is not there, or not enough of it.
    """
    device = torch.device(run.device)
    load_run_data(run, data_dir)
    start = time.perf_counter()
    data = load_run_data(run, data_dir)
    open_seconds = time.perf_counter() - start
    train, parts = data.train, data.parts
    pipeline = choose(train, run.pipeline, device)
    return DataTiming(
        num_train=len(train),
        num_validation=len(parts.get("validation", ())),
        num_test=len(parts.get("test", ())),
        open_seconds=open_seconds,
        read_seconds_per_image=_seconds_per_image(_reader(train), train.ids[:MAX_IMAGES]),
        hash_seconds_per_image=_hash_seconds_per_image(train),
        pipeline=pipeline,
        num_decoders=num_decoders(run.device),
        stays=_stays(train),
        resident_bytes=train.num_bytes if pipeline == "resident" else 0,
    )


def _reader(images: ImageSet) -> Callable[[NDArray[np.int64]], object]:
    """How images are read, without this process' memory of those that it has decoded."""
    return lambda ids: read_leniently(images.source, ids, images.image_size)


def _seconds_per_image(read: Callable[[NDArray[np.int64]], object], ids: NDArray[np.int64]) -> float:
    """Read ever more of them until that takes a while, or they are used up."""
    read(ids[:1])
    count = min(4, len(ids))
    while (seconds := _seconds(read, ids[:count])) < READ_SECONDS and count < len(ids):
        count = min(4 * count, len(ids))
    return seconds / count


def _hash_seconds_per_image(images: ImageSet) -> float:
    ids = images.ids[:64]
    pictures, _ = read_leniently(images.source, ids, images.image_size, kept=True)
    here = in_memory(pictures, images.labels[: len(ids)])
    content_hashes(here)
    return _seconds(content_hashes, here) / len(ids)


def _stays(images: ImageSet) -> bool:
    """Whether a process keeps what it decodes of them."""
    source = images.source
    if not isinstance(source, OpenData):
        return False
    return prod((len(source.data.labels), 3, images.image_size, images.image_size)) <= MAX_KEPT_BYTES


def _seconds(act: Callable[[Any], object], given: Any) -> float:
    start = time.perf_counter()
    act(given)
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter() - start
