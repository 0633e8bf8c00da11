"""A row's accuracy and its difference to another row, from what is known of them: answers, or accuracies alone.

Where the answers of all seeds are kept, intervals are over seeds and test images (`crossed`); otherwise over seeds
alone, by Student's t. What has no interval says why.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bench.analysis.correctness import Answers, Known, read_answers
from bench.analysis.seeds import Difference, Seeds, difference, problems, read_seeds
from bench.analysis.stats.crossed import CROSSED, SEEDS, Estimate, accuracy, seeds_mean
from bench.analysis.stats.intervals import LEVEL, Interval, unknown
from bench.analysis.stats.paired import paired_difference
from bench.analysis.stats.permutation import sign_flip_test
from bench.analysis.stats.statistics_errors import ConstantError, DifferentImagesError, SingleSeedError, UnpairedError


@dataclass(frozen=True)
class Row:
    """What the seeds of one row left."""

    seeds: Seeds
    answers: Answers | None = None
    """Of the seeds that finished; None where they are not kept."""
    mixed: str = ""
    """Says so where its seeds were tested on different images."""


def read_row(cells: pd.DataFrame, expected: list[int], known: Known) -> Row:
    """What the seeds left in the cells of one row.

    Raises:
        DuplicateRowError: a seed and draw stand twice.
    """
    seeds = read_seeds(cells, expected)
    try:
        return Row(seeds, read_answers(cells, known, seeds.accuracy))
    except DifferentImagesError as error:
        return Row(seeds, mixed=str(error))


def row_interval(row: Row, level: float = LEVEL) -> tuple[Interval, str]:
    """The accuracy over the seeds that finished with its interval, and what that is over; all NaN where none did."""
    if row.answers is not None:
        try:
            return accuracy(row.answers).interval(level), CROSSED
        except (SingleSeedError, ConstantError):
            pass  # the mean stands without an interval
    found = row.seeds.interval(level)
    return found, SEEDS if found.is_known else ""


def row_difference(row: Row, reference: Row, reference_name: str, level: float = LEVEL) -> Difference:
    """How far a row lies above its reference; undecided if a seed lacks on either side, or images differ."""
    bare = difference(row.seeds, reference.seeds, reference_name, level)
    try:
        estimate = difference_estimate(row, reference, reference_name)
    except (SingleSeedError, ConstantError):
        return bare
    except (UnpairedError, DifferentImagesError) as error:
        return Difference(unknown(bare.interval.n), f"undecided: {error}")
    interval = bare.interval if estimate.method == SEEDS else estimate.interval(level)
    return replace(bare, interval=interval, method=estimate.method, p_value=_p_value(row, reference))


def difference_estimate(row: Row, reference: Row, reference_name: str) -> Estimate:
    """How far a row lies above its reference, and how well that is known.

    Raises:
        UnpairedError: a seed lacks on either side.
        DifferentImagesError: they were tested on different images.
        SingleSeedError, ConstantError: there is no interval.
    """
    if lacking := problems(row.seeds, reference.seeds, reference_name):
        raise UnpairedError(lacking)
    if mixed := row.mixed or reference.mixed:
        raise DifferentImagesError(mixed)
    if row.answers is not None and reference.answers is not None:
        return paired_difference(row.answers, reference.answers)
    return seeds_mean(list(_by_seed(row, reference).values()))


def _by_seed(row: Row, reference: Row) -> dict[int, float]:
    ours, theirs = row.seeds.accuracy, reference.seeds.accuracy
    return {seed: ours[seed] - theirs[seed] for seed in sorted(ours)}


def _p_value(row: Row, reference: Row) -> float:
    """Of the sign-flip test, whose draws are the same each time; NaN where there are too few pairs to reject."""
    try:
        found = sign_flip_test(_by_seed(row, reference), np.random.default_rng(0)).p_value
    except ConstantError:  # no seed differs, though its images do
        return 1.0
    return math.nan if found is None else found
