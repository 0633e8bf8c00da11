"""The renderer of the shape corpus: it turns 64-bit keys into pixels with integer arithmetic only.

A picture is a closed curve that is filled with a texture. The curve's radius is a sum of six waves around its centre,
as in the contour databases of Kataoka et al. 2022 and Takashima et al. 2023. The texture is the mean of two gratings,
each with its own direction and number of periods. A class has an outline and a texture, hashed apart, so that a picture
may take them from different classes. An instance changes the waves, turns, scales and shifts the outline, and gives
each grating a phase that is drawn anew: a texture is local statistics, and no pixel's value says what it is.

Coordinates are fixed-point with 14 fractional bits; 1 is half of the image. Every random number is a hash of a key and
a counter, and divisions round down. There are no floats and no state, so every machine makes the same bytes. A change
of any pixel must raise the version in `shape_corpus.py`.
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

OUTLINE, TEXTURE = 0, 1
"""Rows of a class's parameters."""
NUM_WAVES = 6
COSINE, SINE = 0, NUM_WAVES
"""First columns of the outline's cosine and sine amplitudes, as shares of its mean radius."""
NUM_GRATINGS = 2
NUM_COLUMNS = 2 * NUM_WAVES
NUM_VERTICES = 96
RADIUS = 10 * ONE // 16
"""Mean radius of an outline before it is jittered."""
LARGEST_SUM = 5 * ONE // 8
"""Upper limit of the sum of a class's amplitudes, so that no outline crosses its own centre."""
LEAST_SUM = 5 * ONE // 16
"""Lower limit, so that no outline is a circle."""
FEWEST_PERIODS, MOST_PERIODS = 7 * ONE // 2, 7 * ONE
"""Limits of the periods of a grating along the side of an image."""
LEAST_DISTANCE = 5 * ONE // 2
"""Least distance of the two gratings of a texture, in periods per side."""
SAMPLES = 4
"""Samples along each side of a pixel that decide how much of it lies inside the outline."""
DARKEST = 72
"""Brightness, 0 to 255, of the darkest point of a texture; the ground is 0."""
PHASE_BITS = 16

# Counters of an instance's random numbers beside those of `fractals.render`.
TILT, SCALE, FIRST_WAVE, FIRST_GRATING = 80, 81, 96, 160


@njit(cache=True, nogil=True)
def draw_shapes(
    classes: Longs, rows: Longs, keys: NDArray[np.uint64], settings: RenderSettings, out: NDArray[np.uint8]
) -> None:
    """Draw image i of `out` (n, 3, size, size) from `classes[rows[i]]` and the instance's `keys[i]`."""
    size = out.shape[2]
    xs, ys = np.zeros(NUM_VERTICES, np.int64), np.zeros(NUM_VERTICES, np.int64)
    crossings = np.zeros(NUM_VERTICES, np.int64)
    inside = np.zeros((size, size), np.int64)
    palette, brightness = np.zeros((3, 256), np.uint8), np.arange(256)
    for i in range(len(rows)):
        _outline(classes[rows[i], OUTLINE], keys[i], settings, size, xs, ys)
        _fill(xs, ys, crossings, inside)
        gratings = _gratings(classes[rows[i], TEXTURE], keys[i], settings)
        set_palette(keys[i], settings, brightness, palette)
        for row in range(size):
            for column in range(size):
                ink = 0
                if inside[row, column]:
                    ink = inside[row, column] * _texture(gratings, row, column, size) // SAMPLES**2
                for channel in range(3):
                    out[i, channel, row, column] = palette[channel, ink]


@njit(cache=True, nogil=True)
def new_shape(class_key: np.uint64) -> Longs:
    """Return the parameters (2, 12) of a class: those of its outline, and of its texture."""
    parameters = np.zeros((2, NUM_COLUMNS), np.int64)
    _new_outline(hash_counter(class_key, OUTLINE), parameters[OUTLINE])
    _new_texture(hash_counter(class_key, TEXTURE), parameters[TEXTURE])
    return parameters


