"""Random erasing (Zhong et al. 2020, as in torchvision): paint over a box of an image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bench.data.augment.boxes import Range, draw_boxes, inside
from bench.data.random import hash_words, uniform


@dataclass(frozen=True)
class Erasing:
    """Torchvision's `RandomErasing` with the value 0, which is middle grey, on scaled images."""

    probability: float = 0.5
    scale: Range = (0.02, 0.33)
    """Range of the box's area, as a share of the image's area."""
    ratio: Range = (0.3, 3.3)
    """Range of the box's height divided by its width."""

    def draw(self, hashes: NDArray[np.uint64], size: int) -> NDArray[np.int64]:
        """Return boxes (4, n) of top, left, height, width; a box is empty if nothing is erased."""
        upright = (1 / self.ratio[1], 1 / self.ratio[0])
        boxes, _ = draw_boxes(hashes, size, self.scale, upright, largest=size - 1)
        return boxes * (uniform(hash_words(hashes, "whether")) < self.probability)


def erase(images: Tensor, boxes: Tensor) -> Tensor:
    """Set the boxes (4, n) of float images (n, 3, size, size) to 0, in place."""
    return images.masked_fill_(inside(boxes, images.shape[-1]), 0)
