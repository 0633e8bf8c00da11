"""Images that cannot be read: a run fails on the first, or skips and counts them.

In training the next readable image of the same class, in the set's order, replaces a skipped image. Neither the balance
of classes nor the order of other images changes. In evaluation a skipped image is left out.
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
"""Why images cannot be read, by their position in a batch."""


@dataclass(eq=False)
class BadImages:
    """What happens to images that cannot be read, and which ones were met."""

    on_bad_image: OnBadImage = "fail"
    met: dict[int, str] = field(default_factory=dict)
    """reasons by id"""

    def note(self, ids: Indices, reasons: Reasons) -> None:
        """Remember which of the images (n,) are bad, or refuse the first.

        Raises:
            BadImage: they may not be skipped.
        """
        if reasons and self.on_bad_image == "fail":
            raise BadImage(next(iter(reasons.values())))
        self.met |= {int(ids[place]): reason for place, reason in reasons.items()}

    def replace(self, images: ImageSet, order: Indices, pictures: Tensor, reasons: Reasons) -> Tensor:
        """Return the pictures (n, 3, size, size) of the set's images `order` (n,), with bad ones replaced."""
        self.note(images.ids[order], reasons)
        for place in reasons:
            pictures[place] = torch.from_numpy(self._stand_in(images, int(order[place]))).to(pictures.device)
        return pictures

    def _stand_in(self, images: ImageSet, position: int) -> NDArray[np.uint8]:
        """Return the next readable image of a class; the first image of the set follows the last."""
        alike = np.flatnonzero(images.labels == images.labels[position])
        others = np.roll(alike, -int(np.searchsorted(alike, position)))[1:]
        for identifier in images.ids[others]:
            if int(identifier) in self.met:
                continue
            pictures, reasons = read_leniently(images.source, np.array([identifier]), images.image_size)
            if not reasons:
                return pictures[0]
            self.note(np.array([identifier]), reasons)
        raise BadImage(f"{self.met[int(images.ids[position])]} (nor can any other image of its class be read)")


def read_leniently(
    source: Source, ids: Indices, image_size: int, *, cached: bool = False
) -> tuple[NDArray[np.uint8], Reasons]:
    """Return images (n, 3, image_size, image_size), black if they cannot be read, and the reasons for these.

    If `cached`, images that this process has decoded before may come from memory.
    """
    try:
        return (source.read_cached if cached else source.read)(ids, image_size), {}
    except BadImage as error:
        if len(ids) == 1:
            return np.zeros((1, 3, image_size, image_size), np.uint8), {0: str(error)}
    half = len(ids) // 2
    first, second = (read_leniently(source, part, image_size, cached=cached) for part in (ids[:half], ids[half:]))
    reasons = first[1] | {half + place: reason for place, reason in second[1].items()}
    return np.concatenate([first[0], second[0]]), reasons
