"""Corpora for pretraining: their order of images never changes, and a subset is the first n images.

`fractals` and `strokes` are drawn by formula. The training part of any data set of the catalogue, or of a source such
as `folder:PATH`, is a corpus too.
"""

from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.analysis.format import listed
from bench.data import identity, opening, presence, source_kinds
from bench.data.dataset import DataSet, ImageSet, Splits
from bench.data.formula import MAX_CLASSES, MAX_INSTANCES, Difficulty, Domain, Formula, FormulaSource
from bench.data.fractals.source import FRACTALS
from bench.data.named_sizes import Rung, RungName, named_rungs, num_classes_of
from bench.data.orders import Indices
from bench.data.random import sha256_of
from bench.data.shapes.shape_corpus import SHAPES
from bench.data.strokes.stroke_corpus import STROKES
from bench.data.subset import SubsetIndex, class_counts, class_order, formula_subset, new_labels, subset
from bench.errors import InputError

FORMULAS = {formula.name: formula for formula in (FRACTALS, STROKES, SHAPES)}
DEFAULT_CLASSES = 32
VALIDATION_INSTANCES = 20
"""Number of validation images per class for pretraining on drawn images."""


class CorpusRef(BaseModel):
    """A corpus by name, with its number of classes; only one that is drawn by formula has a difficulty.

    Without `classes`, real data has all classes with its own labels, and a drawn corpus the default number of classes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = FRACTALS.name
    """`fractals`, `strokes`, a name of the catalogue, or a source such as `folder:PATH`."""
    classes: int | None = Field(None, ge=2, le=MAX_CLASSES)
    difficulty: Difficulty | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Check the name; fill in the defaults of a drawn corpus, and refuse its settings for any other."""
        name, path = self.source
        if path is None:
            source_kinds.check_name("corpus", name, also=tuple(FORMULAS))
        if self.formula:
            object.__setattr__(self, "classes", self.classes or DEFAULT_CLASSES)
            object.__setattr__(self, "difficulty", self.difficulty or Difficulty())
        elif self.difficulty is not None:
            raise InputError(f'corpus: "{self.name}" takes no difficulty; only {listed(list(FORMULAS))} do')
        return self

    @property
    def formula(self) -> Formula | None:
        """The formula that draws the corpus; None for real images."""
        return FORMULAS.get(self.name)

    @property
    def source(self) -> tuple[str, str | None]:
        """A name of the catalogue and None, or a kind of source and the text behind its colon."""
        return source_kinds.parse_source(self.name)


def corpus_of(name: str, num_classes: int | None) -> CorpusRef:
    """Return a corpus by name and number of classes, at its default difficulty.

    Raises:
        InputError: the name is unknown, or no corpus has this number of classes.
    """
    try:
        return CorpusRef(name=name, classes=num_classes)
    except ValidationError as error:
        raise InputError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def corpus_size(ref: CorpusRef, data_dir: Path) -> int:
    """Return the number of images for pretraining."""
    if ref.formula:
        assert ref.classes is not None
        return ref.classes * MAX_INSTANCES
    if ref.classes is not None:
        return int(class_totals(ref, data_dir).sum())
    return opening.num_pool(*ref.source, data_dir)


def class_totals(ref: CorpusRef, data_dir: Path) -> Indices:
    """Return the number of pretraining images of each class of a real corpus, by label."""
    data, classes = _numbered(ref, data_dir)
    return np.bincount(data.labels[data.pool], minlength=len(data.class_names))[classes]


def class_names(ref: CorpusRef, data_dir: Path) -> tuple[str, ...]:
    """Return the class names of a real corpus, by label."""
    data, classes = _numbered(ref, data_dir)
    return tuple(data.class_names[index] for index in classes)


def check_present(ref: CorpusRef, data_dir: Path) -> None:
    """Refuse a corpus whose files are missing."""
    if not ref.formula:
        presence.check_present(*ref.source, data_dir)


def check_corpus(ref: CorpusRef, num_images: int, data_dir: Path) -> None:
    """Refuse a corpus whose files are missing, or that has fewer classes or images than the subset."""
    check_present(ref, data_dir)
    available = corpus_size(ref, data_dir)
    if not 1 <= num_images <= available:
        part = f", in {ref.classes:,} of its classes," if not ref.formula and ref.classes is not None else ""
        raise InputError(
            f'corpus: "{ref.name}"{part} has {available:,} images to pretrain on; the subset is {num_images:,}'
        )


def check_balance(ref: CorpusRef, num_images: int, data_dir: Path) -> None:
    """Refuse a subset of real images whose class sizes differ by more than one because a class is used up."""
    if ref.formula:
        return
    totals = class_totals(ref, data_dir)
    counts = class_counts(totals, num_images)
    smallest = int(totals.argmin())
    if np.ptp(counts) > 1:
        raise InputError(
            f'subsets: balance is strict, and {num_images:,} images of corpus "{ref.name}" are uneven: its smallest '
            f'class, "{class_names(ref, data_dir)[smallest]}", has {totals[smallest]:,}, others would give up to '
            f"{counts.max():,}; ask for at most {totals[smallest] * len(totals):,}, or for balance: natural"
        )


