"""Batches on the device: uint8 images stay resident there, each batch is gathered, augmented and scaled there.

Which image is seen when depends on the seed, the stage and the number of images alone, never on the model, the batch
size or the device; and what is done to it on the seed, the stage and its position in that order. So every model sees
the same images, and a stream can start anywhere: that is how a run resumes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from bench.data.hashing import below, hash_words, permutation, stream_seed
from bench.data.sets import MEAN, STD, LabelledImages

PLANNED = 8_192
"""Images whose order and augmentation are worked out at once."""


@dataclass(frozen=True)
class Augmentation:
    """What happens to each training image on its own, drawn anew each time that it is seen."""

    shift: int = 0
    """crop at an offset of up to this many pixels each way, after padding with black"""
    flip: bool = False
    """mirror half of the images left to right"""


@dataclass(frozen=True)
class Stream:
    """The order of a stage's training images."""

    seed: int
    stage: str
    num_images: int
    """images seen in all; epochs run into each other, so that every batch is full but for the last"""
    batch_size: int
    augmentation: Augmentation = Augmentation()


def training_batches(
    data: LabelledImages, stream: Stream, *, device: torch.device, start: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images (batch, 3, size, size), float32 in -1 to 1, and labels (batch,), both on the device.

    The stream goes on after its first `start` images as if it had yielded them.
    """
    size, shift = data.images.shape[-1], stream.augmentation.shift
    labels = torch.from_numpy(data.labels).to(device)
    padded = pad(torch.from_numpy(data.images).to(device), [shift] * 4)
    planned = max(1, PLANNED // stream.batch_size) * stream.batch_size
    crop = crop_one_by_one if device.type == "cpu" else crop_together
    for first in range(start, stream.num_images, planned):
        last = min(first + planned, stream.num_images)
        plan = torch.from_numpy(_plan(stream, len(data), first, last)).to(device)
        for batch in plan.split(stream.batch_size, dim=1):
            yield scaled(crop(padded, batch, size)), labels[batch[0]]


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


def _plan(stream: Stream, length: int, start: int, stop: int) -> NDArray[np.int64]:
    """Return rows (4, stop - start) of index, top, left and mirrored for the positions start to stop."""
    draws = hash_words(stream_seed(stream.seed, "augmentation"), stream.stage, np.arange(start, stop))
    num_offsets = 2 * stream.augmentation.shift + 1
    top, left = below(hash_words(draws, 0), num_offsets), below(hash_words(draws, 1), num_offsets)
    mirrored = below(hash_words(draws, 2), 1 + stream.augmentation.flip)
    return np.stack([seen_order(stream, length, start, stop), top, left, mirrored])
