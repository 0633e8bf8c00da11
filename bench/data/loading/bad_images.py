"""Handle images that cannot be read: a run fails at the first one, or skips and counts them.

In training, the next readable image of the same class in the set's order replaces a skipped image. So the balance of
classes and the order of all other images stay the same. In evaluation, a skipped image is left out.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.data.dataset import ImageSet, OnBadImage, Source
from bench.errors import BadImage

Indices = NDArray[np.int64]
Reasons = dict[int, str]
"""Position in a batch -> why the image cannot be read."""


@dataclass(eq=False)
class BadImages:
    """The handling of images that cannot be read, and the bad images so far."""

    on_bad_image: OnBadImage = "fail"
    reasons: dict[int, str] = field(default_factory=dict)
    """Image id -> why the image cannot be read."""

    def note(self, ids: Indices, reasons: Reasons) -> None:
        """Record which of the images (n,) are bad, or fail at the first one.

        Raises:
            BadImage: bad images may not be skipped.
        """
        if reasons and self.on_bad_image == "fail":
            raise BadImage(next(iter(reasons.values())))
        self.reasons |= {int(ids[position]): reason for position, reason in reasons.items()}

    def replace(self, images: ImageSet, order: Indices, pictures: Tensor, reasons: Reasons) -> Tensor:
        """Return the pictures (n, 3, size, size) of the set's images `order` (n,), with bad images replaced."""
        self.note(images.ids[order], reasons)
        for index in reasons:
            pictures[index] = torch.from_numpy(self._replacement(images, int(order[index]))).to(pictures.device)
        return pictures

    def _replacement(self, images: ImageSet, position: int) -> NDArray[np.uint8]:
        """Return the next readable image of the same class; the first image of the set follows the last."""
        same_class = np.flatnonzero(images.labels == images.labels[position])
        others = np.roll(same_class, -int(np.searchsorted(same_class, position)))[1:]
        for identifier in images.ids[others]:
            if int(identifier) in self.reasons:
                continue
            pictures, reasons = read_leniently(images.source, np.array([identifier]), images.image_size)
            if not reasons:
                return pictures[0]
            self.note(np.array([identifier]), reasons)
        raise BadImage(f"{self.reasons[int(images.ids[position])]} (nor can any other image of its class be read)")


def read_leniently(
    source: Source, ids: Indices, image_size: int, *, cached: bool = False
) -> tuple[NDArray[np.uint8], Reasons]:
    """Return images (n, 3, image_size, image_size), with bad images black, and the reasons of the bad images.

    If `cached`, images that this process has already decoded may come from memory.
    """
    try:
        return (source.read_cached if cached else source.read)(ids, image_size), {}
    except BadImage as error:
        if len(ids) == 1:
            return np.zeros((1, 3, image_size, image_size), np.uint8), {0: str(error)}
    # A source reports only the first bad image, so halve the batch until each bad image is alone.
    half = len(ids) // 2
    first, second = (read_leniently(source, part, image_size, cached=cached) for part in (ids[:half], ids[half:]))
    reasons = first[1] | {half + position: reason for position, reason in second[1].items()}
    return np.concatenate([first[0], second[0]]), reasons
