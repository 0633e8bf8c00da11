"""Which targets are real, and which images they share, read from their names."""

import re
from collections.abc import Iterable

IN_DOMAIN = "fractals-heldout"
"""Held-out classes of the pretraining corpus' own making."""
ARRANGEMENT = "arrangement"
"""Made to tell whether a model sees where patches stand."""


def base(target: str) -> str:
    """A target without the number of its training images: slices of one share their test images.

    `digits` of `digits@100`; a path may hold an @ of its own, as in `folder:/data@home/birds@50`.
    """
    return re.sub(r"@\d+\Z", "", target)


def slices(targets: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the targets in groups that share their test images."""
    groups: dict[str, list[str]] = {}
    for target in targets:
        groups.setdefault(base(target), []).append(target)
    return [tuple(same) for same in groups.values()]


def is_in_domain(target: str) -> bool:
    """Whether a target's images come from the pretraining corpus' own making."""
    return base(target) == IN_DOMAIN


def is_real(target: str) -> bool:
    """Whether a target is neither in-domain nor made to a purpose: one that means and claims may rest on."""
    return base(target) not in (IN_DOMAIN, ARRANGEMENT)
