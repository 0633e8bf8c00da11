"""Size classes: which members of the families are of one size, so that a difference between them is not one of size.

Two models are of one size where the larger has at most 1.2 times the parameters of the smaller, or, by the other
measure, the multiply-accumulates. Each ViT preset names a class: models within 20 % of it. No pair is alike in both:
the literature's, ResNet-50 and ViT-S/16, differ by +16 % in parameters and by -11 % in multiply-accumulates. Imports
no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from models.presets import FAMILIES, Family

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
        """How much larger the nearest is, as a share of the model's own size."""
        return self.nearest.size / self.one.size - 1


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
    """Every model that lacks a partner of its size in one of the families that the others are of."""
    found = []
    for one in models:
        for family in FAMILIES:
            others = [other for other in models if other.family == family and family != one.family]
            nearest = min(others, key=lambda other: _ratio(one, other), default=None)
            if nearest is not None and _ratio(one, nearest) > 1 + TOLERANCE:
                found.append(Unmatched(one, nearest))
    return found


def _ratio(one: Sized, other: Sized) -> float:
    """The larger to the smaller."""
    return max(one.size, other.size) / min(one.size, other.size)
