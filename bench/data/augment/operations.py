"""The operations of RandAugment and AutoAugment on batches of which each image has another one.

An image gets exactly what torchvision's function of one uint8 image gives, bit for bit, black where it has no pixel.
Three kinds are each one kernel for all of their images, whatever the magnitudes:

- moves (shear, translate, rotate; nearest neighbour) take each pixel from another place, by a map that torchvision's
  own function makes of an image of places,
- tones (brightness, posterize, solarize, invert) look each value up in a table, which torchvision's own function makes
  of the 256 values,
- blends (colour, contrast, sharpness) go between the image and another one, by a factor an image.

AutoContrast and Equalize are torchvision's functions of batches, which take each image's own statistics.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torchvision.transforms.functional as vision
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2.functional import equalize_image


@dataclass(frozen=True)
class Operation:
    """One of `NAMES` with its magnitude, in torchvision's units: degrees, pixels, bits, or a factor less 1."""

    name: str
    magnitude: float = 0.0


MOVES = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
TONES = ("Brightness", "Posterize", "Solarize", "Invert")
BLENDS = ("Color", "Contrast", "Sharpness")
STATISTICS = ("AutoContrast", "Equalize")
NAMES = ("Identity", *MOVES, *TONES, *BLENDS, *STATISTICS)


def apply(images: Tensor, operations: Sequence[Operation], chosen: NDArray[np.int64]) -> Tensor:
    """Give each of the uint8 images (n, 3, size, size) the operation of its index `chosen` (n,), in place."""
    kinds = np.array([_KIND[operation.name] for operation in operations])[chosen]
    for kind, kernel in enumerate(_KERNELS, start=1):
        where = np.flatnonzero(kinds == kind)
        if len(where):
            index = torch.from_numpy(where).to(images.device)
            images[index] = kernel(images[index], [operations[choice] for choice in chosen[where]])
    return images


def _move(images: Tensor, operations: Sequence[Operation]) -> Tensor:
    size = images.shape[-1]
    places = torch.stack([_places(operation, size) for operation in operations]).to(images.device)[:, None]
    moved = images.flatten(2).gather(2, places.clamp(min=0).expand(-1, 3, -1))
    return moved.masked_fill_(places < 0, 0).view_as(images)


def _tone(images: Tensor, operations: Sequence[Operation]) -> Tensor:
    tables = torch.stack([_table(operation) for operation in operations]).to(images.device)
    return tables.gather(1, images.flatten(1).long()).view_as(images)


def _colour(images: Tensor, operations: Sequence[Operation]) -> Tensor:
    return _blend(images, vision.rgb_to_grayscale(images), operations)


def _contrast(images: Tensor, operations: Sequence[Operation]) -> Tensor:
    """Towards the mean grey, whose sum is exact."""
    total = vision.rgb_to_grayscale(images).sum(dim=(1, 2, 3), keepdim=True)
    return _blend(images, total / (images.shape[2] * images.shape[3]), operations)


def _sharpness(images: Tensor, operations: Sequence[Operation]) -> Tensor:
    """Away from the image smoothed, which is what no sharpness means."""
    return _blend(images, vision.adjust_sharpness(images, 0.0), operations)


def _autocontrast(images: Tensor, operations: Sequence[Operation]) -> Tensor:
    return vision.autocontrast(images)


def _equalize(images: Tensor, operations: Sequence[Operation]) -> Tensor:
    return equalize_image(images)


_KERNELS: tuple[Callable[[Tensor, Sequence[Operation]], Tensor], ...] = (
    _move,
    _tone,
    _colour,
    _contrast,
    _sharpness,
    _autocontrast,
    _equalize,
)
_KIND = {"Identity": 0} | dict.fromkeys(MOVES, 1) | dict.fromkeys(TONES, 2)
_KIND |= {name: kind for kind, name in enumerate(BLENDS + STATISTICS, start=3)}


def _blend(images: Tensor, others: Tensor, operations: Sequence[Operation]) -> Tensor:
    factors = torch.tensor([1.0 + operation.magnitude for operation in operations], dtype=torch.float64)
    own = factors.float().to(images.device).view(-1, 1, 1, 1)
    other = (1.0 - factors).float().to(images.device).view(-1, 1, 1, 1)
    return (own * images).add_(other * others).clamp_(0, 255).to(torch.uint8)


@lru_cache(maxsize=256)
def _places(operation: Operation, size: int) -> Tensor:
    """Return (size * size,): the place in the flat image that each pixel comes from, -1 for outside."""
    places = torch.arange(1, size * size + 1, dtype=torch.float32).view(1, size, size)
    return _moved(places, operation).flatten().long() - 1


def _moved(image: Tensor, operation: Operation) -> Tensor:
    """Call torchvision's function as its RandAugment does: a shear's magnitude is a tangent, about the corner."""
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


@lru_cache(maxsize=256)
def _table(operation: Operation) -> Tensor:
    """Return (256,): what each value becomes."""
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 256)
    return _toned(values, operation).flatten()


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
