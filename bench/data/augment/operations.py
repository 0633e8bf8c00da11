"""The operations of RandAugment and AutoAugment on batches, with a different operation for each image.

An image gets the result of torchvision's function for one uint8 image, bit for bit, with black outside the image.
Three kinds of operations have one kernel each, for all images and magnitudes:

- moves (shear, translate, rotate; nearest neighbour) take each pixel from another position, by a map that torchvision's
  function makes from an image of positions,
- tones (brightness, posterize, solarize, invert) look each value up in a table that torchvision's function makes from
  the 256 values,
- blends (colour, contrast, sharpness) interpolate between the image and another one, with a factor per image.

AutoContrast and Equalize are torchvision's functions for batches, which use the statistics of each image.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torchvision.transforms.functional as vision
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2.functional import equalize_image

from bench.data.to_device import to_device


@dataclass(frozen=True)
class Operation:
    """One of `NAMES` with its magnitude, in torchvision's units: degrees, pixels, bits, or a factor minus 1."""

    name: str
    magnitude: float = 0.0


MOVES = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
TONES = ("Brightness", "Posterize", "Solarize", "Invert")
BLENDS = ("Color", "Contrast", "Sharpness")
STATISTICS = ("AutoContrast", "Equalize")
NAMES = ("Identity", *MOVES, *TONES, *BLENDS, *STATISTICS)


@dataclass(frozen=True)
class Prepared:
    """Operations prepared for images of one size: indices on the host, and lookup tables on the device."""

    kinds: NDArray[np.int64]
    """(operations,), on the host: 0 for the identity, else the number of the kernel, from 1."""
    rows: NDArray[np.int64]
    """(operations,), on the host: the operation's row in the lookup tables of its kernel."""
    looked_up: tuple[tuple[Tensor, ...], ...]
    """For each kernel, lookup tables with one row per operation, on the device."""


def prepare(operations: Sequence[Operation], size: int, device: torch.device) -> Prepared:
    """Prepare operations for images of `size` pixels on a device; once is enough for any number of images."""
    kinds = np.array([_KIND[operation.name] for operation in operations])
    rows, looked_up = np.zeros_like(kinds), []
    for kind, (_, columns) in enumerate(_KERNELS, start=1):
        of_kind = [operation for operation in operations if _KIND[operation.name] == kind]
        rows[kinds == kind] = np.arange(len(of_kind))
        looked_up.append(tuple(to_device(column, device) for column in columns(of_kind, size)) if of_kind else ())
    return Prepared(kinds, rows, tuple(looked_up))


def apply(images: Tensor, prepared: Prepared, chosen: NDArray[np.int64]) -> Tensor:
    """Return the uint8 images (n, 3, size, size) after the operation with the index `chosen` (n,) for each.

    Images are grouped by kernel on the host, so nothing waits for the device.
    """
    kinds = prepared.kinds[chosen]
    sorting = np.argsort(kinds, kind="stable")
    plan = np.stack([sorting, prepared.rows[chosen[sorting]], np.argsort(sorting)])
    order, rows, places = to_device(torch.from_numpy(plan), images.device)
    counts = np.bincount(kinds, minlength=1 + len(_KERNELS)).tolist()
    unchanged, *parts = images[order].split(counts)
    _, *part_rows = rows.split(counts)
    changed = [
        kernel(part, *(column[index] for column in columns))
        for (kernel, _), part, index, columns in zip(_KERNELS, parts, part_rows, prepared.looked_up, strict=True)
        if len(part)
    ]
    return torch.cat([unchanged, *changed])[places]


def _move(images: Tensor, places: Tensor) -> Tensor:
    """Return images whose pixels come from positions (n, size * size) in the flat image; -1 (outside) gives black."""
    places = places[:, None]
    moved = images.flatten(2).gather(2, places.clamp(min=0).expand(-1, 3, -1))
    return moved.masked_fill_(places < 0, 0).view_as(images)


def _tone(images: Tensor, tables: Tensor) -> Tensor:
    """Return images whose values are looked up in the tables (n, 256) of their images."""
    return tables.gather(1, images.flatten(1).long()).view_as(images)