@njit(cache=True, nogil=True)
def _new_outline(key: np.uint64, parameters: Longs) -> None:
    """Draw the waves of an outline: the first attempt that is neither a circle nor crosses its centre."""
    attempt = 0
    while True:
        of_attempt = hash_counter(key, attempt)
        total = 0
        for wave in range(NUM_WAVES):
            # Slow waves are larger, as in the contours of things.
            most = 3 * ONE // (8 + 2 * wave)
            parameters[COSINE + wave] = draw(of_attempt, 2 * wave, -most, most)
            parameters[SINE + wave] = draw(of_attempt, 2 * wave + 1, -most, most)
            # The first wave shifts the outline more than it shapes it.
            if wave == 0:
                parameters[COSINE], parameters[SINE] = parameters[COSINE] // 3, parameters[SINE] // 3
            total += max(abs(parameters[COSINE + wave]), abs(parameters[SINE + wave]))
        if LEAST_SUM <= total <= LARGEST_SUM:
            return
        attempt += 1


@njit(cache=True, nogil=True)
def _new_texture(key: np.uint64, parameters: Longs) -> None:
    """Draw the two gratings of a texture: the direction (cosine, sine) and the periods per side of each.

    It is the first attempt whose gratings differ enough; alike ones would cancel each other at some phases.
    """
    attempt = 0
    while True:
        of_attempt = hash_counter(key, attempt)
        for grating in range(NUM_GRATINGS):
            cos, sin = circle_point(draw(of_attempt, 4 * grating, -ONE, ONE))
            periods = draw(of_attempt, 4 * grating + 1, FEWEST_PERIODS, MOST_PERIODS)
            parameters[3 * grating], parameters[3 * grating + 1], parameters[3 * grating + 2] = cos, sin, periods
        if _distance(parameters, 1) >= LEAST_DISTANCE**2 and _distance(parameters, -1) >= LEAST_DISTANCE**2:
            return
        attempt += 1


@njit(cache=True, nogil=True)
def _distance(texture: Longs, sign: int) -> int:
    """Return the squared distance of the wave vectors of two gratings; a vector and its opposite are one grating."""
    across = (texture[0] * texture[2] - sign * texture[3] * texture[5]) >> ONE_BITS
    along = (texture[1] * texture[2] - sign * texture[4] * texture[5]) >> ONE_BITS
    return int(across * across + along * along)


