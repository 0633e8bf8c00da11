"""Targets whose images are filled outlines: both cues agree on the class, only one of them tells it, or they conflict.

Sixteen classes that no corpus contains have an outline and a texture each. In `shapes-heldout` an image has both of
its class. In `shapes-outline` its texture is of a class drawn at random, in `shapes-texture` its outline is. In
`shapes-conflict` outline and texture are of two different classes, and the label is that of the outline: these images
show by which cue a model that was trained on `shapes-heldout` decides (Geirhos et al. 2019).
"""

from typing import Literal

import numpy as np

from bench.data.dataset import DataSet
from bench.data.formula import (
    Difficulty,
    Domain,
    Longs,
    Pixels,
    check_image_size,
    class_parameters,
    open_instances,
    render_settings,
)
from bench.data.random import below, hash_words
from bench.data.shapes.shape_corpus import SHAPES

Cue = Literal["both", "outline", "texture", "conflict"]
TARGETS: dict[str, Cue] = {
    "shapes-heldout": "both",
    "shapes-outline": "outline",
    "shapes-texture": "texture",
    "shapes-conflict": "conflict",
}
"""Target -> which of an image's cues tell its class."""
NUM_CLASSES = 16
INSTANCES = {Domain.SHAPES_TRAIN: 625, Domain.SHAPES_VALIDATION: 50, Domain.SHAPES_TEST: 125}
"""Number of instances per class of each split."""
DIFFICULTY = Difficulty(jitter_percent=25, shift_pixels=2)


def open_shapes(cue: Cue) -> DataSet:
    """Return a target of filled outlines."""

    def draw(instances: Longs, classes: Longs, image_size: int, domain: Domain) -> Pixels:
        outlines, textures = cue_classes(cue, instances, classes, domain)
        return draw_cues(outlines, textures, _keys(cue, instances, classes, domain), image_size, domain)

    return open_instances(INSTANCES, SHAPES.class_names(NUM_CLASSES), draw)


def cue_classes(cue: Cue, instances: Longs, classes: Longs, domain: Domain) -> tuple[Longs, Longs]:
    """Return the classes of the outline (n,) and of the texture (n,) of instances (n,) with labels `classes` (n,)."""
    drawn = hash_words(*SHAPES.key, "other", SHAPES.version, *domain.value, cue, classes, instances)
    if cue == "both":
        return classes, classes
    if cue == "outline":
        return classes, below(drawn, NUM_CLASSES)
    if cue == "texture":
        return below(drawn, NUM_CLASSES), classes
    return classes, (classes + 1 + below(drawn, NUM_CLASSES - 1)) % NUM_CLASSES


def cues_of_test(target: str) -> tuple[Longs, Longs]:
    """Return the classes of the outline and of the texture of each test image of a target, in the order of its ids."""
    numbers, classes = np.divmod(np.arange(INSTANCES[Domain.SHAPES_TEST] * NUM_CLASSES), NUM_CLASSES)
    return cue_classes(TARGETS[target], numbers, classes, Domain.SHAPES_TEST)


def draw_cues(outlines: Longs, textures: Longs, keys: np.ndarray, image_size: int, domain: Domain) -> Pixels:
    """Draw images (n, 3, image_size, image_size) with outlines and textures of classes of the domain, by their keys."""
    check_image_size(image_size)
    of_classes = np.stack([class_parameters(SHAPES, index, domain) for index in range(NUM_CLASSES)])
    pairs, rows = np.unique(outlines * NUM_CLASSES + textures, return_inverse=True)
    parameters = np.stack([of_classes[pairs // NUM_CLASSES, 0], of_classes[pairs % NUM_CLASSES, 1]], axis=1)
    images = np.empty((len(outlines), 3, image_size, image_size), dtype=np.uint8)
    SHAPES.draw_images(parameters, rows, keys, render_settings(DIFFICULTY), images)
    return images


def _keys(cue: Cue, instances: Longs, classes: Longs, domain: Domain) -> np.ndarray:
    """Return the keys (n,) of instances; those of two targets differ."""
    return hash_words(*SHAPES.key, "instance", SHAPES.version, *domain.value, cue, classes, instances)
