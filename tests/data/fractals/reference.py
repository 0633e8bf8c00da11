"""The fractal corpus's formula once more, in Python's unbounded integers and plain loops: slow, and easy to check.

It shares no code with `bench.data.fractals.render` and has neither its overflow, nor its order of points, nor its
palette of hits; where both agree to the byte, neither numba nor 32-bit arithmetic has changed a pixel.
"""

import hashlib

ONE = 2**14
MASK_64, MASK_32 = 2**64 - 1, 2**32 - 1


def image(domain: tuple[int, int], index: int, instance: int, size: int, difficulty: dict) -> list:
    """Return the image [channel][row][column] of a class's instance."""
    system = _class(domain[0], index)
    key = _words("instance", 1, *domain, index, instance)
    jitter, shift = difficulty["jitter_percent"], difficulty["shift_pixels"]
    maps = [_matrix(_jittered(system[m], key, m, jitter)) for m in range(len(system))]
    if difficulty["rotation"] == "any":
        maps = [_turned(one, key) for one in maps]
    points = min(100_000, 3_000 * size**2 // 32**2)
    margin = size // 16
    hits = _hits(maps, _draw_word(key, 64) >> 32, points, size - 2 * margin)
    left, top = margin + _draw(key, 65, -shift, shift), margin + _draw(key, 66, -shift, shift)
    swapped = difficulty["polarity"] == "both" and _draw(key, 67, 0, 1) == 1
    channels = []
    for channel in range(3):
        ink, ground = 255, 0
        if difficulty["colour"] == "instance":
            ink, ground = _draw(key, 70 + 2 * channel, 128, 255), _draw(key, 71 + 2 * channel, 0, 95)
        if swapped:
            ink, ground = ground, ink
        rows = []
        for row in range(size):
            line = []
            for column in range(size):
                count = min(255, hits.get((row - top, column - left), 0))
                bright = 255 * count // (count + max(1, points // size**2))
                line.append((bright * ink + (255 - bright) * ground) // 255)
            rows.append(line)
        channels.append(rows)
    return channels


def _class(tag: int, index: int) -> list[dict]:
    """Return the maps of the first accepted attempt."""
    class_key = _words("class", 1, tag, index)
    attempt = 0
    while True:
        key = _draw_word(class_key, attempt)
        system = []
        for m in range(_draw(key, 64, 2, 4)):
            one = {"left": _draw(key, 8 * m, -ONE, ONE), "right": _draw(key, 8 * m + 1, -ONE, ONE)}
            turns = _draw(key, 8 * m + 2, 0, 3)
            one["half_turn"], one["reflected"] = turns % 2 == 1, turns >= 2
            one["stretch"] = _draw(key, 8 * m + 3, 3 * ONE // 10, 8 * ONE // 10)
            one["squeeze"] = one["stretch"] * _draw(key, 8 * m + 4, 3 * ONE // 10, ONE) // ONE
            one["x"] = _draw(key, 8 * m + 5, -3 * ONE // 4, 3 * ONE // 4)
            one["y"] = _draw(key, 8 * m + 6, -3 * ONE // 4, 3 * ONE // 4)
            system.append(one)
        if _accepted(system, key):
            return system
        attempt += 1


def _accepted(system: list[dict], key: int) -> bool:
    """Check singular values, then the filled share and the sides of the picture."""
    total = sum(one["stretch"] + 2 * one["squeeze"] for one in system)
    if not (5 + len(system)) * ONE <= 2 * total <= (6 + len(system)) * ONE:
        return False
    hits = _hits([_matrix(one) for one in system], _draw_word(key, 65) >> 32, 3_000, 28)
    sides = sorted([len({row for row, _ in hits}), len({column for _, column in hits})])
    return 15 <= 100 * len(hits) // 28**2 <= 60 and 2 * sides[0] >= sides[1]


def _jittered(one: dict, key: int, m: int, percent: int) -> dict:
    """Perturb one map."""
    changed = dict(one)
    for place, name in ((0, "left"), (1, "right")):
        changed[name] += _draw(key, 8 * m + place, -ONE, ONE) * percent // 200
    for place, name in ((3, "stretch"), (4, "squeeze"), (5, "x"), (6, "y")):
        changed[name] += one[name] * (_draw(key, 8 * m + place, -ONE, ONE) * percent) // (100 * ONE)
    for name in ("stretch", "squeeze"):
        changed[name] = min(changed[name], 13 * ONE // 16)
    return changed


def _matrix(one: dict) -> tuple[int, ...]:
    """Return a, b, c, d, e, f of a map: R(left) diag(stretch, squeeze) R(right), and its translation."""
    left, right = _rotation(one["left"]), _rotation(one["right"])
    sign = -1 if one["half_turn"] else 1
    first = sign * one["stretch"]
    second = sign * one["squeeze"] * (-1 if one["reflected"] else 1)
    entries = []
    for row in range(2):
        for column in range(2):
            exact = left[row][0] * first * right[0][column] + left[row][1] * second * right[1][column]
            entries.append((exact + 2**27) // 2**28)
    return (*entries, one["x"], one["y"])


def _rotation(t: int) -> list[list[int]]:
    """Return the rotation matrix of the rational point t of the circle."""
    cos = (ONE**2 - t**2) * ONE // (ONE**2 + t**2)
    sin = 2 * ONE**2 * t // (ONE**2 + t**2)
    return [[cos, -sin], [sin, cos]]


def _turned(one: tuple[int, ...], key: int) -> tuple[int, ...]:
    """Return the map in coordinates turned by the instance's angle."""
    (cos, _), (sin, _) = _rotation(_draw(key, 68, -ONE, ONE))
    if _draw(key, 69, 0, 1):
        cos, sin = -cos, -sin
    a, b, c, d, e, f = one
    a, b, c, d = (
        (cos * a - sin * c) >> 14,
        (cos * b - sin * d) >> 14,
        (sin * a + cos * c) >> 14,
        (sin * b + cos * d) >> 14,
    )
    a, b, c, d = (
        (a * cos - b * sin) >> 14,
        (a * sin + b * cos) >> 14,
        (c * cos - d * sin) >> 14,
        (c * sin + d * cos) >> 14,
    )
    return a, b, c, d, (cos * e - sin * f) >> 14, (sin * e + cos * f) >> 14


def _hits(maps: list[tuple[int, ...]], seed: int, points: int, frame: int) -> dict[tuple[int, int], int]:
    """Play the chaos game on 16 orbits, one after the other, and count (row, column) in the bounding square."""
    areas = [abs(a * d - b * c) >> 8 for a, b, c, d, _, _ in maps]
    ends = [(sum(areas[: m + 1]) << 24) // sum(areas) for m in range(len(maps))]
    visited = []
    for orbit in range(16):
        x, y = 0, 0
        for step in range(12 + -(-points // 16)):
            if step >= 12:
                visited.append((x, y))
            chosen = _murmur(seed + (16 * step + orbit) * 0x9E3779B9) >> 8
            a, b, c, d, e, f = maps[next(m for m, end in enumerate(ends) if chosen < end)]
            x, y = ((a * x + b * y + 2**13) >> 14) + e, ((c * x + d * y + 2**13) >> 14) + f
            assert max(abs(a * x + b * y), abs(c * x + d * y)) < 2**31 - 2**13
    min_x, max_x = min(x for x, _ in visited), max(x for x, _ in visited)
    min_y, max_y = min(y for _, y in visited), max(y for _, y in visited)
    extent = max(max_x - min_x, max_y - min_y) + 1
    left, top = min_x - (extent - (max_x - min_x)) // 2, min_y - (extent - (max_y - min_y)) // 2
    scale = (frame << 22) // extent
    hits: dict[tuple[int, int], int] = {}
    for x, y in visited:
        cell = ((y - top) * scale >> 22, (x - left) * scale >> 22)
        hits[cell] = hits.get(cell, 0) + 1
    return hits


def _draw(key: int, counter: int, lowest: int, highest: int) -> int:
    return lowest + ((_draw_word(key, counter) >> 32) * (highest - lowest + 1) >> 32)


def _draw_word(key: int, counter: int) -> int:
    return _mix((key + counter * 0x9E3779B97F4A7C15) & MASK_64)


def _words(*words: int | str) -> int:
    hashed = 0
    for word in words:
        if isinstance(word, str):
            word = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
        hashed = _mix(((hashed ^ word) + 0x9E3779B97F4A7C15) & MASK_64)
    return hashed


def _mix(word: int) -> int:
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & MASK_64
    word = (word ^ word >> 27) * 0x94D049BB133111EB & MASK_64
    return word ^ word >> 31


def _murmur(word: int) -> int:
    word &= MASK_32
    word = (word ^ word >> 16) * 0x85EBCA6B & MASK_32
    word = (word ^ word >> 13) * 0xC2B2AE35 & MASK_32
    return word ^ word >> 16
