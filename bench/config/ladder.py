"""The ladder of a suite file: a corpus and its nested subsets. Imports no torch."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from bench.config.validation import Strict, distinct
from bench.data.corpus import CorpusRef, check_balance, check_corpus, corpus_identity, resolve_rungs
from bench.data.named_sizes import RUNG_NAMES, Rung, RungName
from bench.errors import InputError
from bench.training.settings import NUMBER

_Positive = Annotated[int, NUMBER, Field(gt=0, le=10**12)]


def _kind_of_subset(value: Any) -> str:
    return "name" if isinstance(value, str) and not value.isdecimal() else "images"


Subset = Annotated[
    Annotated[_Positive, Tag("images")] | Annotated[RungName, Tag("name")], Discriminator(_kind_of_subset)
]
"""A subset's number of images, or its name: `small`, `medium` or `big`."""


class Ladder(Strict):
    """A corpus and the sizes of its nested subsets, in images or by name."""

    corpus: CorpusRef
    subsets: tuple[Subset, ...]
    balance: Literal["natural", "strict"] = "natural"
    """`strict` refuses a subset in which a class runs out of images before others; `natural` allows it."""
    largest: _Positive | None = None
    """Number of images of the rung `big`; by default all images of its classes."""

    @field_validator("corpus", mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("subsets")
    @classmethod
    def _grid(cls, value: tuple[int | RungName, ...]) -> tuple[int | RungName, ...]:
        """Sort the numbers by size, and the names after them."""
        return distinct(tuple(sorted(value, key=_order_of_subset)))

    @model_validator(mode="after")
    def _named_rungs_have_a_size(self) -> "Ladder":
        if self.largest is not None and not self.names:
            raise ValueError(f"largest is the size of the rung big; add some of {', '.join(RUNG_NAMES)} to subsets")
        if self.largest is None and self.names and self.corpus.formula:
            raise ValueError(
                f"subsets: {', '.join(self.names)} are proportions, and the number of {self.corpus.name} is unlimited; "
                "add `largest: N`, the number of images of big"
            )
        return self

    @property
    def names(self) -> tuple[RungName, ...]:
        """Subsets that are given by name."""
        return tuple(subset for subset in self.subsets if not isinstance(subset, int))


class ResolvedLadder(Ladder):
    """A ladder with the identity of its corpus, which has no paths, and the sizes of its named rungs."""

    identity: dict[str, Any]
    named: dict[RungName, Rung]

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """All subsets, smallest first."""
        return tuple(sorted(map(self.rung, self.subsets), key=lambda rung: rung.images))

    def rung(self, subset: int | RungName) -> Rung:
        """Return a subset's images and classes; a number of images has the corpus' classes."""
        if isinstance(subset, int):
            return Rung(images=subset, classes=self.corpus.classes)
        return self.named[subset]

    def corpus_of(self, rung: Rung) -> CorpusRef:
        """Return the corpus with a rung's classes."""
        return self.corpus.model_copy(update={"classes": rung.classes})

    def identity_of(self, rung: Rung) -> dict[str, Any]:
        """Return the corpus' part of a run's key; it has `classes` only if the suite limits them or names the rung."""
        return self.identity | ({} if rung.classes is None else {"classes": rung.classes})


def resolve_ladder(ladder: Ladder, data_dir: Path) -> ResolvedLadder:
    """Return a ladder with the identity of its corpus and the sizes of its rungs.

    Raises:
        InputError: the corpus' files are missing; or a subset is larger than the corpus, has fewer images than
            classes, is the same as another subset, or is uneven although `balance` is `strict`.
    """
    rungs = resolve_rungs(ladder.corpus, ladder.largest, data_dir) if ladder.names else {}
    named = {name: rungs[name] for name in ladder.names}
    resolved = ResolvedLadder(**dict(ladder), identity=corpus_identity(ladder.corpus, data_dir), named=named)
    for subset in resolved.subsets:
        _check_rung(resolved, resolved.rung(subset), data_dir)
    given = {resolved.rung(subset): subset for subset in resolved.subsets}
    for subset in resolved.subsets:
        if (other := given[resolved.rung(subset)]) != subset:
            raise InputError(f"subsets: {subset} and {other} are the same subset of {ladder.corpus.name}; keep one")
    return resolved


def _check_rung(ladder: ResolvedLadder, rung: Rung, data_dir: Path) -> None:
    """Refuse a subset that is too large for its corpus, too small for its classes, or too uneven."""
    corpus = ladder.corpus_of(rung)
    check_corpus(corpus, rung.images, data_dir)
    if rung.classes is not None and rung.images < rung.classes:
        raise InputError(
            f"subsets: {rung.images:,} images of corpus {corpus.name!r}, "
            f"which has {rung.classes:,} classes; a subset needs at least one image per class"
        )
    if ladder.balance == "strict":
        check_balance(corpus, rung.images, data_dir)


def _order_of_subset(subset: int | RungName) -> tuple[int, int]:
    return (0, subset) if isinstance(subset, int) else (1, RUNG_NAMES.index(subset))
