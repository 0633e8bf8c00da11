"""Tell from their names which targets are real, and which share their test images."""

import re
from collections.abc import Iterable

IN_DOMAIN = "fractals-heldout"
"""Held-out classes that are made as the pretraining corpus is."""
ARRANGEMENT = "arrangement"
"""Made to show whether a model sees where patches stand."""


def base(target: str) -> str:
    """Return a target without the number of its training images: slices of one share their test images.

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
    """Tell whether a target's images are made as the pretraining corpus is."""
    return base(target) == IN_DOMAIN


def is_real(target: str) -> bool:
    """Tell whether a target is neither in-domain nor made for a purpose: one that means and claims may rest on."""
    return base(target) not in (IN_DOMAIN, ARRANGEMENT)
