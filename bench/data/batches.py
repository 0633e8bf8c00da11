"""Batches on the device: uint8 images stay resident there, each batch is gathered, augmented and scaled there.

Which image is seen when depends on the seed, the stage and the number of images alone, never on the model, the batch
size or the device; and what is done to it on the seed, the stage and its position in that order. So every model sees
the same images, and a stream can start anywhere: that is how a run resumes. Where images are mixed, each is mixed with
the one before it in that order, whatever the batches.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from bench.data.augment.erasing import Erasing, erase
from bench.data.augment.mixing import Mixing, mix, mixed_labels
from bench.data.augment.operations import apply
from bench.data.augment.policies import AutoAugment, RandAugment
from bench.data.augment.resized import ResizedCrop, crop_resized
from bench.data.hashing import below, hash_words, permutation, stream_seed
from bench.data.sets import MEAN, STD, LabelledImages

PLANNED = 8_192
"""Images whose order and augmentation are worked out at once."""


@dataclass(frozen=True)
class Augmentation:
    """What happens to each training image on its own, drawn anew each time that it is seen; in the order given here."""

    shift: int = 0
    """crop at an offset of up to this many pixels each way, after padding with black"""
    flip: bool = False
    """mirror half of the images left to right"""
    resized_crop: ResizedCrop | None = None
    """crop at any size and place, scaled up again; instead of a shift"""
    policy: RandAugment | AutoAugment | None = None
    """change colours and geometry, by other operations for each image"""
    erasing: Erasing | None = None
    """paint over a box of the scaled image"""
    mixing: Mixing | None = None
    """mix image and label with the image before it in the order, augmented as that is"""

    def __post_init__(self) -> None:
        """Refuse two crops at once."""
        assert not (self.shift and self.resized_crop), "a shift and a resized crop exclude each other"


@dataclass(frozen=True)
class Stream:
    """The order of a stage's training images."""

    seed: int
    stage: str
    num_images: int
    """images seen in all; epochs run into each other, so that every batch is full but for the last"""
    batch_size: int
    augmentation: Augmentation = Augmentation()
    num_classes: int | None = None
    """how long mixed labels are; needed for mixing alone"""


