"""The order of training images and their augmentation, drawn by hashes before any image is read.

Both depend only on the seed, the stage, the number of images and the position in the order, never on the model, the
batch size, the pipeline, its workers or the device. Every model therefore sees the same images. A stream can start at
any position, so that a run can resume. Mixing combines each image with the previous one in the order, across batches.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.data.augment.erasing import Erasing
from bench.data.augment.mixing import Mixing
from bench.data.augment.policies import AutoAugment, RandAugment
from bench.data.augment.resized import ResizedCrop
from bench.data.random import below, hash_words, permutation, stream_seed
from bench.data.to_device import to_device

PLANNED = 8_192
"""Number of images whose order and augmentation are drawn at once."""


@dataclass(frozen=True)
class Augmentation:
    """Changes of a training image, in the order of these fields; they are drawn anew each time the image is seen."""

    shift: int = 0
    """Crop at an offset of up to this number of pixels per axis, after padding with black."""
    flip: bool = False
    """Mirror half of the images left to right."""
    resized_crop: ResizedCrop | None = None
    """Crop a box of random size and position, and scale it up; replaces the shift."""
    policy: RandAugment | AutoAugment | None = None
    """Change colours and geometry, with different operations for each image."""
    erasing: Erasing | None = None
    """Paint over a box of the scaled image."""
    mixing: Mixing | None = None
    """Mix image and label with those of the previous image in the order, after augmentation."""

    def __post_init__(self) -> None:
        """Assert that only one kind of crop is set."""
        assert not (self.shift and self.resized_crop), "a shift and a resized crop exclude each other"


@dataclass(frozen=True)
class Stream:
    """The order of a stage's training images."""

    seed: int
    stage: str
    num_images: int
    """Number of images seen in total; epochs follow without a gap, so all batches but the last are full (`spans`)."""
    batch_size: int
    augmentation: Augmentation = Augmentation()
    num_classes: int | None = None
    """Length of mixed labels; only needed for mixing."""


def batch_plans(
    stream: Stream, num_images: int, image_size: int, *, device: torch.device, start: int = 0
) -> Iterator["BatchPlan"]:
    """Yield the plan of each batch of a set of images, after the stream's first `start` images."""
    planned = max(1, PLANNED // stream.batch_size) * stream.batch_size
    for first, last in spans(start, stream.num_images, planned):
        plan = _plan(stream, num_images, image_size, first, last).to(device)
        yield from map(plan.part, plan.slices(stream.batch_size))


def spans(start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield where batches of `size` begin and end; the last holds the rest.

    A rest of one joins the batch before, in all families: BatchNorm has no statistics of one image whose feature map is
    a single cell, so training would end there.
    """
    first = start
    while first < stop:
        last = first + size
        if stop - last <= (size > 1):
            last = stop
        yield first, last
        first = last


def seen_order(stream: Stream, length: int, start: int, stop: int) -> NDArray[np.int64]:
    """Return the indices, below `length`, of the images at positions start to stop; each epoch is a permutation."""
    first, last = start // length, -(-stop // length)
    epochs = [_epoch_order(stream.seed, stream.stage, epoch, length) for epoch in range(first, last)]
    return np.concatenate(epochs)[start - first * length : stop - first * length]


@dataclass(frozen=True)
class BatchPlan:
    """All random draws for n images of the order; with mixing, the preceding image comes first, to mix with."""

    order: NDArray[np.int64]
    """(n,), on the host: indices in the set of images."""
    windows: Tensor
    """(4, n): index of the image to crop, top, left and mirrored."""
    resized: Tensor | None
    """(4, n): top, left, height and width of the resized crop."""
    operations: NDArray[np.int64] | None
    """(layers, n), on the host: indices of the policy's operations."""
    erased: Tensor | None
    """(4, n): boxes to erase."""
    pasted: Tensor | None
    """(4, n): boxes of CutMix."""
    share: Tensor | None
    """(n,): weights of the own labels."""

    def to(self, device: torch.device) -> "BatchPlan":
        """Return the plan with its tensors on a device."""
        moved = {name: to_device(column, device) for name, column in vars(self).items() if isinstance(column, Tensor)}
        return BatchPlan(**(vars(self) | moved))

    def reindexed(self) -> "BatchPlan":
        """Return the plan for a source that has only this plan's images, in their order."""
        index = torch.arange(len(self.order), device=self.windows.device)
        return replace(self, windows=torch.cat([index[None], self.windows[1:]]))

    def slices(self, size: int) -> Iterator[slice]:
        """Yield the columns of each batch of `size`, plus the preceding image if there is mixing."""
        lead = int(self.share is not None)
        for first, last in spans(0, len(self.order) - lead, size):
            yield slice(first, last + lead)

    def part(self, columns: slice) -> "BatchPlan":
        """Return the plan of some columns."""
        parts: dict[str, Any] = {
            name: None if draws is None else draws[..., columns] for name, draws in vars(self).items()
        }
        return BatchPlan(**parts)


def _plan(stream: Stream, num_images: int, image_size: int, start: int, stop: int) -> BatchPlan:
    """Return the plan of the images at positions start to stop, drawn by a hash of each position."""
    chosen, size = stream.augmentation, image_size
    # With mixing, the plan begins one image earlier; the first image of the stream is its own predecessor.
    positions = np.maximum(np.arange(start - (chosen.mixing is not None), stop), 0)
    draws = hash_words(stream_seed(stream.seed, "augmentation"), stream.stage, positions)
    order = seen_order(stream, num_images, positions[0], stop)[positions - positions[0]]
    boxes, share = chosen.mixing.draw(hash_words(draws, "mixing"), size) if chosen.mixing else (None, None)
    return BatchPlan(
        order,
        torch.from_numpy(np.stack([order, *_shifts(draws, chosen)])),
        _tensor(chosen.resized_crop.draw(hash_words(draws, "resized crop"), size) if chosen.resized_crop else None),
        chosen.policy.draw(hash_words(draws, "policy")) if chosen.policy else None,
        _tensor(chosen.erasing.draw(hash_words(draws, "erasing"), size) if chosen.erasing else None),
        _tensor(boxes),
        _tensor(share),
    )


def _shifts(draws: NDArray[np.uint64], chosen: Augmentation) -> tuple[NDArray[np.int64], ...]:
    """Return the draws of top, left and mirrored, (n,) each."""
    bounds = (2 * chosen.shift + 1, 2 * chosen.shift + 1, 1 + chosen.flip)
    return tuple(below(hash_words(draws, number), bound) for number, bound in enumerate(bounds))


def _tensor(columns: NDArray[np.generic] | None) -> Tensor | None:
    return None if columns is None else torch.from_numpy(columns)


@lru_cache(maxsize=2)
def _epoch_order(seed: int, stage: str, epoch: int, length: int) -> NDArray[np.int64]:
    """Return the order of one epoch; cached, since an epoch of many images is planned in parts."""
    return permutation(int(hash_words(stream_seed(seed, "order"), stage, epoch)[0]), length)
