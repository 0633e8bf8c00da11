"""Decode pictures of any size and mode to square RGB arrays; Pillow resamples to the same bytes on every machine."""

import io
import struct
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from bench.errors import BadImage
from models.pixel_values import MAX_12_BITS, TOO_FEW_BITS, as_rgb

CHUNK = 64
"""Number of pictures per task of a thread."""
_num_threads: int | None = None
"""Number of threads that decode; None for the default of `ThreadPoolExecutor`."""
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that are opened, by Pillow's names, whatever a file is called; for others Pillow may start a program."""
MAX_PIXELS = 89_478_485
"""Upper limit of a picture's pixels: Pillow's limit against small files that would fill the memory."""
COLOURS = ("RGB", "RGBA", "CMYK")
"""Modes of which Pillow keeps the upper 8 of 16 bits per channel; grey with alpha is RGBA."""
OTHER_BYTES = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
"""Order of the two bytes of a channel -> the order in which Pillow keeps the lower byte in place of the upper."""
WHITE_IS_ZERO, BITS_PER_SAMPLE, PHOTOMETRIC, PLANES = 0, 258, 262, 284
"""A value of a TIFF's tag, and its tags."""
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
        raw_mode = _raw_mode(picture)
        ImageOps.exif_transpose(picture, in_place=True)
        if ";16" in raw_mode and picture.mode in COLOURS and not _has_16_bits(picture, source, raw_mode):
            raise ValueError(TOO_FEW_BITS)
        return _fitted(picture, image_size)


def _opened(source: Path | bytes) -> ImageFile.ImageFile:
    """Return a picture after reading its header; raise plain errors for empty and unknown content."""
    if (source.stat().st_size if isinstance(source, Path) else len(source)) == 0:
        raise ValueError("it is empty")
    try:
        picture = Image.open(source if isinstance(source, Path) else io.BytesIO(source), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ValueError(f"its bytes are of no known format; known are {', '.join(FORMATS)}") from error
    assert isinstance(picture, ImageFile.ImageFile), picture
    return picture


def _raw_mode(picture: ImageFile.ImageFile) -> str:
    """Return how a picture's values lie in its file, such as `RGB;16B`; refuse TIFFs that Pillow would read wrongly."""
    args = picture.tile[0].args if picture.tile else ""
    raw_mode = str(args[0] if isinstance(args, tuple) and args else args)
    tags = getattr(picture, "tag_v2", {})
    if max(tags.get(BITS_PER_SAMPLE, (8,))) > 8:
        if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
            raise ValueError("its white is 0, which is known of 8 bits only; save it with black as 0")
        if tags.get(PLANES) == 2 and ";" not in raw_mode:
            raise ValueError("its channels of more than 8 bits lie one after the other; save them pixel by pixel")
    return raw_mode


def _has_16_bits(picture: Image.Image, source: Path | bytes, raw_mode: str) -> bool:
    """Return whether a colour picture uses more than 12 of its 16 bits per channel, or is black.

    Args:
        picture: the upper byte of each channel.
        source: its file or bytes.
        raw_mode: how its values lie there.
    """
    if (upper := _largest(picture)) > MAX_12_BITS >> 8:
        return True
    if upper > 0:
        return False
    with _opened(source) as lower:
        # Grey with alpha, for which no other order is known, is read as four bytes, of which green is grey's lower one.
        is_grey = raw_mode.startswith("LA")
        other = "RGBA" if is_grey else raw_mode[:-1].replace("RGBa", "RGBA") + OTHER_BYTES[raw_mode[-1]]
        lower.tile = [
            tile._replace(args=(other, *tile.args[1:]) if isinstance(tile.args, tuple) else other)
            for tile in lower.tile
        ]
        return _largest(lower.getchannel("G") if is_grey else lower) == 0


def _largest(picture: Image.Image) -> int:
    """Return the largest value of a picture's channels, except alpha's."""
    return max(int(np.asarray(picture.getchannel(band)).max()) for band in picture.getbands() if band != "A")


def _fitted(picture: Image.Image, image_size: int) -> NDArray[np.uint8]:
    """Return (3, image_size, image_size): RGB, the largest central square, resized bilinearly with antialiasing.

    Alpha is dropped without blending, so the colours below it are shown.
    """
    picture = as_rgb(picture)
    if picture.size != (image_size, image_size):
        picture = ImageOps.fit(picture, (image_size, image_size), Image.Resampling.BILINEAR)
    return np.asarray(picture).transpose(2, 0, 1)
