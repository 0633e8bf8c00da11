"""Tell from a target's name whether it is real, what it is about, and with which targets it shares test images."""

import re
from collections.abc import Iterable, Sequence

from bench.analysis.stats.clusters import too_few

IN_DOMAIN = ("fractals-heldout", "strokes-heldout")
"""The targets with held-out classes of a corpus that is drawn by formula."""
ARRANGEMENT = "arrangement"
"""The target that shows whether a model distinguishes positions of patches."""
SHAPES = ("shapes-heldout", "shapes-outline", "shapes-texture", "shapes-conflict")
"""The targets that show whether a model decides by outline or by texture."""

_CLUSTERS = {
    **dict.fromkeys(IN_DOMAIN, "classes"),
    ARRANGEMENT: "instances",
    "digits": "writers, if each repetition of the form in the file is one writer's",
}
"""The clusters of the built-in targets whose test images come in clusters."""


def population(target: str, sizes: Sequence[int] | None) -> str:
    """Return for which other images the test images of a target stand.

    Args:
        target: The target's name.
        sizes: The number of images of each cluster; None if they come in no clusters.
    """
    if sizes is None:
        return "other images of these classes"
    if too_few(sizes):
        return f"no other images ({len(sizes)} clusters are too few{' or too unequal' * (len(set(sizes)) > 1)})"
    return f"other {_CLUSTERS.get(base(target), 'groups')} ({len(sizes):,} clusters)"


def base(target: str) -> str:
    """Return a target's name without its number of training images: `digits` for `digits@100`.

    Slices of one target share their test images. A path may contain an @, as in `folder:/data@home/birds@50`.
    """
    return re.sub(r"@\d+\Z", "", target)


def slices(targets: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the targets in groups that share their test images."""
    groups: dict[str, list[str]] = {}
    for target in targets:
        groups.setdefault(base(target), []).append(target)
    return [tuple(same) for same in groups.values()]


def is_in_domain(target: str) -> bool:
    """Tell whether a target's images come from the generator of a corpus."""
    return base(target) in IN_DOMAIN


def is_real(target: str) -> bool:
    """Tell whether a target is neither in-domain nor purpose-made; means and claims use only real targets."""
    return base(target) not in (*IN_DOMAIN, ARRANGEMENT, *SHAPES)