@njit(cache=True, nogil=True)
def _outline(waves: Longs, key: np.uint64, settings: RenderSettings, size: int, xs: Longs, ys: Longs) -> None:
    """Write the vertices of an instance's outline, in pixels times `ONE`, into `xs` and `ys`."""
    percent = settings.jitter_percent
    tilt = percent * 4 * ONE // 300
    cos, sin = circle_point(draw(key, TILT, -tilt // 2, tilt // 2))
    if settings.rotated:
        turn_cos, turn_sin = circle_point(draw(key, TURN, -ONE, ONE))
        if draw(key, HALF_TURN, 0, 1):
            turn_cos, turn_sin = -turn_cos, -turn_sin
        cos, sin = (cos * turn_cos - sin * turn_sin) >> ONE_BITS, (sin * turn_cos + cos * turn_sin) >> ONE_BITS
    radius = RADIUS + RADIUS * percent * draw(key, SCALE, -ONE, ONE) // (100 * ONE)
    right = draw(key, SHIFT_X, -settings.shift_pixels, settings.shift_pixels)
    down = draw(key, SHIFT_Y, -settings.shift_pixels, settings.shift_pixels)
    for vertex in range(NUM_VERTICES):
        x, y = _on_circle(vertex)
        of_radius = ONE
        wave_cos, wave_sin = x, y
        for wave in range(NUM_WAVES):
            jitter = percent * ONE // 800
            cosine = waves[COSINE + wave] + draw(key, FIRST_WAVE + 2 * wave, -jitter, jitter)
            sine = waves[SINE + wave] + draw(key, FIRST_WAVE + 2 * wave + 1, -jitter, jitter)
            of_radius += (cosine * wave_cos + sine * wave_sin) >> ONE_BITS
            wave_cos, wave_sin = (wave_cos * x - wave_sin * y) >> ONE_BITS, (wave_sin * x + wave_cos * y) >> ONE_BITS
        reach = radius * max(of_radius, ONE // 8) >> ONE_BITS
        across, along = (x * cos - y * sin) >> ONE_BITS, (x * sin + y * cos) >> ONE_BITS
        xs[vertex] = (ONE + (reach * across >> ONE_BITS)) * size // 2 + right * ONE
        ys[vertex] = (ONE + (reach * along >> ONE_BITS)) * size // 2 + down * ONE


@njit(cache=True, nogil=True)
def _on_circle(vertex: int) -> tuple[int, int]:
    """Return a vertex of the unit circle: half of them right of the vertical, half left of it."""
    half = NUM_VERTICES // 2
    cos, sin = circle_point(2 * ONE * (vertex % half) // half - ONE)
    return (cos, sin) if vertex < half else (-cos, -sin)


@njit(cache=True, nogil=True)
def _fill(xs: Longs, ys: Longs, crossings: Longs, inside: Longs) -> None:
    """Count in `inside` (size, size) the samples of each pixel, 0 to 16, that lie in the polygon, by even-odd rows."""
    size = len(inside)
    inside.fill(0)
    for line in range(size * SAMPLES):
        level = (2 * line + 1) * ONE // (2 * SAMPLES)
        number = 0
        for vertex in range(NUM_VERTICES):
            after = (vertex + 1) % NUM_VERTICES
            low, high = ys[vertex], ys[after]
            if (low <= level) != (high <= level):
                at = xs[vertex] + (xs[after] - xs[vertex]) * (level - low) // (high - low)
                place = number
                while place and crossings[place - 1] > at:
                    crossings[place] = crossings[place - 1]
                    place -= 1
                crossings[place] = at
                number += 1
        for pair in range(number // 2):
            first = _sample_from(crossings[2 * pair])
            last = min(_sample_from(crossings[2 * pair + 1]), size * SAMPLES)
            for sample in range(max(first, 0), last):
                inside[line // SAMPLES, sample // SAMPLES] += 1


@njit(cache=True, nogil=True)
def _sample_from(x: int) -> int:
    """Return the first sample of a row whose centre is at x or right of it."""
    return int(-((ONE // 2 - x * SAMPLES) // ONE))


@njit(cache=True, nogil=True)
def _gratings(texture: Longs, key: np.uint64, settings: RenderSettings) -> Longs:
    """Return for each grating of an instance the steps of its phase per pixel of a unit side, and its first phase."""
    gratings = np.zeros((NUM_GRATINGS, 3), np.int64)
    wobble = settings.jitter_percent * ONE // 400
    for grating in range(NUM_GRATINGS):
        counter = FIRST_GRATING + 4 * grating
        cos, sin, periods = texture[3 * grating], texture[3 * grating + 1], texture[3 * grating + 2]
        turn_cos, turn_sin = circle_point(draw(key, counter, -wobble // 2, wobble // 2))
        if settings.rotated:
            any_cos, any_sin = circle_point(draw(key, FIRST_GRATING - 1, -ONE, ONE))
            turn_cos, turn_sin = (
                (turn_cos * any_cos - turn_sin * any_sin) >> ONE_BITS,
                (turn_sin * any_cos + turn_cos * any_sin) >> ONE_BITS,
            )
        periods += periods * draw(key, counter + 1, -wobble, wobble) >> ONE_BITS
        gratings[grating, 0] = periods * ((cos * turn_cos - sin * turn_sin) >> ONE_BITS) >> ONE_BITS
        gratings[grating, 1] = periods * ((cos * turn_sin + sin * turn_cos) >> ONE_BITS) >> ONE_BITS
        gratings[grating, 2] = draw(key, counter + 2, 0, (1 << PHASE_BITS) - 1)
    return gratings


@njit(cache=True, nogil=True)
def _texture(gratings: Longs, row: int, column: int, size: int) -> int:
    """Return the brightness of a texture at a pixel: the mean of its gratings, which rise and fall linearly."""
    total = 0
    for grating in range(NUM_GRATINGS):
        turns = (gratings[grating, 0] * column + gratings[grating, 1] * row) // size
        phase = ((turns << (PHASE_BITS - ONE_BITS)) + gratings[grating, 2]) & ((1 << PHASE_BITS) - 1)
        total += abs(phase - (1 << (PHASE_BITS - 1)))
    return int(DARKEST + (255 - DARKEST) * total // (NUM_GRATINGS << (PHASE_BITS - 1)))
