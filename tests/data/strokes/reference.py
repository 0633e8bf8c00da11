"""The stroke corpus's formula once more, in Python's unbounded integers and plain loops: slow, and easy to check.

It shares no code with `bench.data.strokes.pen`. Where both agree to the byte, neither numba nor 64-bit arithmetic
has changed a pixel.
"""

import hashlib
import math
from itertools import pairwise

ONE = 2**14
MASK = 2**64 - 1


def image(domain: tuple[int, int], index: int, instance: int, size: int, difficulty: dict) -> list:
    """Return the image [channel][row][column] of a class's instance."""
    key = _words("strokes", "instance", 1, *domain, index, instance)
    figure = _placed(_class(domain[0], index), key, size, difficulty)
    pen = _draw(key, 83, 50 * ONE // 1000, 220 * ONE // 1000) * size * 256 // (2 * ONE)
    edge = max(256, _draw(key, 85, 0, ONE // 4) * size * 256 // (2 * ONE))
    ink: dict[tuple[int, int], int] = {}
    for x, y in (stamp for stroke in figure for stamp in _stamps(stroke, pen)):
        for row in range(size):
            for column in range(size):
                inside = (pen + edge // 2) ** 2 - (256 * column - x) ** 2 - (256 * row - y) ** 2
                if inside > 0:
                    coverage = 255 * min(inside, 2 * pen * edge) // (2 * pen * edge)
                    ink[row, column] = max(ink.get((row, column), 0), coverage)
    swapped = difficulty["polarity"] == "both" and _draw(key, 67, 0, 1) == 1
    channels = []
    for channel in range(3):
        bright, dark = 255, 0
        if difficulty["colour"] == "instance":
            bright, dark = _draw(key, 70 + 2 * channel, 128, 255), _draw(key, 71 + 2 * channel, 0, 95)
        if swapped:
            bright, dark = dark, bright
        values = [[ink.get((row, column), 0) for column in range(size)] for row in range(size)]
        channels.append([[(value * bright + (255 - value) * dark) // 255 for value in line] for line in values])
    return channels


def _class(tag: int, index: int) -> list[list[tuple[int, int]]]:
    """Return the strokes of the first accepted attempt, scaled to sides of 2."""
    class_key, attempt = _words("strokes", "class", 1, tag, index), 0
    while True:
        key = _draw_word(class_key, attempt)
        figure = _scaled([_walk(key, 16 * (stroke + 1)) for stroke in range(_draw(key, 0, 1, 3))])
        lengths = (math.isqrt((a - c) ** 2 + (b - d) ** 2) for s in figure for (a, b), (c, d) in pairwise(s))
        if 5 * ONE // 2 <= sum(lengths) <= 9 * ONE:
            return figure
        attempt += 1


def _walk(key: int, first: int) -> list[tuple[int, int]]:
    """Return the points of one stroke."""
    x, y = _draw(key, first + 1, -ONE, ONE), _draw(key, first + 2, -ONE, ONE)
    cos, sin = _circle(_draw(key, first + 3, -ONE, ONE))
    if _draw(key, first + 4, 0, 1):
        cos, sin = -cos, -sin
    points = []
    for number in range(_draw(key, first, 3, 5)):
        points.append((x, y))
        cos, sin = _turned(cos, sin, *_circle(_draw(key, first + 5 + number, -9 * ONE // 10, 9 * ONE // 10)))
        step = _draw(key, first + 10 + number, 4 * ONE // 10, 9 * ONE // 10)
        if abs(x + (step * cos >> 14)) > ONE:
            cos = -cos
        if abs(y + (step * sin >> 14)) > ONE:
            sin = -sin
        x, y = x + (step * cos >> 14), y + (step * sin >> 14)
    return points


def _scaled(figure: list[list[tuple[int, int]]]) -> list[list[tuple[int, int]]]:
    xs, ys = [x for stroke in figure for x, _ in stroke], [y for stroke in figure for _, y in stroke]
    side = max(max(xs) - min(xs), max(ys) - min(ys), 1)
    middle_x, middle_y = min(xs) + max(xs), min(ys) + max(ys)
    return [[((2 * x - middle_x) * ONE // side, (2 * y - middle_y) * ONE // side) for x, y in s] for s in figure]


def _placed(figure: list, key: int, size: int, difficulty: dict) -> list[list[tuple[int, int]]]:
    """Return the strokes of an instance in pixels with 8 fractional bits."""
    percent, shift = difficulty["jitter_percent"], difficulty["shift_pixels"]
    jitter, tilt = percent * 2 * ONE // 500, percent * 4 * ONE // 300
    cos, sin = _circle(_draw(key, 84, -tilt // 2, tilt // 2))
    if difficulty["rotation"] == "any":
        turn = _circle(_draw(key, 68, -ONE, ONE))
        if _draw(key, 69, 0, 1):
            turn = (-turn[0], -turn[1])
        cos, sin = _turned(cos, sin, *turn)
    slant = _draw(key, 80, -tilt, tilt)
    width, height = (ONE * 17 // 20 + _draw(key, counter, -tilt, tilt) * 2 // 3 for counter in (81, 82))
    right, down = 256 * _draw(key, 65, -shift, shift), 256 * _draw(key, 66, -shift, shift)
    placed = []
    for number, stroke in enumerate(figure):
        points = []
        for place, (x, y) in enumerate(stroke):
            counter = 128 + 6 * (5 * number + place)
            x += sum(_draw(key, counter + part, -jitter, jitter) for part in range(3))
            y += sum(_draw(key, counter + 3 + part, -jitter, jitter) for part in range(3))
            x, y = (x + (y * slant >> 14)) * width >> 14, y * height >> 14
            x, y = (x * cos - y * sin) >> 14, (x * sin + y * cos) >> 14
            points.append(((x + ONE) * (size - 1) * 128 // ONE + right, (y + ONE) * (size - 1) * 128 // ONE + down))
        placed.append(points)
    return placed


def _stamps(stroke: list[tuple[int, int]], pen: int) -> list[tuple[int, int]]:
    """Return the places at which the pen is set down along a stroke."""
    stamps = []
    extended = [stroke[0], *stroke, stroke[-1]]
    for place in range(len(stroke) - 1):
        p0, p1, p2, p3 = extended[place : place + 4]
        steps = 3 + math.isqrt((p2[0] - p1[0]) ** 2 + (p2[1] - p1[1]) ** 2) // max(170, pen // 4)
        for step in range(steps + 1):
            t = step * 4096 // steps
            square = t * t >> 12
            cube = square * t >> 12
            stamps.append(tuple(_spline(*axis, t, square, cube) for axis in zip(p0, p1, p2, p3, strict=True)))
    return stamps


def _spline(a: int, b: int, c: int, d: int, t: int, square: int, cube: int) -> int:
    return b + (((c - a) * t + (2 * a - 5 * b + 4 * c - d) * square + (3 * b - a - 3 * c + d) * cube) >> 13)


def _circle(t: int) -> tuple[int, int]:
    return (ONE**2 - t**2) * ONE // (ONE**2 + t**2), 2 * ONE**2 * t // (ONE**2 + t**2)


def _turned(cos: int, sin: int, by_cos: int, by_sin: int) -> tuple[int, int]:
    return (cos * by_cos - sin * by_sin) >> 14, (sin * by_cos + cos * by_sin) >> 14


def _draw(key: int, counter: int, lowest: int, highest: int) -> int:
    return lowest + ((_draw_word(key, counter) >> 32) * (highest - lowest + 1) >> 32)


def _draw_word(key: int, counter: int) -> int:
    return _mix((key + counter * 0x9E3779B97F4A7C15) & MASK)


def _words(*words: int | str) -> int:
    hashed = 0
    for word in words:
        if isinstance(word, str):
            word = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
        hashed = _mix(((hashed ^ word) + 0x9E3779B97F4A7C15) & MASK)
    return hashed


def _mix(word: int) -> int:
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & MASK
    word = (word ^ word >> 27) * 0x94D049BB133111EB & MASK
    return word ^ word >> 31
