"""The chaos game as one writes it down first: the loop that the fractal corpus' renderer is measured beside.

One point after another, in float64, numba's own random numbers, a branch for the choice of a map. It starts from maps
that are ready, where the renderer finds an instance's maps and colours, and draws grey images only: what it leaves out
would cost it time.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

WARM_UP_POINTS = 20


@njit(cache=True, nogil=True)
def draw_plainly(maps: NDArray[np.float64], points: int, images: NDArray[np.uint8]) -> None:
    """Draw image i of `images` (n, 3, size, size) from its `maps[i]` (4, 6), rows a, b, c, d, e, f, with `points`."""
    size = images.shape[2]
    xs, ys = np.empty(points), np.empty(points)
    for i in range(len(images)):
        _trace(maps[i], xs, ys)
        hits = _count(xs, ys, size - 2 * (size // 16))
        _paint(hits, max(1, points // size**2), images[i])


@njit(cache=True, nogil=True)
def _trace(maps: NDArray[np.float64], xs: NDArray[np.float64], ys: NDArray[np.float64]) -> None:
    """Fill `xs` and `ys` with the points of one orbit; a map is chosen in proportion to the area that it covers."""
    ends = np.cumsum(np.abs(maps[:, 0] * maps[:, 3] - maps[:, 1] * maps[:, 2]))
    x, y = 0.0, 0.0
    for i in range(-WARM_UP_POINTS, len(xs)):
        drawn, chosen = np.random.random() * ends[-1], 0
        while drawn >= ends[chosen]:
            chosen += 1
        a, b, c, d, e, f = maps[chosen]
        x, y = a * x + b * y + e, c * x + d * y + f
        if i >= 0:
            xs[i], ys[i] = x, y


@njit(cache=True, nogil=True)
def _count(xs: NDArray[np.float64], ys: NDArray[np.float64], frame: int) -> NDArray[np.int64]:
    """Return how many points fall in each cell of their bounding square, (frame, frame)."""
    hits = np.zeros((frame, frame), np.int64)
    left, top = xs.min(), ys.min()
    scale = (frame - 1) / max(xs.max() - left, ys.max() - top)
    for i in range(len(xs)):
        hits[int((ys[i] - top) * scale), int((xs[i] - left) * scale)] += 1
    return hits


@njit(cache=True, nogil=True)
def _paint(hits: NDArray[np.int64], typical: int, image: NDArray[np.uint8]) -> None:
    """Paint `image` (3, size, size) bright on dark, in its middle."""
    margin = (image.shape[1] - len(hits)) // 2
    image.fill(0)
    for row in range(len(hits)):
        for column in range(len(hits)):
            value = 255 * hits[row, column] // (hits[row, column] + typical)
            for channel in range(3):
                image[channel, margin + row, margin + column] = value
