"""The target `arrangement`: classes that differ only in where the same patches stand.

An image is a grid of 4 x 4 cells with a tile in each. There are sixteen kinds of tiles, fractal systems that no corpus
holds, and an instance has one picture of each kind, whatever its class: the class says only which tile stands in which
cell. So the ten images of an instance, one a class, hold the same sixteen patches, and a model that does not see where
patches stand gives them one answer, of which one in ten is right. Every part of the split holds whole instances, all
classes of each.

That is true of patches that are the cell, or divide it. A patch across two cells, and so an overlap, or a convolution,
sees neighbours. Nor may anything be augmented: a shift moves pixels from cell to cell, and shows the patches what
stands beside them.
"""

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import DataSet
from bench.data.fractals.source import MAX_IMAGE_SIZE, MIN_IMAGE_SIZE, VERSION, Difficulty, Domain, render
from bench.data.random import hash_words, permutation
from bench.errors import InputError

SIDE = 4
"""Cells a side."""
NUM_TILES = SIDE**2
NUM_CLASSES = 10
INSTANCES = {Domain.ARRANGEMENT_TRAIN: 1_000, Domain.ARRANGEMENT_VALIDATION: 50, Domain.ARRANGEMENT_TEST: 200}
"""How many each part has; an instance is an image of every class."""
DIFFICULTY = Difficulty(jitter_percent=5, shift_pixels=0)
"""Of the tiles, which fill their cells. Small, since what is to be learned is where they stand."""

Longs = NDArray[np.int64]
Pixels = NDArray[np.uint8]


def open_arrangement() -> DataSet:
    """Return the images instance by instance, part after part; each instance is an image of every class."""
    ends = np.cumsum(list(INSTANCES.values())) * NUM_CLASSES
    pool, validation, test = np.split(np.arange(ends[-1]), ends[:-1])
    return DataSet(
        labels=np.arange(ends[-1]) % NUM_CLASSES,
        pool=pool,
        validation=validation,
        test=test,
        class_names=tuple(f"arrangement {index}" for index in range(NUM_CLASSES)),
        flip=False,
        read=_read,
        augmentable=False,
    )


def arrangement_identity() -> dict[str, object]:
    """Return what a run's key holds of it beside its name and version."""
    return {"corpus_version": VERSION, "difficulty": DIFFICULTY.model_dump(), "augmentable": False}


def check_arrangement_size(image_size: int) -> None:
    """Refuse an image that sixteen cells do not fill, or whose cells are too small or too large for a fractal."""
    if image_size % SIDE or not MIN_IMAGE_SIZE <= image_size // SIDE <= MAX_IMAGE_SIZE:
        smallest, largest = SIDE * MIN_IMAGE_SIZE, SIDE * MAX_IMAGE_SIZE
        raise InputError(
            f"image_size: given {image_size}; arrangement has {SIDE} x {SIDE} cells of at least {MIN_IMAGE_SIZE} "
            f"pixels a side, so its size is a multiple of {SIDE} from {smallest} to {largest:,}"
        )


def arrangements() -> Longs:
    """Return which tile stands in each cell, (classes, 16), row by row; no tile has one cell in two classes.

    They are rows of a cyclic Latin square whose columns and symbols are shuffled.
    """
    tiles, places = (permutation(int(hash_words("arrangement", name)[0]), NUM_TILES) for name in ("tiles", "places"))
    return tiles[(places + np.arange(NUM_CLASSES)[:, np.newaxis]) % NUM_TILES]


def _read(indices: Longs, image_size: int) -> Pixels:
    """Return the images (n, 3, image_size, image_size) at some places of the data set."""
    check_arrangement_size(image_size)
    numbers, classes = np.divmod(indices, NUM_CLASSES)
    instances, rows = np.unique(numbers, return_inverse=True)
    cell = image_size // SIDE
    cells = _tiles(instances, cell)[rows[:, np.newaxis], arrangements()[classes]]
    grids = cells.reshape(-1, SIDE, SIDE, 3, cell, cell)
    return grids.transpose(0, 3, 1, 4, 2, 5).reshape(-1, 3, image_size, image_size)


def _tiles(numbers: Longs, cell: int) -> Pixels:
    """Draw all tiles of some instances, numbered through the parts: (instances, 16, 3, cell, cell)."""
    tiles = np.empty((len(numbers), NUM_TILES, 3, cell, cell), dtype=np.uint8)
    start = 0
    for domain, count in INSTANCES.items():
        here = (start <= numbers) & (numbers < start + count)
        if here.any():
            tiles[here] = _drawn(numbers[here] - start, cell, domain)
        start += count
    return tiles


def _drawn(instances: Longs, cell: int, domain: Domain) -> Pixels:
    """Draw all tiles of some instances of one part: (instances, 16, 3, cell, cell)."""
    kinds, own = np.tile(np.arange(NUM_TILES), len(instances)), np.repeat(instances, NUM_TILES)
    images = render(kinds, own, image_size=cell, difficulty=DIFFICULTY, domain=domain)
    return images.reshape(-1, NUM_TILES, 3, cell, cell)
