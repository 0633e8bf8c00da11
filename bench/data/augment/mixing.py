"""Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019): mix an image and its label with another image and label.

As in torchvision, the other image is the previous one, but in the order of the whole stream, not of a batch. As in
timm's element-wise mode, each image has its own mixing weight. The first image of a stream is mixed with itself.
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
    """Mixup, CutMix, or one of the two for each image, with equal probability (timm's `switch_prob` of 0.5)."""

    mixup: float | None = None
    """Alpha: the weight of the image itself is drawn from Beta(alpha, alpha); None for no mixup."""
    cutmix: float | None = None
    """Alpha: the share of the area outside the pasted box is drawn from Beta(alpha, alpha); None for no CutMix."""

    def draw(self, hashes: NDArray[np.uint64], size: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return CutMix' boxes (4, n), empty for mixup, and the weight (n,) of the image's own label.

        As in the paper, a box may be centred on any pixel and is cut at the image's border. For CutMix the weight is 1
        minus the relative area of the box.
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

    `boxes` (4, n) are pasted from the previous image. Where a box is empty, pixels are blended by `share` (n,).
    """
    images, previous = images[1:], images[:-1]
    blended = (boxes[2] == 0) | (boxes[3] == 0)
    weight = torch.where(blended, share.float(), 1.0).view(-1, 1, 1, 1)
    other_weight = torch.where(blended, 1 - share, 0.0).float().view(-1, 1, 1, 1)
    return torch.where(inside(boxes, images.shape[-1]), previous, images * weight + previous * other_weight)


def mixed_labels(labels: Tensor, share: Tensor, num_classes: int) -> Tensor:
    """Return (n, classes), float32, rows that sum to 1, from labels (n + 1,) and the weights (n,) of the own labels."""
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
