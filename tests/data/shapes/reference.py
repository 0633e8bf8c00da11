"""The shape corpus's formula once more, in Python's unbounded integers and plain loops: slow, and easy to check.

It shares no code with `bench.data.shapes`. Where both agree to the byte, neither numba nor 64-bit arithmetic has
changed a pixel.
"""

import hashlib

ONE = 2**14
MASK = 2**64 - 1
VERTICES = 96


def image(domain: tuple[int, int], index: int, instance: int, size: int, difficulty: dict) -> list:
    """Return the image [channel][row][column] of a class's instance."""
    class_key = _words("shapes", "class", 1, domain[0], index)
    key = _words("shapes", "instance", 1, *domain, index, instance)
    waves, gratings = _new_outline(_draw_word(class_key, 0)), _new_texture(_draw_word(class_key, 1))
    corners = _outline(waves, key, size, difficulty)
    waving = [_waving(grating, key, number, difficulty) for number, grating in enumerate(gratings)]
    values = []
    for row in range(size):
        line = []
        for column in range(size):
            covered = _covered(corners, row, column)
            brightness = 72 + 183 * sum(_height(wave, row, column, size) for wave in waving) // 2**16
            line.append(covered * brightness // 16 if covered else 0)
        values.append(line)
    swapped = difficulty["polarity"] == "both" and _draw(key, 67, 0, 1) == 1
    channels = []
    for channel in range(3):
        bright, dark = 255, 0
        if difficulty["colour"] == "instance":
            bright, dark = _draw(key, 70 + 2 * channel, 128, 255), _draw(key, 71 + 2 * channel, 0, 95)
        if swapped:
            bright, dark = dark, bright
        channels.append([[(value * bright + (255 - value) * dark) // 255 for value in line] for line in values])
    return channels


def _new_outline(key: int) -> list[tuple[int, int]]:
    """Return the cosine and sine amplitude of each wave."""
    attempt = 0
    while True:
        word = _draw_word(key, attempt)
        waves = []
        for wave in range(6):
            most = 3 * ONE // (8 + 2 * wave)
            pair = _draw(word, 2 * wave, -most, most), _draw(word, 2 * wave + 1, -most, most)
            waves.append((pair[0] // 3, pair[1] // 3) if wave == 0 else pair)
        if 5 * ONE // 16 <= sum(max(map(abs, pair)) for pair in waves) <= 5 * ONE // 8:
            return waves
        attempt += 1


def _new_texture(key: int) -> list[tuple[int, int, int]]:
    """Return the direction and the periods of each grating."""
    attempt = 0
    while True:
        word = _draw_word(key, attempt)
        (first, second) = (
            (*_circle(_draw(word, 4 * number, -ONE, ONE)), _draw(word, 4 * number + 1, 7 * ONE // 2, 7 * ONE))
            for number in range(2)
        )
        if all(_distance(first, second, sign) >= (5 * ONE // 2) ** 2 for sign in (1, -1)):
            return [first, second]
        attempt += 1


def _distance(first: tuple[int, int, int], second: tuple[int, int, int], sign: int) -> int:
    return sum((first[axis] * first[2] - sign * second[axis] * second[2] >> 14) ** 2 for axis in (0, 1))


def _outline(waves: list, key: int, size: int, difficulty: dict) -> list[tuple[int, int]]:
    """Return the corners of an instance's outline in pixels with 14 fractional bits."""
    percent, shift = difficulty["jitter_percent"], difficulty["shift_pixels"]
    tilt, jitter = percent * 4 * ONE // 300, percent * ONE // 800
    cos, sin = _circle(_draw(key, 80, -tilt // 2, tilt // 2))
    if difficulty["rotation"] == "any":
        turn = _circle(_draw(key, 68, -ONE, ONE))
        if _draw(key, 69, 0, 1):
            turn = (-turn[0], -turn[1])
        cos, sin = _turned(cos, sin, *turn)
    mean = 10 * ONE // 16
    radius = mean + mean * percent * _draw(key, 81, -ONE, ONE) // (100 * ONE)
    right, down = (ONE * _draw(key, counter, -shift, shift) for counter in (65, 66))
    waves = [
        (cosine + _draw(key, 96 + 2 * wave, -jitter, jitter), sine + _draw(key, 97 + 2 * wave, -jitter, jitter))
        for wave, (cosine, sine) in enumerate(waves)
    ]
    corners = []
    for vertex in range(VERTICES):
        half = VERTICES // 2
        x, y = _circle(2 * ONE * (vertex % half) // half - ONE)
        if vertex >= half:
            x, y = -x, -y
        share, power = ONE, (x, y)
        for cosine, sine in waves:
            share += (cosine * power[0] + sine * power[1]) >> 14
            power = _turned(*power, x, y)
        reach = radius * max(share, ONE // 8) >> 14
        across, along = (x * cos - y * sin) >> 14, (x * sin + y * cos) >> 14
        corners.append(
            ((ONE + (reach * across >> 14)) * size // 2 + right, (ONE + (reach * along >> 14)) * size // 2 + down)
        )
    return corners


def _covered(corners: list[tuple[int, int]], row: int, column: int) -> int:
    """Return how many of a pixel's 16 samples lie in the outline: those with an odd number of crossings on their left.

    A sample on a crossing lies behind it.
    """
    covered = 0
    for part in range(4):
        level = (2 * (4 * row + part) + 1) * ONE // 8
        crossings = []
        for (x, y), (next_x, next_y) in zip(corners, [*corners[1:], corners[0]], strict=True):
            if (y <= level) != (next_y <= level):
                crossings.append(x + (next_x - x) * (level - y) // (next_y - y))
        for sample in range(4):
            # The centre of sample s, times 4 * ONE, is (s + 1/2) * ONE.
            centre = (4 * column + sample) * ONE + ONE // 2
            covered += sum(4 * crossing <= centre for crossing in crossings) % 2
    return covered


def _waving(grating: tuple[int, int, int], key: int, number: int, difficulty: dict) -> tuple[int, int, int]:
    """Return the turns of an instance's grating along both sides, and its first phase."""
    cos, sin, periods = grating
    wobble = difficulty["jitter_percent"] * ONE // 400
    counter = 160 + 4 * number
    turn = _circle(_draw(key, counter, -wobble // 2, wobble // 2))
    if difficulty["rotation"] == "any":
        turn = _turned(*turn, *_circle(_draw(key, 159, -ONE, ONE)))
    periods += periods * _draw(key, counter + 1, -wobble, wobble) >> 14
    direction = (cos * turn[0] - sin * turn[1]) >> 14, (cos * turn[1] + sin * turn[0]) >> 14
    return periods * direction[0] >> 14, periods * direction[1] >> 14, _draw(key, counter + 2, 0, 2**16 - 1)


def _height(waving: tuple[int, int, int], row: int, column: int, size: int) -> int:
    phase = (4 * ((waving[0] * column + waving[1] * row) // size) + waving[2]) % 2**16
    return abs(phase - 2**15)


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
