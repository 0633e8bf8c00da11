"""The target `arrangement`: classes that differ only in the positions of the same patches.

An image is a grid of 4 x 4 cells with one tile per cell. There are sixteen kinds of tiles: fractal systems that no
corpus contains. An instance has one picture of each kind, and the class decides which picture is in which cell. The ten
images of an instance, one per class, therefore contain the same sixteen patches. A model that does not see the
positions of patches gives all of them the same answer, which is right for one in ten. Each split consists of complete
instances.

This is true if a patch is one cell, or a part of one cell: 8 pixels a side at 32, and 4 at 16. Patches across cells,
overlapping patches and convolutions see neighbouring cells. No augmentation may be applied, since a shift would move
pixels of one cell into the next.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import DataSet
from bench.data.formula import MAX_IMAGE_SIZE, MIN_IMAGE_SIZE, Difficulty, Domain, open_instances, render
from bench.data.fractals.source import FRACTALS
from bench.data.random import hash_words, permutation
from bench.errors import InputError

SIDE = 4
"""Cells per side."""
MIN_CELL = 4
"""Smallest side of a cell in pixels; a tile that is too small for a fractal is drawn at twice the size and averaged."""
NUM_TILES = SIDE**2
NUM_CLASSES = 10
INSTANCES = {Domain.ARRANGEMENT_TRAIN: 1_000, Domain.ARRANGEMENT_VALIDATION: 50, Domain.ARRANGEMENT_TEST: 200}
"""Number of instances per split; an instance has one image of each class."""
DIFFICULTY = Difficulty(jitter_percent=5, shift_pixels=0)
"""Difficulty of the tiles; it is low, since models should learn the positions of tiles, not their shapes."""

Longs = NDArray[np.int64]
Pixels = NDArray[np.uint8]


def open_arrangement() -> DataSet:
    """Return the data set; the images of an instance, one per class, follow each other and are a cluster."""
    data = open_instances(INSTANCES, tuple(f"arrangement {index}" for index in range(NUM_CLASSES)), _draw)
    return replace(data, clusters=np.arange(len(data.labels)) // NUM_CLASSES)


def check_arrangement_size(image_size: int) -> None:
    """Refuse a size that is not a multiple of 4, or whose cells are too small or too large for a fractal."""
    if image_size % SIDE or not MIN_CELL <= image_size // SIDE <= MAX_IMAGE_SIZE:
        smallest, largest = SIDE * MIN_CELL, SIDE * MAX_IMAGE_SIZE
        raise InputError(
            f"image_size: given {image_size}; arrangement has {SIDE} x {SIDE} cells of at least {MIN_CELL} "
            f"pixels a side, so its size is a multiple of {SIDE} from {smallest} to {largest:,}"
        )


def arrangements() -> Longs:
    """Return the tile in each cell, (classes, 16), row by row; no tile is in the same cell in two classes.

    These are rows of a cyclic Latin square whose columns and symbols are shuffled.
    """
    tiles, shifts = (permutation(int(hash_words("arrangement", name)[0]), NUM_TILES) for name in ("tiles", "places"))
    return tiles[(shifts + np.arange(NUM_CLASSES)[:, np.newaxis]) % NUM_TILES]


def _draw(instances: Longs, classes: Longs, image_size: int, domain: Domain) -> Pixels:
    """Draw the images (n, 3, image_size, image_size) of instances (n,) of a domain in classes (n,)."""
    check_arrangement_size(image_size)
    cell = image_size // SIDE
    drawn, rows = np.unique(instances, return_inverse=True)
    kinds, of_kind = np.tile(np.arange(NUM_TILES), len(drawn)), np.repeat(drawn, NUM_TILES)
    scale = 1 if cell >= MIN_IMAGE_SIZE else 2
    drawn_tiles = render(FRACTALS, kinds, of_kind, image_size=scale * cell, difficulty=DIFFICULTY, domain=domain)
    tiles = _averaged(drawn_tiles, scale)
    cells = tiles.reshape(-1, NUM_TILES, 3, cell, cell)[rows[:, np.newaxis], arrangements()[classes]]
    grids = cells.reshape(-1, SIDE, SIDE, 3, cell, cell)
    return grids.transpose(0, 3, 1, 4, 2, 5).reshape(-1, 3, image_size, image_size)


def _averaged(tiles: Pixels, scale: int) -> Pixels:
    """Return tiles (n, 3, side, side) with each scale x scale pixels averaged to one, rounded to the nearest number."""
    if scale == 1:
        return tiles
    num, channels, side, _ = tiles.shape
    blocks = tiles.reshape(num, channels, side // scale, scale, side // scale, scale).sum(axis=(3, 5), dtype=np.int64)
    return ((blocks + scale**2 // 2) // scale**2).astype(np.uint8)
