"""Corpora that are drawn by formula: any number of images, without a licence or a download (Kataoka et al. 2020).

A class is a shape, and an instance is a perturbation of it. An image depends only on the corpus, its version, domain,
class, instance, difficulty and size, so it has the same bytes on every machine, in any batch and in any subset.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.data.dataset import DataSet
from bench.data.random import hash_words
from bench.data.subset import INSTANCES
from bench.errors import InputError

MAX_CLASSES = 100_000
MAX_INSTANCES = 2**31
"""Number of instances per class."""

MIN_IMAGE_SIZE, MAX_IMAGE_SIZE = 8, 511
"""Smallest and largest image size; at a larger size, products of coordinates could exceed 2^31."""
CHUNK = 1024
"""Upper limit of the images that a thread draws at once."""

Longs = NDArray[np.int64]
Keys = NDArray[np.uint64]
Pixels = NDArray[np.uint8]


class Domain(Enum):
    """Pairs of a class tag and an instance tag. Both are hashed, so no image is in two domains."""

    PRETRAIN = (0, 0)
    PRETRAIN_VALIDATION = (0, 1)
    HELDOUT_TRAIN = (1, 0)
    HELDOUT_VALIDATION = (1, 1)
    HELDOUT_TEST = (1, 2)
    ARRANGEMENT_TRAIN = (2, 0)
    ARRANGEMENT_VALIDATION = (2, 1)
    ARRANGEMENT_TEST = (2, 2)
    SHAPES_TRAIN = (3, 0)
    SHAPES_VALIDATION = (3, 1)
    SHAPES_TEST = (3, 2)


class Difficulty(BaseModel):
    """How much the instances of a class differ. If it rises, Vision Transformers are the first models to fail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jitter_percent: int = Field(15, ge=0, le=50)
    """How much a shape changes, in percent; the page on each corpus says what it moves."""
    shift_pixels: int = Field(1, ge=0, le=64)
    """Upper limit of the picture's shift along each axis, in pixels."""
    polarity: Literal["one", "both"] = "one"
    """`one`: bright on dark; `both`: dark on bright for half of the instances."""
    colour: Literal["none", "instance"] = "none"
    """`none`: grey; `instance`: each instance has its own colours of ink and ground."""
    rotation: Literal["none", "any"] = "none"
    """`any`: each instance is rotated by its own random angle."""


class RenderSettings(NamedTuple):
    """`Difficulty` in the form that a renderer needs."""

    jitter_percent: int
    shift_pixels: int
    both_polarities: bool
    coloured: bool
    rotated: bool


@dataclass(frozen=True)
class Formula:
    """A corpus that is drawn by formula; its renderer and Numba are imported when the first image is drawn."""

    name: str
    version: int
    """Raise it if any pixel changes."""
    summary: str
    class_word: str
    """What a class is called, before its number."""
    key: tuple[str, ...]
    """The first words of what is hashed; two corpora differ in them."""
    new_class: Callable[[np.uint64], Longs]
    """A module's function that returns the parameters of a class from its key."""
    draw_images: Callable[[Longs, Longs, Keys, RenderSettings, Pixels], None]
    """A module's function that fills an array (n, 3, size, size): image i from the parameters in row `rows[i]`, and
    the instance's key."""

    def class_names(self, num_classes: int) -> tuple[str, ...]:
        """Return the names of the first classes."""
        return tuple(f"{self.class_word} {index}" for index in range(num_classes))


