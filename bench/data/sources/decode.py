"""Decode pictures of any size and mode to square RGB arrays; Pillow resamples to the same bytes on every machine."""

import io
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from bench.errors import BadImage

CHUNK = 64
"""Number of pictures per task of a thread."""
_num_threads: int | None = None
"""Number of threads that decode; None for the default of `ThreadPoolExecutor`."""
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that are opened, by Pillow's names, whatever a file is called; for others Pillow may start a program."""
MAX_PIXELS = 89_478_485
"""Upper limit of a picture's pixels: Pillow's limit against small files that would fill the memory."""
MAX_12_BITS = 2**12 - 1
MAX_16_BITS = 2**16 - 1
UNREADABLE = (
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""Errors that Pillow raises if a file is empty, truncated, damaged, too large, or not an image."""


def use_threads(number: int) -> None:
    """Set the number of threads on which this process decodes."""
    global _num_threads
    _num_threads = number


def read_pictures(
    count: int, encoded: Callable[[int], Path | bytes], image_size: int, name: Callable[[int], str]
) -> NDArray[np.uint8]:
    """Return decoded pictures, (count, 3, image_size, image_size).

    Args:
        count: number of pictures.
        encoded: returns a picture's file or bytes; it is called in the thread that decodes the picture.
        image_size: pixels per side.
        name: returns the name of a picture for errors.

    Raises:
        BadImage: a picture cannot be read.
    """
    images = np.empty((count, 3, image_size, image_size), dtype=np.uint8)

    def read(start: int) -> None:
        for index in range(start, min(start + CHUNK, count)):
            try:
                images[index] = _decoded(encoded(index), image_size)
            except UNREADABLE as error:
                raise BadImage(f"{name(index)}: not a readable image ({error}); replace or remove it") from error

    starts = range(0, count, CHUNK)
    if _num_threads == 1:
        for start in starts:
            read(start)
    else:
        with ThreadPoolExecutor(_num_threads) as pool:
            list(pool.map(read, starts))
    return images


def fit_pictures(arrays: NDArray[np.uint8], image_size: int) -> NDArray[np.uint8]:
    """Return arrays (n, height, width) or (n, height, width, 3) as pictures (n, 3, image_size, image_size)."""
    images = np.empty((len(arrays), 3, image_size, image_size), dtype=np.uint8)
    for image, array in zip(images, arrays, strict=True):
        image[:] = _fitted(Image.fromarray(array), image_size)
    return images


def _decoded(source: Path | bytes, image_size: int) -> NDArray[np.uint8]:
    """Return one decoded picture, rotated according to its EXIF data."""
    with _opened(source) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise ValueError(f"{picture.width:,} x {picture.height:,} pixels are more than {MAX_PIXELS:,}")
        ImageOps.exif_transpose(picture, in_place=True)
        return _fitted(picture, image_size)


def _opened(source: Path | bytes) -> Image.Image:
    """Return a picture after reading its header; raise plain errors for empty and unknown content."""
    if (source.stat().st_size if isinstance(source, Path) else len(source)) == 0:
        raise ValueError("it is empty")
    try:
        return Image.open(source if isinstance(source, Path) else io.BytesIO(source), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ValueError(f"its bytes are of no known format; known are {', '.join(FORMATS)}") from error


def _fitted(picture: Image.Image, image_size: int) -> NDArray[np.uint8]:
    """Return (3, image_size, image_size): RGB, the largest central square, resized bilinearly with antialiasing.

    Alpha is dropped without blending, so the colours below it are shown.
    """
    if picture.mode.startswith("I"):
        picture = Image.fromarray(_of_whole_numbers(np.asarray(picture), is_scaled=picture.format == "PPM"))
    elif picture.mode == "F":
        picture = Image.fromarray(_of_fractions(np.asarray(picture)))
    if "transparency" in picture.info and picture.mode == "P":
        picture = picture.convert("RGBA")
    if picture.mode != "RGB":
        picture = picture.convert("RGB")
    if picture.size != (image_size, image_size):
        picture = ImageOps.fit(picture, (image_size, image_size), Image.Resampling.BILINEAR)
    return np.asarray(picture).transpose(2, 0, 1)


def _of_whole_numbers(values: NDArray[np.integer], *, is_scaled: bool) -> NDArray[np.uint8]:
    """Return the upper 8 of 16 bits; refuse values of another range, whose brightness is not known.

    Args:
        values: grey values of more than 8 bits.
        is_scaled: whether the format itself says which value is white.
    """
    smallest, largest = int(values.min()), int(values.max())
    if smallest < 0 or largest > MAX_16_BITS:
        raise ValueError(f"its values are from {smallest:,} to {largest:,}; scale them to 8 or 16 bits")
    if 0 < largest <= MAX_12_BITS and not is_scaled:
        raise ValueError(
            f"its largest value is {largest:,}, so fewer than 13 of its 16 bits are used; scale it to 8 or 16 bits"
        )
    return (values >> 8).astype(np.uint8)


def _of_fractions(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return values from 0 to 1 times 255, and values from 0 to 255 as they are; refuse others."""
    smallest, largest = float(values.min()), float(values.max())
    if not 0 <= smallest <= largest <= 255:
        raise ValueError(f"its values are from {smallest:g} to {largest:g}; scale them to 0 to 1")
    return (np.rint(values * 255) if largest <= 1 else values).astype(np.uint8)
