"""The renderer of the fractal corpus on CUDA: the outlines of `chaos_game` in, the same pixels out.

Written in Triton, on the same 32-bit integers as `chaos_game`, step by step; a test holds that the bytes agree. The
outlines are found on the CPU, some 150 bytes an image, and all else happens on the device: a kernel follows the 16
orbits of several images in registers, once for their bounding squares, and once more to count the points in a table of
hits; another paints. To follow orbits twice takes less than to keep their points, 800 kB an image at 224 px.

Only what draws on CUDA imports this module, since it imports Triton, which comes with torch for Linux. Triton's
interpreter (TRITON_INTERPRET=1 before the import) runs it on a CPU, slowly, to check it.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from bench.data.fractals import render

CELLS = 2**23
"""Hits that are counted at once: 32 MiB of them, so that they stay in a data-centre GPU's cache."""
IMAGES_OF_PROGRAM = 4
"""Whose 64 orbits have a thread each, in two warps."""
PIXELS_OF_PROGRAM = 1024
OPTIONS = {"enable_fp_fusion": False}
"""There is no float here; said because Triton warns where its default decides."""

ORBITS = tl.constexpr(render.ORBITS)
WARM_UP_STEPS = tl.constexpr(render.WARM_UP_STEPS)
ONE_BITS, HALF = tl.constexpr(render.ONE_BITS), tl.constexpr(render.ONE // 2)
ENDS, SEED = tl.constexpr(render.ENDS), tl.constexpr(render.SEED)
DOWN, RIGHTWARDS = tl.constexpr(render.DOWN), tl.constexpr(render.RIGHTWARDS)
INKS, OUTLINE = tl.constexpr(render.INKS), tl.constexpr(render.OUTLINE)
GOLDEN_32 = tl.constexpr(int(render.GOLDEN_32))
GOLDEN_OF_STEP = tl.constexpr(render.ORBITS * int(render.GOLDEN_32) % 2**32)
CELL_BITS = tl.constexpr(22)
FARTHEST = tl.constexpr(2**31 - 1)


def draw_outlines(outlines: Tensor, points: int, image_size: int) -> Tensor:
    """Draw the images (n, 3, image_size, image_size), uint8, of int32 `outlines` (n, 36), on their device."""
    images = torch.empty((len(outlines), 3, image_size, image_size), dtype=torch.uint8, device=outlines.device)
    part = CELLS // image_size**2
    for start in range(0, len(outlines), part):
        _draw(outlines[start : start + part], points, images[start : start + part])
    return images


def _draw(outlines: Tensor, points: int, images: Tensor) -> None:
    """Draw into `images` as many as have their hits counted at once."""
    num_images, size = len(images), images.shape[2]
    frame = size - 2 * (size // 16)
    hits = torch.zeros((num_images, frame, frame), dtype=torch.int32, device=images.device)
    steps, typical = render.steps_of_orbit(points), render.typical_hits(points, size)
    programs = triton.cdiv(num_images, IMAGES_OF_PROGRAM)
    _count_hits[(programs,)](outlines, hits, num_images, steps, frame, IMAGES_OF_PROGRAM, num_warps=2, **OPTIONS)
    programs = triton.cdiv(size**2, PIXELS_OF_PROGRAM)
    _paint[(num_images, programs)](outlines, hits, images, size, frame, typical, PIXELS_OF_PROGRAM, **OPTIONS)


@triton.jit
def _count_hits(
    outlines: tl.tensor, hits: tl.tensor, num_images: int, steps: int, frame: int, num_here: tl.constexpr
) -> None:
    """Add to `hits` (images, frame, frame), which is zero, the points of the `num_here` images of this program."""
    image = (tl.program_id(0) * num_here + tl.arange(0, num_here))[:, None]
    orbit = tl.arange(0, ORBITS)[None, :]
    outline = outlines + tl.minimum(image, num_images - 1) * OUTLINE
    ends = tl.load(outline + ENDS), tl.load(outline + ENDS + 1), tl.load(outline + ENDS + 2)
    first_word = tl.load(outline + SEED).to(tl.uint32, bitcast=True) + orbit.to(tl.uint32) * GOLDEN_32
    origin = tl.zeros((num_here, ORBITS), tl.int32)

    x, y, word = origin, origin, first_word
    min_x, max_x, min_y, max_y = origin + FARTHEST, origin - FARTHEST, origin + FARTHEST, origin - FARTHEST
    for step in range(1, steps):
        x, y = _jump(x, y, word, ends, outline)
        word += GOLDEN_OF_STEP
        if step >= WARM_UP_STEPS:
            min_x, max_x = tl.minimum(min_x, x), tl.maximum(max_x, x)
            min_y, max_y = tl.minimum(min_y, y), tl.maximum(max_y, y)
    left, width = _side(min_x, max_x)
    top, height = _side(min_y, max_y)
    extent = tl.maximum(width, height) + 1
    left, top = left - (extent - width) // 2, top - (extent - height) // 2
    scale = (frame << CELL_BITS) // extent

    x, y, word = origin, origin, first_word
    counted = (image < num_images) & (orbit < ORBITS)
    for step in range(1, steps):
        x, y = _jump(x, y, word, ends, outline)
        word += GOLDEN_OF_STEP
        if step >= WARM_UP_STEPS:
            column, row = ((x - left) * scale) >> CELL_BITS, ((y - top) * scale) >> CELL_BITS
            tl.atomic_add(hits + (image * frame + row) * frame + column, 1, mask=counted, sem="relaxed")


@triton.jit
def _jump(
    x: tl.tensor, y: tl.tensor, word: tl.tensor, ends: tl.tuple, outline: tl.tensor
) -> tuple[tl.tensor, tl.tensor]:
    """Return the next points (images, orbits) of the orbits: the hash of `word` chooses a map of the outline."""
    word = (word ^ (word >> 16)) * 0x85EBCA6B
    word = (word ^ (word >> 13)) * 0xC2B2AE35
    drawn = ((word ^ (word >> 16)) >> 8).to(tl.int32)
    chosen = (drawn >= ends[0]).to(tl.int32) + (drawn >= ends[1]).to(tl.int32) + (drawn >= ends[2]).to(tl.int32)
    entry = outline + 6 * chosen
    a, b, c, d = tl.load(entry), tl.load(entry + 1), tl.load(entry + 2), tl.load(entry + 3)
    next_x = ((a * x + b * y + HALF) >> ONE_BITS) + tl.load(entry + 4)
    next_y = ((c * x + d * y + HALF) >> ONE_BITS) + tl.load(entry + 5)
    return next_x, next_y


@triton.jit
def _side(lowest: tl.tensor, highest: tl.tensor) -> tuple[tl.tensor, tl.tensor]:
    """Return where the points of each image (images, 1) begin along an axis, and how far they reach."""
    start = tl.min(lowest, axis=1)[:, None]
    return start, tl.max(highest, axis=1)[:, None] - start


@triton.jit
def _paint(
    outlines: tl.tensor, hits: tl.tensor, images: tl.tensor, size: int, frame: int, typical: int, num_here: tl.constexpr
) -> None:
    """Paint `num_here` pixels of one image, in its three channels."""
    image = tl.program_id(0)
    outline = outlines + image * OUTLINE
    pixel = tl.program_id(1) * num_here + tl.arange(0, num_here)
    row = pixel // size - size // 16 - tl.load(outline + DOWN)
    column = pixel % size - size // 16 - tl.load(outline + RIGHTWARDS)
    in_frame = (row >= 0) & (row < frame) & (column >= 0) & (column < frame)
    found = tl.minimum(tl.load(hits + (image * frame + row) * frame + column, mask=in_frame, other=0), 255)
    brightness = 255 * found // (found + typical)
    for channel in tl.static_range(3):
        ink, ground = tl.load(outline + INKS + 2 * channel), tl.load(outline + INKS + 2 * channel + 1)
        value = (brightness * ink + (255 - brightness) * ground) // 255
        place = images + (image * 3 + channel) * size * size + pixel
        tl.store(place, value.to(tl.uint8), mask=pixel < size * size)