def render(
    formula: Formula,
    classes: Longs,
    instances: Longs,
    *,
    image_size: int,
    difficulty: Difficulty,
    domain: Domain,
    num_threads: int = 1,
) -> Pixels:
    """Draw the images (n, 3, image_size, image_size) of the n classes and instances.

    More threads are faster and change no image.
    """
    check_image_size(image_size)
    assert len(classes) == len(instances)
    images = np.empty((len(classes), 3, image_size, image_size), dtype=np.uint8)
    unique, rows = np.unique(classes, return_inverse=True)
    parameters = np.stack([class_parameters(formula, int(index), domain) for index in unique])
    keys = hash_words(*formula.key, "instance", formula.version, *domain.value, classes, instances)
    settings = render_settings(difficulty)

    def draw(part: slice) -> None:
        formula.draw_images(parameters, rows[part], keys[part], settings, images[part])

    if num_threads == 1:
        draw(slice(None))
    else:
        chunk = max(1, min(CHUNK, -(-len(images) // num_threads)))  # use all threads for a small batch, too
        with ThreadPoolExecutor(num_threads) as pool:
            list(pool.map(draw, [slice(start, start + chunk) for start in range(0, len(images), chunk)]))
    return images


def render_settings(difficulty: Difficulty) -> RenderSettings:
    """Return a difficulty in the form that a renderer needs."""
    return RenderSettings(
        jitter_percent=difficulty.jitter_percent,
        shift_pixels=difficulty.shift_pixels,
        both_polarities=difficulty.polarity == "both",
        coloured=difficulty.colour == "instance",
        rotated=difficulty.rotation == "any",
    )


def class_parameters(formula: Formula, index: int, domain: Domain) -> Longs:
    """Return the parameters of one class; their shape is the renderer's."""
    return _class_parameters(formula, index, domain.value[0])


@dataclass(frozen=True)
class FormulaSource:
    """Drawn images as an image source; an id is the class times 2^32 plus the instance."""

    formula: Formula
    difficulty: Difficulty
    domain: Domain
    num_threads: int = 1
    is_formula = True

    def read(self, ids: Longs, image_size: int) -> Pixels:
        """Draw the images of the ids."""
        classes, instances = np.divmod(ids, INSTANCES)
        return render(
            self.formula,
            classes,
            instances,
            image_size=image_size,
            difficulty=self.difficulty,
            domain=self.domain,
            num_threads=self.num_threads,
        )

    read_cached = read


def open_instances(
    instances: Mapping[Domain, int],
    class_names: tuple[str, ...],
    draw: Callable[[Longs, Longs, int, Domain], Pixels],
) -> DataSet:
    """Return a data set in which each split is a domain, and each instance has one image of each class.

    Args:
        instances: domains of train, validation and test, in that order, with their numbers of instances.
        class_names: names of the classes, which alternate in the data set.
        draw: function of instances (n,), counted from 0 in their domain, classes (n,), image size and domain.
    """
    num_classes, ends = len(class_names), np.cumsum(list(instances.values()))
    starts = ends - list(instances.values())

    def read(indices: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        images = np.empty((len(indices), 3, image_size, image_size), dtype=np.uint8)
        numbers, classes = np.divmod(indices, num_classes)
        for domain, start, end in zip(instances, starts, ends, strict=True):
            if (in_domain := (start <= numbers) & (numbers < end)).any():
                images[in_domain] = draw(numbers[in_domain] - start, classes[in_domain], image_size, domain)
        return images

    pool, validation, test = np.split(np.arange(num_classes * ends[-1]), num_classes * ends[:-1])
    return DataSet(np.arange(num_classes * ends[-1]) % num_classes, pool, validation, test, class_names, read)


def check_image_size(image_size: int) -> None:
    """Refuse a size that the fixed-point numbers cannot represent."""
    if not MIN_IMAGE_SIZE <= image_size <= MAX_IMAGE_SIZE:
        raise InputError(
            f"image_size: given {image_size}; corpora are drawn at {MIN_IMAGE_SIZE} to {MAX_IMAGE_SIZE} pixels"
        )


@lru_cache(maxsize=2 * MAX_CLASSES)
def _class_parameters(formula: Formula, index: int, class_tag: int) -> Longs:
    return formula.new_class(hash_words(*formula.key, "class", formula.version, class_tag, index)[0])
