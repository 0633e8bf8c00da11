"""Decide which members of the families are of one size, so that a difference between them is not one of size.

A class is named after a ViT. It holds the models within 20 % of its parameters, or, by the other measure, of its
multiply-accumulates. No pair is alike in both: the literature's, ResNet-50 and ViT-S/16, differ by +16 % in parameters
and by -11 % in multiply-accumulates. Without a ViT, a CNN and a hybrid are of one size if the larger is at most 20 %
above the smaller. Imports no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from models.spec.families import FAMILIES, Family

TOLERANCE = 0.2

Measure = Literal["parameters", "macs"]


@dataclass(frozen=True)
class Sized:
    """A model's family, and its size by one measure."""

    model: str
    family: Family
    size: int


@dataclass(frozen=True)
class Unmatched:
    """A model that has no partner of its size in another family, and the nearest there is."""

    one: Sized
    nearest: Sized

    @property
    def difference(self) -> float:
        """Return how much larger the nearest is, as a share of the ViT's size, or of the smaller one without a ViT."""
        return _difference(self.one, self.nearest)


def size_class(size: int, vits: Mapping[str, int]) -> str | None:
    """Return the nearest ViT within 20 % of a size, or None if there is none.

    Args:
        size: The size of a model, by either measure.
        vits: The sizes of the ViTs, by the same measure and under the same conditions.
    """
    distances = {name: abs(size / anchor - 1) for name, anchor in vits.items() if anchor}
    nearest = min(distances, key=distances.__getitem__, default=None)
    return nearest if nearest is not None and distances[nearest] <= TOLERANCE else None


def unmatched(models: list[Sized]) -> list[Unmatched]:
    """Return every model that lacks a partner: a ViT in each family of the others, another model among the ViTs."""
    has_vit = any(model.family == "vit" for model in models)
    lacking = []
    for model in models:
        for family in FAMILIES:
            if family == model.family or (has_vit and "vit" not in (family, model.family)):
                continue
            candidates = [(abs(_difference(model, other)), other) for other in models if other.family == family]
            distance, nearest = min(candidates, key=lambda candidate: candidate[0], default=(0.0, model))
            if distance > TOLERANCE:
                lacking.append(Unmatched(model, nearest))
    return lacking


def _difference(one: Sized, other: Sized) -> float:
    smaller = min(one, other, key=lambda model: model.size)
    reference = next((model for model in (one, other) if model.family == "vit"), smaller)
    return (other.size - one.size) / reference.size
