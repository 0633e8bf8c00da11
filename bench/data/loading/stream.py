"""Which images are seen when, and how each is augmented: drawn by hashes, before any image is read.

Both depend only on the seed, the stage, the number of images and the position in the order, never on the model, the
batch size, the pipeline, its workers or the device. Every model therefore sees the same images, and a stream can start
anywhere, which is how a run resumes. Mixing mixes each image with the previous one in the order, across batches.
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
"""Images whose order and augmentation are drawn at once."""


@dataclass(frozen=True)
class Augmentation:
    """How each training image is changed, in the order of these fields; drawn anew each time the image is seen."""

    shift: int = 0
    """crop at an offset of up to this number of pixels per axis, after padding with black"""
    flip: bool = False
    """mirror half of the images left to right"""
    resized_crop: ResizedCrop | None = None
    """crop a box of random size and position, scaled up again; in place of a shift"""
    policy: RandAugment | AutoAugment | None = None
    """change colours and geometry, with different operations for each image"""
    erasing: Erasing | None = None
    """paint over a box of the scaled image"""
    mixing: Mixing | None = None
    """mix image and label with the previous image in the order, after its augmentation"""

    def __post_init__(self) -> None:
        """Refuse two crops at once."""
        assert not (self.shift and self.resized_crop), "a shift and a resized crop exclude each other"


@dataclass(frozen=True)
class Stream:
    """The order of a stage's training images."""

    seed: int
    stage: str
    num_images: int
    """images seen in total; epochs follow without a gap, so that all batches but the last are full"""
    batch_size: int
    augmentation: Augmentation = Augmentation()
    num_classes: int | None = None
    """length of mixed labels; needed only for mixing"""


def batch_plans(
    stream: Stream, num_images: int, image_size: int, *, device: torch.device, start: int = 0
) -> Iterator["BatchPlan"]:
    """Yield the plan of each batch of a set of images, after the stream's first `start` images."""
    planned = max(1, PLANNED // stream.batch_size) * stream.batch_size
    for first in range(start, stream.num_images, planned):
        last = min(first + planned, stream.num_images)
        plan = _plan(stream, num_images, image_size, first, last).to(device)
        yield from map(plan.part, plan.slices(stream.batch_size))


def seen_order(stream: Stream, length: int, start: int, stop: int) -> NDArray[np.int64]:
    """Return the indices, below `length`, of the images at positions start to stop: a permutation each epoch."""
    first, last = start // length, -(-stop // length)
    epochs = [_epoch_order(stream.seed, stream.stage, epoch, length) for epoch in range(first, last)]
    return np.concatenate(epochs)[start - first * length : stop - first * length]


@dataclass(frozen=True)
class BatchPlan:
    """All draws for n images of the order; with mixing, one more image precedes them, which the first is mixed with."""

    order: NDArray[np.int64]
    """(n,), on the host: indices in the set of images"""
    windows: Tensor
    """(4, n): index of the source to crop, top, left and mirrored"""
    resized: Tensor | None
    """(4, n): top, left, height and width in the whole image"""
    operations: NDArray[np.int64] | None
    """(layers, n), on the host"""
    erased: Tensor | None
    """(4, n)"""
    pasted: Tensor | None
    """(4, n)"""
    share: Tensor | None
    """(n,)"""

    def to(self, device: torch.device) -> "BatchPlan":
        """Return the plan with its tensors on a device."""
        moved = {name: to_device(column, device) for name, column in vars(self).items() if isinstance(column, Tensor)}
        return BatchPlan(**(vars(self) | moved))

    def of_its_own(self) -> "BatchPlan":
        """Return the plan for a source that holds only this plan's images, in their order."""
        index = torch.arange(len(self.order), device=self.windows.device)
        return replace(self, windows=torch.cat([index[None], self.windows[1:]]))

    def slices(self, size: int) -> Iterator[slice]:
        """Yield slices of `size` columns each, and of the preceding image if there is mixing."""
        lead = int(self.share is not None)
        for first in range(0, len(self.order) - lead, size):
            yield slice(first, first + size + lead)

    def part(self, columns: slice) -> "BatchPlan":
        """Return the draws of some columns."""
        parts: dict[str, Any] = {
            name: None if draws is None else draws[..., columns] for name, draws in vars(self).items()
        }
        return BatchPlan(**parts)


def _plan(stream: Stream, num_images: int, image_size: int, start: int, stop: int) -> BatchPlan:
    """Draw the plan of the images at positions start to stop, by a hash of each position."""
    chosen, size = stream.augmentation, image_size
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
    """Draw top, left and mirrored."""
    bounds = (2 * chosen.shift + 1, 2 * chosen.shift + 1, 1 + chosen.flip)
    return tuple(below(hash_words(draws, number), bound) for number, bound in enumerate(bounds))


def _tensor(columns: NDArray[np.generic] | None) -> Tensor | None:
    return None if columns is None else torch.from_numpy(columns)


@lru_cache(maxsize=2)
def _epoch_order(seed: int, stage: str, epoch: int, length: int) -> NDArray[np.int64]:
    """Return the order of one pass over the images; cached, since a pass over many images is planned in parts."""
    return permutation(int(hash_words(stream_seed(seed, "order"), stage, epoch)[0]), length)
