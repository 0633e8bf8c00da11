"""The renderer of the fractal corpus: it turns 64-bit keys into pixels with integer arithmetic only.

A class is an iterated function system of 2 to 4 affine maps, and an instance is a perturbation of it. The image is the
system's attractor, drawn by the chaos game (Barnsley 1988): each step moves a point by one of the maps, chosen with
probability proportional to |det A|. A map is A = R(theta) diag(s1, s2) R(phi) with singular values below 1, so it is a
contraction. The rule for singular values that give good shapes is from Anderson and Farrell 2022, "Improving Fractal
Pre-training".

Numbers are fixed-point with 14 fractional bits. A rotation is a point of the circle's rational parametrisation,
((1 - t^2) / (1 + t^2), 2t / (1 + t^2)). Every random number is a hash of a key and a counter, and divisions round down.
There are no floats and no state, so every machine makes the same bytes. Sixteen orbits are traced together to fill
vector units. A change of any pixel must raise the version in `source.py`.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bench.data.formula import RenderSettings

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

ONE_BITS = 14
ONE = 1 << ONE_BITS
MAX_MAPS = 4
LEFT, RIGHT, TURNS, STRETCH, SQUEEZE, X, Y = range(7)
"""Columns of a map's parameters: t of two rotations, two bits (half turn, reflection), singular values, translation."""
NUM_PARAMETERS = 7

MAX_STRETCH = 13 * ONE // 16
"""Upper limit of singular values, after jitter. With jitter of at most 50 %, translations are at most 9/8 per axis, so
coordinates stay below 8.5 and the sums of products in `_trace` below 2^31."""

ORBITS = 16
WARM_UP_STEPS = 12
REFERENCE_SIZE = 32
REFERENCE_POINTS = 3_000
MAX_POINTS = 100_000

GOLDEN_64 = np.uint64(0x9E3779B97F4A7C15)
GOLDEN_32 = np.uint32(0x9E3779B9)

# Counters of an instance's random numbers; the maps use 8 counters each, from 0.
POINTS, SHIFT_X, SHIFT_Y, INVERTED, TURN, HALF_TURN, COLOURS = 64, 65, 66, 67, 68, 69, 70


