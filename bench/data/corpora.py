"""Data to pretrain on: a class list and an order that never changes, of which a subset is the first n images.

`fractals` is drawn by formula; the training part of any data set of the catalogue, of a folder or of parquet
files is a corpus too.
"""

from pathlib import Path
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.data import catalogue, fractals
from bench.data.fractals import Difficulty, Domain, FractalSource
from bench.data.hashing import sha256_of
from bench.data.sets import ImageSet, Subset
from bench.data.subsets import balanced_order
from bench.errors import InputError

FRACTALS = "fractals"
DEFAULT_CLASSES = 32
VALIDATION_INSTANCES = 20
"""Images of each class that validate pretraining on fractals."""


class CorpusRef(BaseModel):
    """A corpus by name; classes and difficulty are settings of `fractals` alone, which has defaults for both."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = FRACTALS
    """`fractals`, a name of the catalogue, `folder:PATH` or `parquet:PATH`"""
    classes: int | None = Field(None, ge=2, le=fractals.MAX_CLASSES)
    difficulty: Difficulty | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Check the name; fill in the defaults of `fractals`, refuse its settings elsewhere."""
        name, path = self.place
        if path is None:
            catalogue.check_name("corpus", name, also=(FRACTALS,))
        if name == FRACTALS:
            object.__setattr__(self, "classes", self.classes or DEFAULT_CLASSES)
            object.__setattr__(self, "difficulty", self.difficulty or Difficulty())
        elif self.classes is not None or self.difficulty is not None:
            raise InputError(f'corpus: "{self.name}" takes no classes and no difficulty; only {FRACTALS} does')
        return self

    @property
    def place(self) -> tuple[str, str | None]:
        """The catalogue's name and None, or `folder` or `parquet` and a path."""
        return catalogue.parse_place(self.name)


def corpus_size(ref: CorpusRef, data_dir: Path) -> int:
    """Return how many images there are to pretrain on."""
    if ref.name == FRACTALS:
        assert ref.classes is not None
        return ref.classes * fractals.MAX_INSTANCES
    return catalogue.num_pool(*ref.place, data_dir)


def check_corpus(ref: CorpusRef, num_images: int, data_dir: Path) -> None:
    """Refuse a corpus whose files are missing, or that is smaller than the subset."""
    if ref.name != FRACTALS:
        catalogue.check_present(*ref.place, data_dir)
    available = corpus_size(ref, data_dir)
    if not 1 <= num_images <= available:
        raise InputError(f'corpus: "{ref.name}" has {available:,} images to pretrain on; the subset is {num_images:,}')


def corpus_identity(ref: CorpusRef, data_dir: Path) -> dict[str, object]:
    """Return what a run's key holds of its corpus: all that decides an image, never a path."""
    if ref.name == FRACTALS:
        return {"version": fractals.VERSION, **ref.model_dump()}
    return catalogue.identity(*ref.place)


def load_subset(ref: CorpusRef, num_images: int, image_size: int, data_dir: Path, *, num_threads: int = 1) -> Subset:
    """Return the first `num_images` of a corpus at a size; none is decoded or drawn yet.

    Threads draw fractals faster and change nothing.
    """
    check_corpus(ref, num_images, data_dir)
    if ref.name == FRACTALS:
        return _fractal_subset(ref, num_images, image_size, num_threads)
    name, path = ref.place
    source = catalogue.OpenData(name, path, data_dir)
    data = source.data
    train = data.pool[balanced_order(data.labels[data.pool], name, "corpus")][:num_images]
    return Subset(
        train=source.some(train, image_size),
        validation=source.some(data.validation, image_size),
        class_names=data.class_names,
        flip=data.flip,
        subset_hash=sha256_of(name, train),
    )


def _fractal_subset(ref: CorpusRef, num_images: int, image_size: int, num_threads: int) -> Subset:
    """Image j is of class j mod classes, its instance j div classes."""
    assert ref.classes is not None
    num_classes, difficulty = ref.classes, ref.difficulty or Difficulty()

    def some(domain: Domain, count: int) -> ImageSet:
        instances, classes = np.divmod(np.arange(count), num_classes)
        ids = classes * fractals.INSTANCES_AN_ID + instances
        return ImageSet(FractalSource(difficulty, domain, num_threads), classes, ids, image_size)

    train = some(Domain.PRETRAIN, num_images)
    return Subset(
        train=train,
        validation=some(Domain.PRETRAIN_VALIDATION, num_classes * VALIDATION_INSTANCES),
        class_names=tuple(f"system {index}" for index in range(num_classes)),
        flip=False,
        subset_hash=sha256_of(FRACTALS, train.ids),
    )
