"""Classes from the labels that files hold: numbers from 0 or from 1, or words."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.data.sources.assemble import number_names


def first_class(labels: Sequence[NDArray[np.integer]], num_names: int | None) -> int:
    """Return 1 if the labels of all files count the classes from 1, else 0.

    They do if the class with the highest number would otherwise have no name; or, without names, if no number from 1
    on is left out and 0 is.

    Args:
        labels: of each file.
        num_names: the number of classes that have names; None if they have none.
    """
    parts = [part for part in labels if len(part)]
    if not parts or min(int(part.min()) for part in parts) != 1:
        return 0
    highest = max(int(part.max()) for part in parts)
    if num_names is not None:
        return int(highest == num_names)
    return int(len(np.unique(np.concatenate([np.unique(part) for part in parts]))) == highest)


def names_of_numbers(labels: Sequence[NDArray[np.integer]], first: int, place: str) -> tuple[str, ...]:
    """Return numbers, from `first` on, as names of the classes that labels have."""
    return number_names(labels, place)[first:]
