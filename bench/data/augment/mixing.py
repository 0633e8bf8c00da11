"""Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019): an image and its label mixed with another.

As in torchvision, the other image is the previous one, but in the order of the whole stream, not of a batch. As in
timm's element-wise mode, each image has an individual share. The first image of a stream mixes with itself.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import betaincinv
from torch import Tensor
from torch.nn.functional import one_hot

from bench.data.augment.boxes import inside
from bench.data.random import below, hash_words, uniform


@dataclass(frozen=True)
class Mixing:
    """Mixup, CutMix, or for each image one of the two, evenly (timm's `switch_prob` of 0.5)."""

    mixup: float | None = None
    """alpha: the image's own share is drawn from Beta(alpha, alpha); None for no mixup"""
    cutmix: float | None = None
    """alpha: the same of the area outside of the other image's box; None for no CutMix"""

    def draw(self, hashes: NDArray[np.uint64], size: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return CutMix' boxes (4, n), empty for mixup, and the share (n,) of the label that is the image's own.

        A box is centred on any pixel, as in the paper, and cut at the image's border. The share is then 1 minus the
        relative area of the box.
        """
        cuts = self._cuts(hashes)
        draws = uniform(hash_words(hashes, "share"))
        boxes = _cutmix_boxes(hashes, _beta(self.cutmix, draws), size) * cuts
        outside = 1 - boxes[2] * boxes[3] / size**2
        return boxes, np.where(cuts, outside, _beta(self.mixup, draws))

    def _cuts(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        if self.mixup is None or self.cutmix is None:
            return np.full(len(hashes), self.cutmix is not None)
        return below(hash_words(hashes, "which"), 2) == 1


def mix(images: Tensor, boxes: Tensor, share: Tensor) -> Tensor:
    """Mix float images (n + 1, 3, size, size), each with the one before; return the last n of them.

    `boxes` (4, n) are pasted from the previous image. If a box is empty, pixels are blended with weight `share` (n,).
    """
    images, previous = images[1:], images[:-1]
    blended = (boxes[2] == 0) | (boxes[3] == 0)
    weight = torch.where(blended, share.float(), 1.0).view(-1, 1, 1, 1)
    other_weight = torch.where(blended, 1 - share, 0.0).float().view(-1, 1, 1, 1)
    return torch.where(inside(boxes, images.shape[-1]), previous, images * weight + previous * other_weight)


def mixed_labels(labels: Tensor, share: Tensor, num_classes: int) -> Tensor:
    """Return (n, classes), float32, rows that sum to 1, from labels (n + 1,) and the share (n,) of an image's label."""
    classes = one_hot(labels, num_classes).double()
    return (classes[1:] * share[:, None] + classes[:-1] * (1 - share[:, None])).float()


def _beta(alpha: float | None, draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quantiles of Beta(alpha, alpha) at the draws; ones if alpha is None."""
    return np.ones_like(draws) if alpha is None else betaincinv(alpha, alpha, draws)


def _cutmix_boxes(hashes: NDArray[np.uint64], share: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    half = (0.5 * np.sqrt(1 - share) * size).astype(np.int64)
    centres = np.stack([below(hash_words(hashes, name), size) for name in ("row", "column")])
    start, stop = np.maximum(centres - half, 0), np.minimum(centres + half, size)
    return np.concatenate([start, stop - start])