def training_batches(
    data: LabelledImages, stream: Stream, *, device: torch.device, start: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images (batch, 3, size, size), float32 in -1 to 1, and labels (batch,), both on the device.

    Mixed labels are (batch, classes), float32. The stream goes on after its first `start` images as if it had yielded
    them.
    """
    labels = torch.from_numpy(data.labels).to(device)
    padded = pad(torch.from_numpy(data.images).to(device), [stream.augmentation.shift] * 4)
    planned = max(1, PLANNED // stream.batch_size) * stream.batch_size
    for first in range(start, stream.num_images, planned):
        last = min(first + planned, stream.num_images)
        plan = _plan(stream, data, first, last).to(device)
        for part in plan.split(stream.batch_size):
            yield _augmented(padded, labels, part, stream)


def evaluation_batches(
    data: LabelledImages, batch_size: int, *, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield every image once, in order and unchanged, with its label, scaled as in training."""
    for start in range(0, len(data), batch_size):
        images = torch.from_numpy(data.images[start : start + batch_size]).to(device)
        yield scaled(images), torch.from_numpy(data.labels[start : start + batch_size]).to(device)


def scaled(images: Tensor) -> Tensor:
    """Return uint8 images as float32 with mean 0.5 and standard deviation 0.5 taken out."""
    return images.float().mul_(1 / (255 * STD)).sub_(MEAN / STD)


def seen_order(stream: Stream, length: int, start: int, stop: int) -> NDArray[np.int64]:
    """Return the indices, below `length`, of the images at positions start to stop: a permutation each epoch."""
    first, last = start // length, -(-stop // length)
    epochs = [_epoch_order(stream.seed, stream.stage, epoch, length) for epoch in range(first, last)]
    return np.concatenate(epochs)[start - first * length : stop - first * length]


def crop_one_by_one(padded: Tensor, plan: Tensor, size: int) -> Tensor:
    """Cut (batch, 3, size, size) out of `padded` by rows of index, top, left, mirrored: the fastest on a CPU."""
    source = padded.numpy()
    images = np.empty((plan.shape[1], 3, size, size), dtype=np.uint8)
    for image, (index, top, left, mirrored) in zip(images, plan.T.tolist(), strict=True):
        window = source[index, :, top : top + size, left : left + size]
        image[:] = window[:, :, ::-1] if mirrored else window
    return torch.from_numpy(images)


def crop_together(padded: Tensor, plan: Tensor, size: int) -> Tensor:
    """Do what `crop_one_by_one` does, in three operations on the whole batch: the fastest on a GPU."""
    index, top, left, mirrored = plan
    images = padded.unfold(2, size, 1).unfold(3, size, 1)[index, :, top, left]
    return torch.where(mirrored.bool().view(-1, 1, 1, 1), images.flip(3), images)


@lru_cache(maxsize=4)
def _epoch_order(seed: int, stage: str, epoch: int, length: int) -> NDArray[np.int64]:
    """Return the order of one pass over the images; kept, since a pass over many images is planned in parts."""
    return permutation(int(hash_words(stream_seed(seed, "order"), stage, epoch)[0]), length)


@dataclass(frozen=True)
class _Plan:
    """All that was drawn for n images of the order; one more leads them where each is mixed with the one before."""

    windows: Tensor
    """(4, n): index, top, left and mirrored"""
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

    def to(self, device: torch.device) -> "_Plan":
        moved = {name: column.to(device) for name, column in vars(self).items() if isinstance(column, Tensor)}
        return _Plan(**(vars(self) | moved))

    def split(self, batch_size: int) -> Iterator["_Plan"]:
        lead, num_columns = int(self.share is not None), self.windows.shape[1]
        for first in range(0, num_columns - lead, batch_size):
            part = slice(first, first + batch_size + lead)
            columns: dict[str, Any] = {
                name: None if column is None else column[..., part] for name, column in vars(self).items()
            }
            yield _Plan(**columns)


def _plan(stream: Stream, data: LabelledImages, start: int, stop: int) -> _Plan:
    """Draw all that happens to the images at positions start to stop, by a hash of each position."""
    chosen, size = stream.augmentation, data.images.shape[-1]
    positions = np.maximum(np.arange(start - (chosen.mixing is not None), stop), 0)
    draws = hash_words(stream_seed(stream.seed, "augmentation"), stream.stage, positions)
    order = seen_order(stream, len(data), positions[0], stop)[positions - positions[0]]
    boxes, share = chosen.mixing.draw(hash_words(draws, "mixing"), size) if chosen.mixing else (None, None)
    return _Plan(
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


def _augmented(padded: Tensor, labels: Tensor, plan: _Plan, stream: Stream) -> tuple[Tensor, Tensor]:
    """Do to one batch what its plan says, on the device that all of it is on."""
    chosen, size = stream.augmentation, padded.shape[-1] - 2 * stream.augmentation.shift
    images, labels = _cropped(padded, plan, size), labels[plan.windows[0]]
    if chosen.policy is not None and plan.operations is not None:
        for layer in plan.operations:
            images = apply(images, chosen.policy.operations(size), layer)
    images = scaled(images)
    if plan.erased is not None:
        images = erase(images, plan.erased)
    if plan.pasted is not None and plan.share is not None:
        assert stream.num_classes is not None, "mixing needs the number of classes"
        pasted, share = plan.pasted[:, 1:], plan.share[1:]
        return mix(images, pasted, share), mixed_labels(labels, share, stream.num_classes)
    return images, labels


def _cropped(padded: Tensor, plan: _Plan, size: int) -> Tensor:
    if plan.resized is not None:
        return crop_resized(padded, plan.windows[0], plan.resized, plan.windows[3])
    crop = crop_one_by_one if padded.device.type == "cpu" else crop_together
    return crop(padded, plan.windows, size)
