"""Read what is known of a row's test images and of the answers to them, besides the accuracy.

Older records do not contain it. What is not known is missing here, and never taken for zero.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

COLUMNS = (
    *("constant_answer", "balanced_accuracy", "num_answers", "num_contaminated"),
    *("num_test_images", "smallest_test_class_images", "largest_test_class_images"),
)
"""The columns of the table `cells` that are read; a table of older records may lack them."""
UNEVEN = 1.5
"""The ratio of the largest to the smallest test class above which pages show the balanced accuracy."""


@dataclass(frozen=True)
class Tested:
    """What is known of the test images of one row, and of the answers of its seeds."""

    constant_answer: float = math.nan
    """The accuracy of the best constant answer."""
    test_class_ratio: float = math.nan
    """The images of the largest test class over those of the smallest."""
    balanced: Mapping[int, float] = field(default_factory=dict)
    """Seed -> balanced accuracy, the mean over its draws; empty unless it is known for every seed that finished."""
    num_single_answer: int | None = None
    """The number of seeds in which a run gives all test images the same answer."""
    num_contaminated: int | None = None
    """The number of test images that are in the pretraining subset."""
    num_test_images: int | None = None


def read_tested(cells: pd.DataFrame, seeds: Collection[int]) -> Tested:
    """Read what the cells of one row say of their test images.

    Args:
        cells: One row per seed and draw.
        seeds: The seeds that finished.
    """
    of_seed = {seed: (cells["seed"] == seed).to_numpy() for seed in seeds}
    finished = np.any(list(of_seed.values()), axis=0) if of_seed else np.zeros(len(cells), bool)
    known = {name: _numbers(cells, name) for name in COLUMNS}
    largest, smallest = (_most(known[f"{end}_test_class_images"][finished]) for end in ("largest", "smallest"))
    balanced = {seed: float(known["balanced_accuracy"][rows].mean()) for seed, rows in of_seed.items()}
    answers = [float(known["num_answers"][rows].min()) for rows in of_seed.values()]
    return Tested(
        _most(known["constant_answer"][finished]),
        largest / smallest if smallest else math.nan,
        {} if any(map(math.isnan, balanced.values())) else balanced,
        None if not answers or any(map(math.isnan, answers)) else sum(number == 1 for number in answers),
        _whole(_most(known["num_contaminated"][finished])),
        _whole(_most(known["num_test_images"][finished])),
    )


def _numbers(cells: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column as floats, NaN where a value is missing."""
    return cells[name].to_numpy("float64", na_value=np.nan) if name in cells else np.full(len(cells), np.nan)


def _most(values: np.ndarray) -> float:
    """Return the largest known value; NaN if none is known."""
    return float(np.fmax.reduce(values)) if len(values) else math.nan


def _whole(value: float) -> int | None:
    return None if math.isnan(value) else int(value)
