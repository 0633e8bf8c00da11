"""What a trait is: a measure of a finished run beside its accuracy, with a key and a record of its own.

A trait asks a network for an answer per image, and turns the answers into measures. The answers are kept, so that
intervals can be computed over seeds and images. Imports no torch.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.config.trait_names import TraitName
from bench.plan.run import Run, canonical_json

if TYPE_CHECKING:
    import pandas as pd

    from bench.traits.subject import Subject

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Hits:
    """The images behind a measure that is a share: those that count, and those among them that it counts."""

    ids: NDArray[np.int64]
    """(images,), ascending."""
    hit: Flags
    """(images,)."""
    counted: Flags | None = None
    """(images,); None if all count."""
    clusters: NDArray[np.int64] | None = None
    """(images,): the cluster of images that belong together, such as those of a writer; None if each is its own."""

    @property
    def share(self) -> float | None:
        """Return the share of hits among the images that count; None if none counts."""
        counted = np.ones(len(self.hit), np.bool_) if self.counted is None else self.counted
        return float((self.hit & counted).sum() / counted.sum()) if counted.any() else None


@dataclass(frozen=True, eq=False)
class Measure:
    """One number about one run."""

    name: str
    value: float | None
    """None if it is not defined for these answers."""
    num_images: int
    setting: str = ""
    """What a trait varies, such as a strength; empty if it varies nothing."""
    hits: Hits | None = None
    """The images behind a share; None if the measure is no share of images, so that intervals are over seeds alone."""


def share_of_images(name: str, hits: Hits, setting: str = "") -> Measure:
    """Return a measure that is a share of images."""
    return Measure(name, hits.share, len(hits.ids), setting, hits)


class Trait(Protocol):
    """A measure of finished runs; `bench.traits.known_traits` lists all."""

    name: TraitName
    version: int
    """Raised when answers or measures change, so that earlier records are not taken for these."""
    columns: Mapping[str, str]
    """Columns of the answers and their types, as `bench.store.stored_table.read_stored` names them."""

    def settings(self, run: Run) -> dict[str, Any]:
        """Return what the answers depend on beside the run; part of the key."""

    def why_not(self, run: Run) -> str:
        """Return why the trait is not measured on a run, in words; empty if it is."""

    def answers(self, subject: "Subject") -> "pd.DataFrame":
        """Return a network's answers, one row per image (and setting) by ascending id."""

    def measures(self, answers: "pd.DataFrame") -> list[Measure]:
        """Return the measures that follow from the answers."""


@dataclass(frozen=True)
class TraitOfRun:
    """A trait that is measured on a run."""

    trait: Trait
    run: Run

    @cached_property
    def key(self) -> str:
        """Return the first 16 hexadecimal digits of the SHA-256 of what the answers depend on."""
        return hashlib.sha256(canonical_json(self.resolved()).encode()).hexdigest()[:16]

    def resolved(self) -> dict[str, Any]:
        """Return everything that the answers depend on; the run's key stands for all that the run depends on."""
        return {
            "stage": "trait",
            "protocol": self.run.protocol,
            "trait": self.trait.name,
            "version": self.trait.version,
            "settings": self.trait.settings(self.run),
            "of": self.run.key,
        }

    def __str__(self) -> str:
        """Return the trait and the run, for messages."""
        run = self.run
        start = f" after {run.pretraining.data_name}" if run.pretraining else ""
        how = "from scratch" if run.stage == "scratch" else f"fine-tuned{start}"
        return f"{self.trait.name} of {run.model} on {run.target}, {how}, seed {run.seed} (run {run.key})"