@njit(cache=True, nogil=True)
def num_points(image_size: int) -> int:
    """Return the number of points of an image: 3,000 at 32 px, proportional to the area, at most 100,000."""
    return min(MAX_POINTS, REFERENCE_POINTS * image_size**2 // REFERENCE_SIZE**2)


@njit(cache=True, nogil=True)
def draw_images(
    systems: Longs, rows: Longs, keys: NDArray[np.uint64], settings: RenderSettings, out: NDArray[np.uint8]
) -> None:
    """Draw image i of `out` (n, 3, size, size) from `systems[rows[i]]` and the instance's `keys[i]`."""
    size = out.shape[2]
    margin = size // 16
    frame = size - 2 * margin
    points = num_points(size)
    length = steps_of_orbit(points) * ORBITS
    xs, ys = np.zeros(length, np.int32), np.zeros(length, np.int32)
    hits = np.zeros((frame, frame), np.int32)
    brightness = _brightness(typical_hits(points, size))
    palette = np.zeros((3, 256), np.uint8)
    for i in range(len(rows)):
        key = keys[i]
        maps = _affine(_jittered(systems[rows[i]], key, settings.jitter_percent))
        if settings.rotated:
            _rotate(maps, key)
        _play(maps, hash_counter(key, POINTS), xs, ys, hits)
        set_palette(key, settings, brightness, palette)
        top = margin + draw(key, SHIFT_Y, -settings.shift_pixels, settings.shift_pixels)
        left = margin + draw(key, SHIFT_X, -settings.shift_pixels, settings.shift_pixels)
        for channel in range(3):
            _paint(hits, palette[channel], top, left, out[i, channel])


@njit(cache=True, nogil=True)
def typical_hits(points: int, image_size: int) -> int:
    """Return the number of hits that gives a pixel half of the maximum brightness."""
    return max(1, points // image_size**2)


@njit(cache=True, nogil=True)
def accepted_system(class_key: np.uint64) -> Longs:
    """Return the parameters (4, 7) of a class: the first of its attempts 0, 1, … that is not degenerate.

    The last rows of a system of fewer than four maps are zero. Their area is zero, so they are never chosen.
    """
    system, accepted, attempt = np.zeros((MAX_MAPS, NUM_PARAMETERS), np.int64), False, -1
    while not accepted:
        attempt += 1
        system, accepted = _attempt(class_key, attempt)
    return system


@njit(cache=True, nogil=True)
def _attempt(class_key: np.uint64, attempt: int) -> tuple[Longs, bool]:
    """Draw a system, and return whether its singular values and its picture are accepted."""
    key = hash_counter(class_key, attempt)
    system = np.zeros((MAX_MAPS, NUM_PARAMETERS), np.int64)
    for m in range(draw(key, 64, 2, MAX_MAPS)):
        system[m, LEFT] = draw(key, 8 * m, -ONE, ONE)
        system[m, RIGHT] = draw(key, 8 * m + 1, -ONE, ONE)
        system[m, TURNS] = draw(key, 8 * m + 2, 0, 3)
        system[m, STRETCH] = draw(key, 8 * m + 3, 3 * ONE // 10, 8 * ONE // 10)
        system[m, SQUEEZE] = system[m, STRETCH] * draw(key, 8 * m + 4, 3 * ONE // 10, ONE) // ONE
        system[m, X] = draw(key, 8 * m + 5, -3 * ONE // 4, 3 * ONE // 4)
        system[m, Y] = draw(key, 8 * m + 6, -3 * ONE // 4, 3 * ONE // 4)
    return system, _has_good_values(system) and _has_good_picture(system, key)


@njit(cache=True, nogil=True)
def _has_good_values(system: Longs) -> bool:
    """Return whether the sum of s1 + 2 s2 lies between (5 + maps) / 2 and (6 + maps) / 2 (Anderson and Farrell)."""
    num_maps, total = 0, 0
    for m in range(MAX_MAPS):
        num_maps += system[m, STRETCH] > 0
        total += system[m, STRETCH] + 2 * system[m, SQUEEZE]
    return bool((5 + num_maps) * ONE <= 2 * total <= (6 + num_maps) * ONE)


@njit(cache=True, nogil=True)
def _has_good_picture(system: Longs, key: np.uint64) -> bool:
    """Return whether the picture at 32 px fills 15 to 60 % of its frame, and no side is over twice the other."""
    length = steps_of_orbit(REFERENCE_POINTS) * ORBITS
    xs, ys = np.zeros(length, np.int32), np.zeros(length, np.int32)
    frame = REFERENCE_SIZE - 2 * (REFERENCE_SIZE // 16)
    hits = np.zeros((frame, frame), np.int32)
    _play(_affine(system), hash_counter(key, POINTS + 1), xs, ys, hits)
    filled, rows, columns = 0, 0, 0
    for i in range(frame):
        row, column = 0, 0
        for j in range(frame):
            row += hits[i, j] > 0
            column += hits[j, i] > 0
        filled += row
        rows += row > 0
        columns += column > 0
    percent = 100 * filled // frame**2
    return bool(15 <= percent <= 60 and 2 * min(rows, columns) >= max(rows, columns))


@njit(cache=True, nogil=True)
def _jittered(system: Longs, key: np.uint64, percent: int) -> Longs:
    """Return a system with sizes and translations changed by up to `percent`, and rotations by that share of 1 rad."""
    jittered = system.copy()
    for m in range(MAX_MAPS):
        for parameter in (LEFT, RIGHT):
            jittered[m, parameter] += draw(key, 8 * m + parameter, -ONE, ONE) * percent // 200
        for parameter in (STRETCH, SQUEEZE, X, Y):
            change = draw(key, 8 * m + parameter, -ONE, ONE) * percent
            jittered[m, parameter] += system[m, parameter] * change // (100 * ONE)
        jittered[m, STRETCH] = min(jittered[m, STRETCH], MAX_STRETCH)
        jittered[m, SQUEEZE] = min(jittered[m, SQUEEZE], MAX_STRETCH)
    return jittered


@njit(cache=True, nogil=True)
def _affine(system: Longs) -> Longs:
    """Return (4, 6) rows a, b, c, d, e, f of the maps (x, y) -> (ax + by + e, cx + dy + f)."""
    maps = np.zeros((MAX_MAPS, 6), np.int64)
    half = 1 << (2 * ONE_BITS - 1)
    for m in range(MAX_MAPS):
        cos_l, sin_l = circle_point(system[m, LEFT])
        cos_r, sin_r = circle_point(system[m, RIGHT])
        stretch, squeeze = system[m, STRETCH], system[m, SQUEEZE]
        if system[m, TURNS] & 1:
            stretch, squeeze = -stretch, -squeeze
        if system[m, TURNS] & 2:
            squeeze = -squeeze
        maps[m, 0] = (cos_l * stretch * cos_r - sin_l * squeeze * sin_r + half) >> (2 * ONE_BITS)
        maps[m, 1] = (-cos_l * stretch * sin_r - sin_l * squeeze * cos_r + half) >> (2 * ONE_BITS)
        maps[m, 2] = (sin_l * stretch * cos_r + cos_l * squeeze * sin_r + half) >> (2 * ONE_BITS)
        maps[m, 3] = (-sin_l * stretch * sin_r + cos_l * squeeze * cos_r + half) >> (2 * ONE_BITS)
        maps[m, 4], maps[m, 5] = system[m, X], system[m, Y]
    return maps


@njit(cache=True, nogil=True)
def circle_point(t: int) -> tuple[int, int]:
    """Return cosine and sine of the angle 2 atan(t)."""
    one_plus, one_minus = ONE * ONE + t * t, ONE * ONE - t * t
    return one_minus * ONE // one_plus, 2 * ONE * ONE * t // one_plus


@njit(cache=True, nogil=True)
def _rotate(maps: Longs, key: np.uint64) -> None:
    """Rotate the whole picture by a random angle, in place: A becomes R A R', and b becomes R b."""
    cos, sin = circle_point(draw(key, TURN, -ONE, ONE))
    if draw(key, HALF_TURN, 0, 1):
        cos, sin = -cos, -sin
    for m in range(MAX_MAPS):
        a, b, c, d, e, f = maps[m]
        a, c = (cos * a - sin * c) >> ONE_BITS, (sin * a + cos * c) >> ONE_BITS
        b, d = (cos * b - sin * d) >> ONE_BITS, (sin * b + cos * d) >> ONE_BITS
        maps[m, 0], maps[m, 1] = (a * cos - b * sin) >> ONE_BITS, (a * sin + b * cos) >> ONE_BITS
        maps[m, 2], maps[m, 3] = (c * cos - d * sin) >> ONE_BITS, (c * sin + d * cos) >> ONE_BITS
        maps[m, 4], maps[m, 5] = (cos * e - sin * f) >> ONE_BITS, (sin * e + cos * f) >> ONE_BITS


@njit(cache=True, nogil=True)
def _thresholds(maps: Longs) -> Longs:
    """Return the cumulative shares (4,) of |det| in units of 2^-24; a 24-bit draw below the first chooses map 0."""
    ends = np.zeros(MAX_MAPS, np.int64)
    total = 0
    for m in range(MAX_MAPS):
        total += abs(maps[m, 0] * maps[m, 3] - maps[m, 1] * maps[m, 2]) >> 8
        ends[m] = total
    for m in range(MAX_MAPS):
        ends[m] = (ends[m] << 24) // total
    return ends


@njit(cache=True, nogil=True)
def _play(maps: Longs, seed: np.uint64, xs: Ints, ys: Ints, hits: Ints) -> None:
    """Trace the points of maps (4, 6) into `xs` and `ys`; count those after the warm-up in `hits` (frame, frame)."""
    ends = _thresholds(maps)[: MAX_MAPS - 1].astype(np.int32)
    _trace(maps.astype(np.int32), ends, np.uint32(seed >> np.uint64(32)), xs, ys)
    _count(xs[WARM_UP_STEPS * ORBITS :], ys[WARM_UP_STEPS * ORBITS :], hits)


@njit(cache=True, nogil=True)
def _trace(maps: Ints, ends: Ints, seed: np.uint32, xs: Ints, ys: Ints) -> None:
    """Fill `xs` and `ys` with the points of 16 orbits, interleaved, which start at the origin.

    The loop body has no branch and no 64-bit number, and reads only values that were written 16 points earlier, so it
    compiles to vector instructions. A hash of the counter chooses the map (MurmurHash3's 32-bit finaliser).
    """
    a0, b0, c0, d0, e0, f0 = maps[0]
    a1, b1, c1, d1, e1, f1 = maps[1]
    a2, b2, c2, d2, e2, f2 = maps[2]
    a3, b3, c3, d3, e3, f3 = maps[3]
    end0, end1, end2 = ends
    half, bits = np.int32(ONE // 2), np.int32(ONE_BITS)
    xs[:ORBITS].fill(0)
    ys[:ORBITS].fill(0)
    for i in range(len(xs) - ORBITS):
        word = np.uint32(seed + np.uint32(i) * GOLDEN_32)
        word = np.uint32(np.uint32(word ^ (word >> np.uint32(16))) * np.uint32(0x85EBCA6B))
        word = np.uint32(np.uint32(word ^ (word >> np.uint32(13))) * np.uint32(0xC2B2AE35))
        chosen = np.int32(np.uint32(word ^ (word >> np.uint32(16))) >> np.uint32(8))
        is0, is1, is2 = chosen < end0, chosen < end1, chosen < end2
        a = a0 if is0 else (a1 if is1 else (a2 if is2 else a3))
        b = b0 if is0 else (b1 if is1 else (b2 if is2 else b3))
        c = c0 if is0 else (c1 if is1 else (c2 if is2 else c3))
        d = d0 if is0 else (d1 if is1 else (d2 if is2 else d3))
        e = e0 if is0 else (e1 if is1 else (e2 if is2 else e3))
        f = f0 if is0 else (f1 if is1 else (f2 if is2 else f3))
        x, y = xs[i], ys[i]
        xs[i + ORBITS] = np.int32(np.int32(np.int32(a * x + b * y) + half) >> bits) + e
        ys[i + ORBITS] = np.int32(np.int32(np.int32(c * x + d * y) + half) >> bits) + f


@njit(cache=True, nogil=True)
def _count(xs: Ints, ys: Ints, hits: Ints) -> None:
    """Count the points in each cell of `hits` (frame, frame), which spans their bounding square."""
    frame = len(hits)
    min_x, max_x, min_y, max_y = xs[0], xs[0], ys[0], ys[0]
    for i in range(len(xs)):
        min_x, max_x = min(min_x, xs[i]), max(max_x, xs[i])
        min_y, max_y = min(min_y, ys[i]), max(max_y, ys[i])
    extent = max(max_x - min_x, max_y - min_y) + 1
    left = np.int32(min_x - (extent - (max_x - min_x)) // 2)
    top = np.int32(min_y - (extent - (max_y - min_y)) // 2)
    scale, bits = np.int32((frame << 22) // extent), np.int32(22)
    cells = np.empty(len(xs), np.int32)
    for i in range(len(xs)):
        column = np.int32(np.int32(np.int32(xs[i] - left) * scale) >> bits)
        row = np.int32(np.int32(np.int32(ys[i] - top) * scale) >> bits)
        cells[i] = row * np.int32(frame) + column
    flat = hits.reshape(frame * frame)
    flat.fill(0)
    for i in range(len(cells)):
        flat[cells[i]] += np.int32(1)


@njit(cache=True, nogil=True)
def _brightness(typical: int) -> Longs:
    """Return the brightness, 0 to 255, of 0 to 255 hits: half of the range at `typical` hits, then saturating."""
    brightness = np.zeros(256, np.int64)
    for hits in range(256):
        brightness[hits] = 255 * hits // (hits + typical)
    return brightness


@njit(cache=True, nogil=True)
def set_palette(key: np.uint64, settings: RenderSettings, brightness: Longs, palette: NDArray[np.uint8]) -> None:
    """Fill `palette` (3, 256) with each channel's value per number of hits, from the instance's ground to its ink."""
    swapped = settings.both_polarities and draw(key, INVERTED, 0, 1) == 1
    for channel in range(3):
        ink, ground = 255, 0
        if settings.coloured:
            ink = draw(key, COLOURS + 2 * channel, 128, 255)
            ground = draw(key, COLOURS + 2 * channel + 1, 0, 95)
        if swapped:
            ink, ground = ground, ink
        for hits in range(256):
            palette[channel, hits] = (brightness[hits] * ink + (255 - brightness[hits]) * ground) // 255


@njit(cache=True, nogil=True)
def _paint(hits: Ints, values: NDArray[np.uint8], top: int, left: int, image: NDArray[np.uint8]) -> None:
    """Paint `image` (size, size) with `hits` (frame, frame) at (top, left), cut at the border."""
    size = len(image)
    shown = hits[max(0, -top) : max(0, size - top), max(0, -left) : max(0, size - left)]
    target = image[max(0, top) :, max(0, left) :]
    image.fill(values[0])
    for row in range(shown.shape[0]):
        for column in range(shown.shape[1]):
            target[row, column] = values[min(shown[row, column], np.int32(255))]


@njit(cache=True, nogil=True)
def steps_of_orbit(points: int) -> int:
    """Return the number of steps of each orbit, including the warm-up steps, which are not drawn."""
    return WARM_UP_STEPS + -(-points // ORBITS)


@njit(cache=True, nogil=True)
def draw(key: np.uint64, counter: int, lowest: int, highest: int) -> int:
    """Return an integer from `lowest` to `highest` that depends only on key and counter."""
    upper = np.int64(hash_counter(key, counter) >> np.uint64(32))
    return int(lowest + (upper * (highest - lowest + 1) >> 32))


@njit(cache=True, nogil=True)
def hash_counter(key: np.uint64, counter: int) -> np.uint64:
    """Return `random.mix` of a counter's word; this is a copy, since Numba's cache ignores changes in other files."""
    word = key + np.uint64(counter) * GOLDEN_64
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
