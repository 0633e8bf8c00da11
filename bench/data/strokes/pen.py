"""The renderer of the stroke corpus: it turns 64-bit keys into pixels with integer arithmetic only.

A class is one to three pen strokes. A stroke is a walk of three to five points whose direction turns by less than a
right angle from point to point, joined by a Catmull-Rom spline (Catmull and Rom 1974). An instance moves each point a
little, and turns, slants, stretches and shifts the whole picture, as different hands do. Its pen has its own width.

Coordinates are fixed-point with 14 fractional bits; 1 is half of the image. Pixels are fixed-point with 8. Every random
number is a hash of a key and a counter, and divisions round down. There are no floats and no state, so every machine
makes the same bytes. A change of any pixel must raise the version in `stroke_corpus.py`.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bench.data.formula import RenderSettings
from bench.data.fractals.render import (
    HALF_TURN,
    ONE,
    ONE_BITS,
    SHIFT_X,
    SHIFT_Y,
    TURN,
    circle_point,
    draw,
    hash_counter,
    set_palette,
)

Longs = NDArray[np.int64]

MAX_STROKES, MAX_POINTS = 3, 5
PIXEL_BITS = 8
PIXEL = 1 << PIXEL_BITS
CURVE_BITS = 12
SPAN = ONE * 17 // 20
"""Half of the longer side of a class's picture before it is jittered."""
SHORTEST, LONGEST = 5 * ONE // 2, 9 * ONE
"""Limits of the sum of the distances between the points of a class, after its picture was scaled to sides of 2."""
THINNEST, THICKEST = 50 * ONE // 1000, 220 * ONE // 1000
"""Limits of half of the pen's width."""
SOFTEST = ONE // 4
"""Upper limit of the width of the line's edge; it is at least one pixel."""

# Counters of an instance's random numbers beside those of `fractals.render`; the points use three each per axis.
SLANT, WIDTH, HEIGHT, PEN, TILT, EDGE, FIRST_POINT = 80, 81, 82, 83, 84, 85, 128


