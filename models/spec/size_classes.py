"""Size classes: which members of the families are of one size, so that a difference between them is not one of size.

A class is named after a ViT: models within 20 % of its parameters, or, by the other measure, of its
multiply-accumulates. No pair is alike in both: the literature's, ResNet-50 and ViT-S/16, differ by +16 % in parameters
and by -11 % in multiply-accumulates. Where there is no ViT, a CNN and a hybrid are of one size where the larger is at
most 20 % above the smaller. Imports no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from models.spec.presets import FAMILIES, Family

TOLERANCE = 0.2

Measure = Literal["parameters", "macs"]


@dataclass(frozen=True)
class Sized:
    """A model's family and its size by one measure."""

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
        """How much larger the nearest is, as a share of the ViT's size, or of the smaller where neither is one."""
        return _difference(self.one, self.nearest)


def size_class(size: int, vits: Mapping[str, int]) -> str | None:
    """The ViT within 20 % of whose size this is, the nearest if there are several; None where there is none.

    Args:
        size: by either measure.
        vits: the sizes of the ViTs, by the same measure and under the same conditions.
    """
    near = {name: abs(size / anchor - 1) for name, anchor in vits.items() if anchor}
    within = {name: distance for name, distance in near.items() if distance <= TOLERANCE}
    return min(within, key=within.__getitem__) if within else None


def unmatched(models: list[Sized]) -> list[Unmatched]:
    """Every model that lacks a partner of its size: a ViT in each family of the others, another in the ViTs."""
    has_vit = any(model.family == "vit" for model in models)
    found = []
    for one in models:
        for family in FAMILIES:
            if family == one.family or (has_vit and "vit" not in (family, one.family)):
                continue
            others = [other for other in models if other.family == family]
            nearest = min(others, key=lambda other: abs(_difference(one, other)), default=None)
            if nearest is not None and abs(_difference(one, nearest)) > TOLERANCE:
                found.append(Unmatched(one, nearest))
    return found


def _difference(one: Sized, other: Sized) -> float:
    smaller = min(one, other, key=lambda model: model.size)
    reference = next((model for model in (one, other) if model.family == "vit"), smaller)
    return (other.size - one.size) / reference.size