def _colour(images: Tensor, own: Tensor, other: Tensor) -> Tensor:
    return _blend(images, vision.rgb_to_grayscale(images), own, other)


def _contrast(images: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """Blend with the mean grey; its sum is exact, so it does not depend on the order of addition."""
    total = vision.rgb_to_grayscale(images).sum(dim=(1, 2, 3), keepdim=True)
    return _blend(images, total / (images.shape[2] * images.shape[3]), own, other)


def _sharpness(images: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """Blend with the smoothed image, which has no sharpness.

    The smoothed values are multiples of 1/13, none near a half, so they round alike in any order of addition.
    """
    return _blend(images, vision.adjust_sharpness(images, 0.0), own, other)


def _blend(images: Tensor, others: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """Return `own * images + other * others` as uint8, with weights (n, 1, 1, 1)."""
    return (own * images).add_(other * others).clamp_(0, 255).to(torch.uint8)


def _no_columns(_: Sequence[Operation], size: int) -> tuple[Tensor, ...]:
    return ()


def _places(operations: Sequence[Operation], size: int) -> tuple[Tensor]:
    """Return (operations, size * size): the source position of each pixel in the flat image, -1 for outside."""
    places = torch.arange(1, size * size + 1, dtype=torch.float32).view(1, size, size)
    return (torch.stack([_moved(places, operation).flatten().long() - 1 for operation in operations]),)


def _tables(operations: Sequence[Operation], _: int) -> tuple[Tensor]:
    """Return (operations, 256): the new value of each value."""
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 256)
    return (torch.stack([_toned(values, operation).flatten() for operation in operations]),)


def _shares(operations: Sequence[Operation], _: int) -> tuple[Tensor, Tensor]:
    """Return the weights of the image and of the other image in a blend, (operations, 1, 1, 1) each."""
    own = torch.tensor([1.0 + operation.magnitude for operation in operations], dtype=torch.float64).view(-1, 1, 1, 1)
    return own.float(), (1.0 - own).float()


_KERNELS: tuple[tuple[Callable[..., Tensor], Callable[[Sequence[Operation], int], tuple[Tensor, ...]]], ...] = (
    (_move, _places),
    (_tone, _tables),
    (_colour, _shares),
    (_contrast, _shares),
    (_sharpness, _shares),
    (vision.autocontrast, _no_columns),
    (equalize_image, _no_columns),
)
"""For each kind of operation, its kernel and the function that makes its lookup tables."""
_KIND = {"Identity": 0} | dict.fromkeys(MOVES, 1) | dict.fromkeys(TONES, 2)
_KIND |= {name: kind for kind, name in enumerate(BLENDS + STATISTICS, start=3)}


def _moved(image: Tensor, operation: Operation) -> Tensor:
    """Call torchvision's function as its RandAugment does: a shear's magnitude is the tangent, about the corner."""
    magnitude, degrees = operation.magnitude, math.degrees(math.atan(operation.magnitude))
    match operation.name:
        case "ShearX":
            return vision.affine(image, 0.0, [0, 0], 1.0, [degrees, 0.0], center=[0, 0])
        case "ShearY":
            return vision.affine(image, 0.0, [0, 0], 1.0, [0.0, degrees], center=[0, 0])
        case "TranslateX":
            return vision.affine(image, 0.0, [int(magnitude), 0], 1.0, [0.0, 0.0])
        case "TranslateY":
            return vision.affine(image, 0.0, [0, int(magnitude)], 1.0, [0.0, 0.0])
        case "Rotate":
            return vision.rotate(image, magnitude)
    raise AssertionError(operation)


def _toned(image: Tensor, operation: Operation) -> Tensor:
    match operation.name:
        case "Brightness":
            return vision.adjust_brightness(image, 1.0 + operation.magnitude)
        case "Posterize":
            return vision.posterize(image, int(operation.magnitude))
        case "Solarize":
            return vision.solarize(image, operation.magnitude)
        case "Invert":
            return vision.invert(image)
    raise AssertionError(operation)