@njit(cache=True, nogil=True)
def draw_strokes(
    classes: Longs, rows: Longs, keys: NDArray[np.uint64], settings: RenderSettings, out: NDArray[np.uint8]
) -> None:
    """Draw image i of `out` (n, 3, size, size) from `classes[rows[i]]` and the instance's `keys[i]`."""
    size = out.shape[2]
    ink, palette = np.zeros((size, size), np.uint8), np.zeros((3, 256), np.uint8)
    brightness = np.arange(256)
    for i in range(len(rows)):
        points = _instance(classes[rows[i]], keys[i], settings, size)
        pen = draw(keys[i], PEN, THINNEST, THICKEST) * size * PIXEL // (2 * ONE)
        edge = max(PIXEL, draw(keys[i], EDGE, 0, SOFTEST) * size * PIXEL // (2 * ONE))
        ink.fill(0)
        for stroke in range(MAX_STROKES):
            _draw_stroke(ink, points[stroke], classes[rows[i], stroke, 0, 2], pen, edge)
        set_palette(keys[i], settings, brightness, palette)
        for channel in range(3):
            for row in range(size):
                for column in range(size):
                    out[i, channel, row, column] = palette[channel, ink[row, column]]


@njit(cache=True, nogil=True)
def accepted_strokes(class_key: np.uint64) -> Longs:
    """Return the points (3, 5, 3) of a class: the first of its attempts 0, 1, … that is neither a dot nor a scribble.

    The third column of a stroke's first point is its number of points; strokes without points come last.
    """
    attempt = 0
    while True:
        strokes, length = _attempt(class_key, attempt)
        if SHORTEST <= length <= LONGEST:
            return strokes
        attempt += 1


@njit(cache=True, nogil=True)
def _attempt(class_key: np.uint64, attempt: int) -> tuple[Longs, int]:
    """Draw the strokes of a class, scaled to sides of 2 around the origin, and return their summed length."""
    key = hash_counter(class_key, attempt)
    strokes = np.zeros((MAX_STROKES, MAX_POINTS, 3), np.int64)
    for stroke in range(draw(key, 0, 1, MAX_STROKES)):
        first = 16 * (stroke + 1)
        strokes[stroke, 0, 2] = draw(key, first, 3, MAX_POINTS)
        x, y = draw(key, first + 1, -ONE, ONE), draw(key, first + 2, -ONE, ONE)
        cos, sin = circle_point(draw(key, first + 3, -ONE, ONE))
        if draw(key, first + 4, 0, 1):
            cos, sin = -cos, -sin
        for point in range(strokes[stroke, 0, 2]):
            strokes[stroke, point, 0], strokes[stroke, point, 1] = x, y
            turn_cos, turn_sin = circle_point(draw(key, first + 5 + point, -9 * ONE // 10, 9 * ONE // 10))
            cos, sin = (cos * turn_cos - sin * turn_sin) >> ONE_BITS, (sin * turn_cos + cos * turn_sin) >> ONE_BITS
            step = draw(key, first + 10 + point, 4 * ONE // 10, 9 * ONE // 10)
            # A pen that would leave the frame turns back.
            if abs(x + (step * cos >> ONE_BITS)) > ONE:
                cos = -cos
            if abs(y + (step * sin >> ONE_BITS)) > ONE:
                sin = -sin
            x, y = x + (step * cos >> ONE_BITS), y + (step * sin >> ONE_BITS)
    return _scaled(strokes)


@njit(cache=True, nogil=True)
def _scaled(strokes: Longs) -> tuple[Longs, int]:
    """Centre and scale the strokes, in place, to a longer side of 2; return them and their summed length."""
    low_x, high_x, low_y, high_y = 8 * ONE, -8 * ONE, 8 * ONE, -8 * ONE
    for stroke in range(MAX_STROKES):
        for point in range(strokes[stroke, 0, 2]):
            low_x, high_x = min(low_x, strokes[stroke, point, 0]), max(high_x, strokes[stroke, point, 0])
            low_y, high_y = min(low_y, strokes[stroke, point, 1]), max(high_y, strokes[stroke, point, 1])
    side = max(high_x - low_x, high_y - low_y, 1)
    length = 0
    for stroke in range(MAX_STROKES):
        for point in range(strokes[stroke, 0, 2]):
            strokes[stroke, point, 0] = (2 * strokes[stroke, point, 0] - low_x - high_x) * ONE // side
            strokes[stroke, point, 1] = (2 * strokes[stroke, point, 1] - low_y - high_y) * ONE // side
            if point:
                across = strokes[stroke, point, 0] - strokes[stroke, point - 1, 0]
                along = strokes[stroke, point, 1] - strokes[stroke, point - 1, 1]
                length += _root(across * across + along * along)
    return strokes, length


@njit(cache=True, nogil=True)
def _instance(strokes: Longs, key: np.uint64, settings: RenderSettings, size: int) -> Longs:
    """Return the points (3, 5, 2) of an instance, in pixels with 8 fractional bits."""
    jitter, tilt = settings.jitter_percent * 2 * ONE // 500, settings.jitter_percent * 4 * ONE // 300
    cos, sin = circle_point(draw(key, TILT, -tilt // 2, tilt // 2))
    if settings.rotated:
        turn_cos, turn_sin = circle_point(draw(key, TURN, -ONE, ONE))
        if draw(key, HALF_TURN, 0, 1):
            turn_cos, turn_sin = -turn_cos, -turn_sin
        cos, sin = (cos * turn_cos - sin * turn_sin) >> ONE_BITS, (sin * turn_cos + cos * turn_sin) >> ONE_BITS
    slant = draw(key, SLANT, -tilt, tilt)
    width, height = SPAN + draw(key, WIDTH, -tilt, tilt) * 2 // 3, SPAN + draw(key, HEIGHT, -tilt, tilt) * 2 // 3
    shift = settings.shift_pixels
    right, down = draw(key, SHIFT_X, -shift, shift) * PIXEL, draw(key, SHIFT_Y, -shift, shift) * PIXEL
    points = np.zeros((MAX_STROKES, MAX_POINTS, 2), np.int64)
    for stroke in range(MAX_STROKES):
        for point in range(strokes[stroke, 0, 2]):
            counter = FIRST_POINT + 6 * (MAX_POINTS * stroke + point)
            x, y = strokes[stroke, point, 0], strokes[stroke, point, 1]
            # The sum of three draws is nearly normal, with a standard deviation of the jitter.
            for part in range(3):
                x += draw(key, counter + part, -jitter, jitter)
                y += draw(key, counter + 3 + part, -jitter, jitter)
            x, y = (x + (y * slant >> ONE_BITS)) * width >> ONE_BITS, y * height >> ONE_BITS
            x, y = (x * cos - y * sin) >> ONE_BITS, (x * sin + y * cos) >> ONE_BITS
            points[stroke, point, 0] = (x + ONE) * (size - 1) * (PIXEL // 2) // ONE + right
            points[stroke, point, 1] = (y + ONE) * (size - 1) * (PIXEL // 2) // ONE + down
    return points


@njit(cache=True, nogil=True)
def _draw_stroke(image: NDArray[np.uint8], points: Longs, num_points: int, pen: int, edge: int) -> None:
    """Draw the spline through the first points (5, 2); `pen` is half of the width, and all are in 1/256 pixel."""
    for point in range(num_points - 1):
        x0, y0 = points[max(point - 1, 0)]
        x1, y1 = points[point]
        x2, y2 = points[point + 1]
        x3, y3 = points[min(point + 2, num_points - 1)]
        # At these distances the sides of the line are straight within a fifth of a pixel.
        spacing = max(2 * PIXEL // 3, pen // 4)
        steps = 3 + _root((x2 - x1) * (x2 - x1) + (y2 - y1) * (y2 - y1)) // spacing
        for step in range(steps + 1):
            t = (step << CURVE_BITS) // steps
            square = t * t >> CURVE_BITS
            cube = square * t >> CURVE_BITS
            _stamp(image, _spline(x0, x1, x2, x3, t, square, cube), _spline(y0, y1, y2, y3, t, square, cube), pen, edge)


@njit(cache=True, nogil=True)
def _spline(p0: int, p1: int, p2: int, p3: int, t: int, square: int, cube: int) -> int:
    """Return the spline from p1 to p2 at t, given its square and cube."""
    bent = (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * square + (3 * p1 - p0 - 3 * p2 + p3) * cube
    return int(p1 + (bent >> (CURVE_BITS + 1)))


@njit(cache=True, nogil=True)
def _stamp(image: NDArray[np.uint8], x: int, y: int, pen: int, edge: int) -> None:
    """Draw a disc of radius `pen` with a soft edge; pixels keep the brighter value."""
    size = len(image)
    reach = pen + edge // 2
    outer, ramp = reach * reach, 2 * pen * edge
    for row in range(max(0, (y - reach) >> PIXEL_BITS), min(size, ((y + reach) >> PIXEL_BITS) + 1)):
        for column in range(max(0, (x - reach) >> PIXEL_BITS), min(size, ((x + reach) >> PIXEL_BITS) + 1)):
            across, along = column * PIXEL - x, row * PIXEL - y
            # Linear in the squared distance: 0 at the outer side of the edge, 1 at its inner side.
            inside = min(outer - across * across - along * along, ramp)
            if inside > 0:
                image[row, column] = max(image[row, column], np.uint8(255 * inside // ramp))


@njit(cache=True, nogil=True)
def _root(square: int) -> int:
    """Return the square root, rounded down, of an integer below 2^62, by bits from the highest."""
    root, bit = 0, 1 << 30
    while bit:
        if (root + bit) * (root + bit) <= square:
            root += bit
        bit >>= 1
    return root
