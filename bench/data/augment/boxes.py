"""Random boxes in a square image, by area and aspect ratio as in torchvision, in whole pixels.

A box is (top, left, height, width). Several boxes are an array (4, n).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.data.random import below, hash_words, uniform

ATTEMPTS = 10
"""Number of attempts to draw a box that fits, as in torchvision."""

Range = tuple[float, float]


def draw_boxes(
    hashes: NDArray[np.uint64], size: int, scale: Range, ratio: Range, *, largest: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return boxes (4, n), one per hash, and whether each fits; no side is longer than `largest` pixels.

    The area is uniform in `scale`, as a share of the image's area. Width divided by height is log-uniform in `ratio`.
    The first of ten boxes that fits is used, at a uniformly random position.
    """
    attempts = np.arange(ATTEMPTS)[:, None]
    area = size**2 * _between(scale, uniform(hash_words(hashes, "area", attempts)))
    aspect = np.exp(_between((np.log(ratio[0]), np.log(ratio[1])), uniform(hash_words(hashes, "aspect", attempts))))
    sides = np.rint(np.sqrt(np.stack([area / aspect, area * aspect]))).astype(np.int64)
    fits = ((sides > 0) & (sides <= largest)).all(axis=0)
    height, width = np.take_along_axis(sides, fits.argmax(axis=0)[None, None], axis=1)[:, 0]
    is_box = np.asarray(fits.any(axis=0))
    height, width = np.where(is_box, height, 0), np.where(is_box, width, 0)
    top = below(hash_words(hashes, "top"), (size - height + 1).astype(np.uint64))
    left = below(hash_words(hashes, "left"), (size - width + 1).astype(np.uint64))
    return np.stack([top, left, height, width]), is_box


def inside(boxes: Tensor, size: int) -> Tensor:
    """Return (n, 1, size, size): whether each pixel is inside the box (4, n) of its image."""
    top, left, height, width = boxes[:, :, None]
    pixels = torch.arange(size, device=boxes.device)
    rows = (pixels >= top) & (pixels < top + height)
    columns = (pixels >= left) & (pixels < left + width)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def _between(ends: Range, share: NDArray[np.float64]) -> NDArray[np.float64]:
    return ends[0] + (ends[1] - ends[0]) * share
