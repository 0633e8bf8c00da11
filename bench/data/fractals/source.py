"""The formula-driven corpus: any number of images, without a licence or a download (Kataoka et al. 2020).

A class is an iterated function system, and an instance is a perturbation of it. An image depends only on the corpus'
version, its domain, class, instance, difficulty and size, so it has the same bytes on every machine, in any batch and
in any subset. The renderer and Numba are imported when the first image is drawn.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.data.dataset import DataSet
from bench.data.random import hash_words
from bench.data.subset import INSTANCES
from bench.errors import InputError

if TYPE_CHECKING:
    from bench.data.fractals.render import RenderSettings

VERSION = 1
"""Version of the corpus; raise it if any pixel changes."""

MAX_CLASSES = 100_000
MAX_INSTANCES = 2**31
"""Number of instances per class."""

MIN_IMAGE_SIZE, MAX_IMAGE_SIZE = 8, 511
"""Smallest and largest image size; at a larger size, products of coordinates could exceed 2^31."""
CHUNK = 1024
"""Upper limit of the images that a thread draws at once."""


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


class Difficulty(BaseModel):
    """How much the instances of a class differ. If it rises, Vision Transformers are the first models to fail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jitter_percent: int = Field(15, ge=0, le=50)
    """Largest relative change of sizes and translations, in percent; rotations change by up to this share of 1 rad."""
    shift_pixels: int = Field(1, ge=0, le=64)
    """Upper limit of the picture's shift along each axis, in pixels."""
    polarity: Literal["one", "both"] = "one"
    """`one`: bright on dark; `both`: dark on bright for half of the instances."""
    colour: Literal["none", "instance"] = "none"
    """`none`: grey; `instance`: each instance has its own colours of ink and ground."""
    rotation: Literal["none", "any"] = "none"
    """`any`: each instance is rotated by its own random angle."""


def render(
    classes: NDArray[np.int64],
    instances: NDArray[np.int64],
    *,
    image_size: int,
    difficulty: Difficulty,
    domain: Domain,
    num_threads: int = 1,
) -> NDArray[np.uint8]:
    """Draw the images (n, 3, image_size, image_size) of the n classes and instances.

    More threads are faster and change no image.
    """
    from bench.data.fractals.render import draw_images

    check_image_size(image_size)
    assert len(classes) == len(instances)
    images = np.empty((len(classes), 3, image_size, image_size), dtype=np.uint8)
    unique, rows = np.unique(classes, return_inverse=True)
    systems = _systems(unique, domain)
    keys = hash_words("instance", VERSION, *domain.value, classes, instances)
    settings = _settings(difficulty, image_size)

    def draw(part: slice) -> None:
        draw_images(systems, rows[part], keys[part], settings, images[part])

    if num_threads == 1:
        draw(slice(None))
    else:
        chunk = max(1, min(CHUNK, -(-len(images) // num_threads)))  # use all threads for a small batch, too
        with ThreadPoolExecutor(num_threads) as pool:
            list(pool.map(draw, [slice(start, start + chunk) for start in range(0, len(images), chunk)]))
    return images


@dataclass(frozen=True)
class FractalSource:
    """Fractals as an image source; an id is the class times 2^32 plus the instance."""

    difficulty: Difficulty
    domain: Domain
    num_threads: int = 1
    is_formula = True

    def read(self, ids: NDArray[np.int64], image_size: int) -> NDArray[np.uint8]:
        """Draw the images of the ids."""
        classes, instances = np.divmod(ids, INSTANCES)
        return render(
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
    draw: Callable[[NDArray[np.int64], NDArray[np.int64], int, Domain], NDArray[np.uint8]],
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
            f"image_size: given {image_size}; fractals are drawn at {MIN_IMAGE_SIZE} to {MAX_IMAGE_SIZE} pixels"
        )


def _settings(difficulty: Difficulty, image_size: int) -> "RenderSettings":
    """Return the settings in the form that the renderer needs."""
    from bench.data.fractals.render import RenderSettings, num_points

    return RenderSettings(
        points=num_points(image_size),
        jitter_percent=difficulty.jitter_percent,
        shift_pixels=difficulty.shift_pixels,
        both_polarities=difficulty.polarity == "both",
        coloured=difficulty.colour == "instance",
        rotated=difficulty.rotation == "any",
    )


def _systems(classes: NDArray[np.int64], domain: Domain) -> NDArray[np.int64]:
    """Return the parameters (classes, 4, 7) of the systems."""
    return np.stack([_system(int(index), domain.value[0]) for index in classes])


@lru_cache(maxsize=MAX_CLASSES)
def _system(index: int, class_tag: int) -> NDArray[np.int64]:
    """Return the parameters of one class."""
    from bench.data.fractals.render import accepted_system

    return accepted_system(hash_words("class", VERSION, class_tag, index)[0])
