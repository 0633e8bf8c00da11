"""Make batches on the device: any of three pipelines brings images there, where they are augmented and scaled.

A stream gives the same batches, bit for bit, with any pipeline, number of workers and number of batches per block.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from bench.data.augment.erasing import erase
from bench.data.augment.mixing import mix, mixed_labels
from bench.data.augment.operations import Prepared, apply, prepare
from bench.data.augment.resized import crop_resized
from bench.data.dataset import ImageSet
from bench.data.loading.image_loader import ImageLoader
from bench.data.loading.stream import BatchPlan, Stream, batch_plans
from bench.data.to_device import to_device
from models.external.weights_source import MEAN, STD

BLOCK_IMAGES = 2_048
"""Upper limit of the number of images that a GPU crops and augments at once."""
BLOCK_BYTES = 2**25
"""Upper limit of a block's size in bytes; resized crops need up to 14 times this size while a block is made."""


@dataclass(frozen=True)
class Blocks:
    """The number of batches that are cropped and augmented at once, and the cropping function; no batch changes."""

    num_batches: int
    crop: Callable[[Tensor, Tensor, int], Tensor]


def training_batches(
    images: ImageSet, stream: Stream, loader: ImageLoader, *, start: int = 0, blocks: Blocks | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images (batch, 3, size, size), float32 in -1 to 1, and labels (batch,), both on the loader's device.

    Mixed labels are (batch, classes), float32. The first `start` images of the stream are skipped; later batches do not
    change by that. `blocks` are by default those of `blocks_for`.

    Raises:
        BadImage: an image cannot be read and may not be skipped, or no image of its class can be read.
    """
    chosen, size, blocks = stream.augmentation, images.image_size, blocks or blocks_for(images, stream, loader)
    in_blocks = replace(stream, batch_size=blocks.num_batches * stream.batch_size)
    plans = batch_plans(in_blocks, len(images), size, device=loader.device, start=start)
    policy = prepare(chosen.policy.operations(size), size, loader.device) if chosen.policy else None
    source_of_plans = _gathered if loader.pipeline == "resident" else _fetched
    for plan, source, labels in source_of_plans(images, plans, loader, chosen.shift):
        changed = _changed(_cropped(source, plan, size, blocks), plan, policy)
        for batch in plan.slices(stream.batch_size):
            yield _finished(changed[batch], labels[batch], plan.part(batch), stream.num_classes)


def blocks_for(images: ImageSet, stream: Stream, loader: ImageLoader) -> Blocks:
    """Return blocks of one batch for a CPU, and of several for a GPU, since launching a small kernel takes long.

    Streamed batches are taken one by one, since steps would have to wait for several.
    """
    if loader.device.type == "cpu":
        return Blocks(1, crop_one_by_one)
    num_images = min(BLOCK_IMAGES, BLOCK_BYTES // (3 * images.image_size**2))
    together = 1 if loader.pipeline == "streaming" else num_images // stream.batch_size
    return Blocks(max(1, together), crop_together)


def evaluation_batches(
    images: ImageSet, batch_size: int, loader: ImageLoader
) -> Iterator[tuple[Tensor, Tensor, NDArray[np.int64]]]:
    """Yield all images in order, scaled as in training, with their labels and ids.

    Images that cannot be read are left out if they may be skipped.
    """
    orders = np.split(np.arange(len(images)), range(batch_size, len(images), batch_size))
    for order, (pictures, reasons) in zip(orders, loader.pictures(images, iter(orders)), strict=True):
        loader.bad.note(images.ids[order], reasons)
        good = np.setdiff1d(np.arange(len(order)), list(reasons))
        if len(good):
            readable = pictures[torch.from_numpy(good).to(loader.device)] if reasons else pictures
            yield (
                scaled(readable),
                torch.from_numpy(images.labels[order[good]]).to(loader.device),
                images.ids[order[good]],
            )


PlannedImages = Iterator[tuple[BatchPlan, Tensor, Tensor]]
"""Plans, the padded images (n, 3, padded size, padded size) that their windows are cut from, and their labels."""


def _gathered(images: ImageSet, plans: Iterator[BatchPlan], loader: ImageLoader, padding: int) -> PlannedImages:
    """Yield all plans with the same images, which are all on the device."""
    labels = torch.from_numpy(images.labels).to(loader.device)
    padded = loader.padded(images, padding)
    for plan in plans:
        yield plan, padded, labels[plan.windows[0]]


def _fetched(images: ImageSet, plans: Iterator[BatchPlan], loader: ImageLoader, padding: int) -> PlannedImages:
    """Yield each plan with its own images, which are sent to the device before the step needs them."""
    ahead: deque[BatchPlan] = deque()

    def orders() -> Iterator[NDArray[np.int64]]:
        for plan in plans:
            ahead.append(plan)
            yield plan.order

    for pictures, reasons in loader.pictures(images, orders()):
        plan = ahead.popleft()
        whole = loader.bad.replace(images, plan.order, pictures, reasons)
        labels = to_device(torch.from_numpy(images.labels[plan.order]), loader.device)
        yield plan.reindexed(), pad(whole, [padding] * 4), labels


def _cropped(source: Tensor, plan: BatchPlan, size: int, blocks: Blocks) -> Tensor:
    if plan.resized is not None:
        return crop_resized(source, plan.windows[0], plan.resized, plan.windows[3])
    return blocks.crop(source, plan.windows, size)


def _changed(images: Tensor, plan: BatchPlan, policy: Prepared | None) -> Tensor:
    """Return cropped uint8 images (n, 3, size, size) after the policy's operations that the plan has drawn."""
    if policy is not None and plan.operations is not None:
        for layer in plan.operations:
            images = apply(images, policy, layer)
    return images


def _finished(images: Tensor, labels: Tensor, plan: BatchPlan, num_classes: int | None) -> tuple[Tensor, Tensor]:
    """Return one batch, scaled for a model and after the rest of the plan: erasing and mixing."""
    images = scaled(images)
    if plan.erased is not None:
        images = erase(images, plan.erased)
    if plan.pasted is not None and plan.share is not None:
        assert num_classes is not None, "mixing needs the number of classes"
        pasted, share = plan.pasted[:, 1:], plan.share[1:]
        return mix(images, pasted, share), mixed_labels(labels, share, num_classes)
    return images, labels


def scaled(images: Tensor) -> Tensor:
    """Return uint8 images as float32, normalised with mean 0.5 and standard deviation 0.5."""
    return images.float().mul_(1 / (255 * STD)).sub_(MEAN / STD)


def crop_one_by_one(padded: Tensor, plan: Tensor, size: int) -> Tensor:
    """Return crops (batch, 3, size, size) of `padded` by rows of index, top, left, mirrored; fastest on a CPU."""
    source = padded.numpy()
    images = np.empty((plan.shape[1], 3, size, size), dtype=np.uint8)
    for image, (index, top, left, mirrored) in zip(images, plan.T.tolist(), strict=True):
        window = source[index, :, top : top + size, left : left + size]
        image[:] = window[:, :, ::-1] if mirrored else window
    return torch.from_numpy(images)


def crop_together(padded: Tensor, plan: Tensor, size: int) -> Tensor:
    """Return the crops of `crop_one_by_one`, with three operations on the whole batch; fastest on a GPU."""
    index, top, left, mirrored = plan
    images = padded.unfold(2, size, 1).unfold(3, size, 1)[index, :, top, left]
    return torch.where(mirrored.bool().view(-1, 1, 1, 1), images.flip(3), images)