def resolve_rungs(ref: CorpusRef, largest: int | None, data_dir: Path) -> dict[RungName, Rung]:
    """Return the named rungs; `big` has `largest` images, or all images of its classes if that is None."""
    if ref.formula:
        assert ref.classes is not None
        assert largest is not None
        return named_rungs(largest, ref.classes)
    check_present(ref, data_dir)
    num_classes = len(class_totals(ref, data_dir))
    if largest is None:
        big = ref.model_copy(update={"classes": num_classes_of("big", num_classes)})
        largest = corpus_size(big, data_dir)
    return named_rungs(largest, num_classes)


def corpus_identity(ref: CorpusRef, data_dir: Path) -> dict[str, object]:
    """Return the part of a run's key for its corpus: everything that decides an image, but no path."""
    if ref.formula:
        return {"version": ref.formula.version, **ref.model_dump()}
    return identity.identity(*ref.source, data_dir) | ({} if ref.classes is None else {"classes": ref.classes})


def subset_index(ref: CorpusRef, num_images: int, data_dir: Path) -> SubsetIndex:
    """Return the list of the first `num_images` of a corpus, without drawing or decoding them."""
    check_corpus(ref, num_images, data_dir)
    if ref.formula:
        assert ref.classes is not None
        ids, labels = formula_subset(num_images, ref.classes)
        return SubsetIndex(ref.name, ids, labels, ref.formula.class_names(ref.classes))
    data, ids = _chosen(ref, num_images, data_dir)
    return SubsetIndex(ref.source[0], ids, data.labels[ids], data.class_names)


def load_subset(ref: CorpusRef, num_images: int, image_size: int, data_dir: Path, *, num_threads: int = 1) -> Splits:
    """Return the first `num_images` of a corpus at a size; they are decoded or drawn when used.

    More threads draw images faster and change no image.
    """
    check_corpus(ref, num_images, data_dir)
    if ref.formula:
        return _drawn_subset(ref, ref.formula, num_images, image_size, num_threads)
    source = opening.OpenData(*ref.source, data_dir)
    data, train = _chosen(ref, num_images, data_dir)

    return Splits(
        train=ImageSet(source, data.labels[train], train, image_size),
        validation=ImageSet(source, data.labels[data.validation], data.validation, image_size),
        test=None,
        class_names=data.class_names,
        flip=data.flip,
        augmentable=data.augmentable,
        subset_hash=sha256_of(ref.source[0], train),
        source_facts=data.facts(),
    )


def _chosen(ref: CorpusRef, num_images: int, data_dir: Path) -> tuple[DataSet, Indices]:
    """Return a data set with the corpus' labels, and the ids of a subset in order.

    No split contains images of classes that the corpus leaves out.
    """
    data = opening.open_data(*ref.source, data_dir)
    chosen = subset(data.labels[data.pool], num_images, ref.classes, ref.source[0])
    ids = data.pool[chosen.positions]
    if ref.classes is None:
        return data, ids
    labels = new_labels(data.labels, chosen.classes)
    names = tuple(data.class_names[index] for index in chosen.classes)
    pool, validation, test = (part[labels[part] >= 0] for part in (data.pool, data.validation, data.test))
    return replace(data, labels=labels, class_names=names, pool=pool, validation=validation, test=test), ids


def _numbered(ref: CorpusRef, data_dir: Path) -> tuple[DataSet, Indices]:
    """Return a data set, and the indices of the corpus' classes in it; refuse more classes than it has."""
    data = opening.open_data(*ref.source, data_dir)
    if ref.classes is None:
        return data, np.arange(len(data.class_names))
    classes = class_order(data.labels[data.pool], ref.source[0])
    if ref.classes > len(classes):
        raise InputError(f'corpus: "{ref.name}" has {len(classes):,} classes; asked for are {ref.classes:,}')
    return data, classes[: ref.classes]


def _drawn_subset(ref: CorpusRef, formula: Formula, num_images: int, image_size: int, num_threads: int) -> Splits:
    """Return a subset of a drawn corpus: image j has class j mod classes and instance j div classes."""
    assert ref.classes is not None
    num_classes, difficulty = ref.classes, ref.difficulty or Difficulty()

    def some(domain: Domain, count: int) -> ImageSet:
        ids, classes = formula_subset(count, num_classes)
        return ImageSet(FormulaSource(formula, difficulty, domain, num_threads), classes, ids, image_size)

    train = some(Domain.PRETRAIN, num_images)
    return Splits(
        train=train,
        validation=some(Domain.PRETRAIN_VALIDATION, num_classes * VALIDATION_INSTANCES),
        test=None,
        class_names=formula.class_names(num_classes),
        flip=False,
        augmentable=True,
        subset_hash=sha256_of(ref.name, train.ids),
    )
