"""`small`, `medium` and `big`: the proportions of ImageNet, ImageNet-21k and JFT, scaled to a corpus.

Images are scaled so that `big` is the largest, classes so that `medium` has all of them. `big` contains `small`, since
all its classes have more images. `big` does not contain `medium`, which has more classes. `medium` contains `small`
only if the corpus has few classes, since `medium` has fewer images per class.
"""

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from bench.errors import InputError

RungName = Literal["small", "medium", "big"]
RUNG_NAMES: tuple[RungName, ...] = get_args(RungName)
PROPORTIONS: dict[RungName, tuple[int, int]] = {
    "small": (1_300_000, 1_000),
    "medium": (14_000_000, 21_000),
    "big": (300_000_000, 18_000),
}
"""Images and classes of ImageNet, ImageNet-21k and JFT, as the literature compares them."""
MIN_CLASSES = 2


class Rung(BaseModel):
    """One subset of a ladder; without a number of classes it has all classes of the corpus, with their own labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int
    classes: int | None = None


def num_classes_of(name: RungName, num_classes: int) -> int:
    """Return the number of a corpus' classes that a rung has: rounded half up, at least two."""
    return max(MIN_CLASSES, _rounded(num_classes * PROPORTIONS[name][1], PROPORTIONS["medium"][1]))


def named_rungs(largest: int, num_classes: int) -> dict[RungName, Rung]:
    """Return the three rungs for a number of images of `big`: rounded half up, with at least one image per class.

    Raises:
        InputError: this minimum makes `small` as large as `medium`, or `medium` as large as `big`.
    """
    rungs: dict[RungName, Rung] = {}
    for name in RUNG_NAMES:
        classes = num_classes_of(name, num_classes)
        images = _rounded(largest * PROPORTIONS[name][0], PROPORTIONS["big"][0])
        rungs[name] = Rung(images=max(images, classes), classes=classes)
    if not rungs["small"].images < rungs["medium"].images < rungs["big"].images:
        sizes = ", ".join(f"{name} {rung.images:,}" for name, rung in rungs.items())
        raise InputError(
            f"subsets: of {num_classes:,} classes and {largest:,} images, the named rungs need at least one image "
            f"per class, and so {sizes}; they need more images, or fewer classes"
        )
    return rungs


def _rounded(numerator: int, denominator: int) -> int:
    """Return a quotient, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)
