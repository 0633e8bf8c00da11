"""Define size classes, so that models of different families are compared at equal size.

A size class is named after a ViT. It holds the models within 20 % of the ViT's parameters, or, by the other measure, of
its multiply-accumulates. No pair is equal in both: ResNet-50 differs from ViT-S/16, its partner in the literature, by
+16 % in parameters and -11 % in multiply-accumulates. Without a ViT, a CNN and a hybrid have equal size if the larger
is at most 20 % above the smaller. Imports no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from models.spec.families import FAMILIES, Family

TOLERANCE = 0.2

Measure = Literal["parameters", "macs"]


@dataclass(frozen=True)
class Sized:
    """A model with its family and its size by one measure."""

    model: str
    family: Family
    size: int
    """The number of parameters, or of multiply-accumulates per image."""


@dataclass(frozen=True)
class Unmatched:
    """A model that has no partner of equal size in another family, and the model nearest in size."""

    unpaired: Sized
    nearest: Sized

    @property
    def difference(self) -> float:
        """Return how much larger the nearest model is, as a share of the size of the ViT, or else of the smaller."""
        return _difference(self.unpaired, self.nearest)


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
    """Return every model without a partner. A ViT needs one in each other family, another model needs a ViT."""
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


def _difference(model: Sized, other: Sized) -> float:
    smaller = min(model, other, key=lambda each: each.size)
    reference = next((each for each in (model, other) if each.family == "vit"), smaller)
    return (other.size - model.size) / reference.size
