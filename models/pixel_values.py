"""Turn pictures of any mode into RGB with 8 bits; the mode and the range of the values decide how. Imports no torch."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_12_BITS = 2**12 - 1
MAX_16_BITS = 2**16 - 1
TOO_FEW_BITS = "its values are below 4,096, so fewer than 13 of its 16 bits are used; scale it to 8 or 16 bits"


def as_rgb(picture: Image.Image) -> Image.Image:
    """Return a picture as RGB; alpha is dropped without blending, so the colours below it are shown.

    Raises:
        ValueError: Its values have another range than its mode.
    """
    if picture.mode.startswith("I"):
        picture = Image.fromarray(_of_whole_numbers(np.asarray(picture), is_scaled=picture.format == "PPM"))
    elif picture.mode == "F":
        picture = Image.fromarray(_of_fractions(np.asarray(picture)))
    if "transparency" in picture.info and picture.mode == "P":
        picture = picture.convert("RGBA")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _of_whole_numbers(values: NDArray[np.integer], *, is_scaled: bool) -> NDArray[np.uint8]:
    """Return the upper 8 of 16 bits; refuse values of another range, whose brightness is not known.

    Args:
        values: Grey values of more than 8 bits.
        is_scaled: Whether the format itself says which value is white..
    """
    smallest, largest = int(values.min()), int(values.max())
    if smallest < 0 or largest > MAX_16_BITS:
        raise ValueError(f"its values are from {smallest:,} to {largest:,}; scale them to 8 or 16 bits")
    if 0 < largest <= MAX_12_BITS and not is_scaled:
        raise ValueError(TOO_FEW_BITS)
    return (values >> 8).astype(np.uint8)


def _of_fractions(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return values from 0 to 1 times 255, and values from 0 to 255 as they are; refuse others."""
    smallest, largest = float(values.min()), float(values.max())
    if not 0 <= smallest <= largest <= 255:
        raise ValueError(f"its values are from {smallest:g} to {largest:g}; scale them to 0 to 1")
    return (np.rint(values * 255) if largest <= 1 else values).astype(np.uint8)
