"""Random resized crop (Szegedy et al. 2015, as in torchvision): scale a box of an image up to the image's size."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.data.augment.boxes import Range, draw_boxes


@dataclass(frozen=True)
class ResizedCrop:
    """Torchvision's `RandomResizedCrop` to the size of the images, bilinear."""

    scale: Range = (0.08, 1.0)
    """Range of the box's area, as a share of the image's area."""
    ratio: Range = (3 / 4, 4 / 3)
    """Range of the box's width divided by its height."""

    def draw(self, hashes: NDArray[np.uint64], size: int) -> NDArray[np.int64]:
        """Return boxes (4, n) of top, left, height, width; if no attempt fits, the largest central box."""
        boxes, is_box = draw_boxes(hashes, size, self.scale, self.ratio, largest=size)
        height = round(size / max(1.0, self.ratio[0]))
        width = round(size * min(1.0, self.ratio[1]))
        central = np.array([(size - height) // 2, (size - width) // 2, height, width])
        return np.where(is_box, boxes, central[:, None])


def crop_resized(source: Tensor, index: Tensor, boxes: Tensor, mirrored: Tensor) -> Tensor:
    """Return boxes (4, n) of the images `index` (n,) of `source`, resized to (n, 3, size, size), uint8.

    Images that are `mirrored` (n,) are flipped left to right. Each step rounds once in float32, so all devices and
    batches give the same pixels.
    """
    size = source.shape[-1]
    top, left, height, width = boxes
    upper, lower, down = _neighbours(top, height, size)
    before, after, right = (
        torch.where(mirrored.bool()[:, None], side.flip(1), side) for side in _neighbours(left, width, size)
    )
    images = source[index]
    rows = _between(_rows(images, upper), _rows(images, lower), down[:, None, :, None])
    pixels = _between(_columns(rows, before), _columns(rows, after), right[:, None, None, :])
    return pixels.round_().to(torch.uint8)


def _neighbours(start: Tensor, length: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return three times (n, size): the two neighbours of each output pixel, and its distance from the first."""
    steps = (torch.arange(size, device=start.device, dtype=torch.float64) + 0.5) * (length[:, None] / float(size))
    position = (steps - 0.5).clamp_(min=0).minimum(length[:, None] - 1.0)
    first = position.floor()
    second = torch.minimum(first + 1, length[:, None] - 1.0)
    return (
        (first.long() + start[:, None]),
        (second.long() + start[:, None]),
        (position - first).float(),
    )


def _rows(images: Tensor, index: Tensor) -> Tensor:
    return images.gather(2, index[:, None, :, None].expand(-1, 3, -1, images.shape[3])).float()


def _columns(images: Tensor, index: Tensor) -> Tensor:
    return images.gather(3, index[:, None, None, :].expand(-1, 3, images.shape[2], -1))


def _between(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    return second.sub_(first).mul_(share).add_(first)
