"""Name and type the columns that hold a row's numbers; a table has all of them, even if values are missing."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.estimates import PairedDifference, row_interval
from bench.analysis.failed_seeds import failed_share
from bench.analysis.seeds import SeedResults
from bench.analysis.stats.crossed import mean_interval
from bench.analysis.stats.intervals import unknown
from bench.analysis.stats.multiple import holm
from bench.analysis.stats.permutation import ALPHA, pairs_needed, sign_flip_p_values

_TESTED_COUNTS = ["num_single_answer", "num_contaminated", "num_test_images"]
_BALANCED = ["balanced_accuracy", "balanced_low", "balanced_high"]
TESTED = ["constant_answer", "test_class_ratio", *_TESTED_COUNTS, *_BALANCED]
"""What is known of a row's test images and the answers to them; missing if its records do not say it."""
FAILED = ["num_failed", "failed", "failed_low", "failed_high"]
"""The columns on seeds that failed to train: their number, and their share with its exact interval."""
NUMBERS = ["num_seeds", "accuracy", "low", "high", "method", "status", "reason", "notes", "seeds", *FAILED, *TESTED]

_BY_SEED = "by_seed"
"""The key under which a row keeps the difference of each seed, from which p-values are computed."""
_COUNTS = ["subset_images", "subset_classes", "image_size", "shots", "parameters", "macs", "tokens"]
_INTEGERS = frozenset({*_COUNTS, "num_seeds", "num_failed", "num_pairs", "pairs_needed", *_TESTED_COUNTS})
_FLOATS = frozenset(
    {"accuracy", "low", "high", *FAILED[1:], "images_seen", "train_loss", "validation_loss", *TESTED}
    - {*_TESTED_COUNTS}
)


def difference_columns(name: str) -> list[str]:
    """Return the columns of a paired difference called `name`."""
    return [
        *(name, f"{name}_low", f"{name}_high", f"{name}_p"),
        "num_pairs",
        f"{name}_method",
        f"{name}_status",
        "pairs_needed",
    ]


def numbers(row: SeedResults, level: float) -> dict[str, Any]:
    """Return a row's accuracy given success, its status and notes, every seed, the failed ones, and its test images.

    The interval of the balanced accuracy is Student's t over seeds, since correctness alone does not tell classes.
    """
    interval, method = row_interval(row, level)
    of_interval = (interval.n, interval.mean, interval.low, interval.high, method)
    seeds = json.dumps([row.accuracy.get(seed) for seed in row.seeds])
    failed = failed_share(len(row.failed), len(row.outcomes), level)
    of_failed = (seeds, len(row.failed), failed.mean, failed.low, failed.high)
    of_succeeded = [value for seed, value in row.tested.balanced.items() if seed not in row.failed]
    balanced = mean_interval(of_succeeded, level) if of_succeeded else unknown(0)
    of_test = [getattr(row.tested, name) for name in TESTED if name not in _BALANCED]
    of_balanced = (balanced.mean, balanced.low, balanced.high)
    of_row = (*of_interval, row.status, row.reason, row.notes, *of_failed, *of_test, *of_balanced)
    return dict(zip(NUMBERS, of_row, strict=True))


def difference_numbers(name: str, difference: PairedDifference) -> dict[str, Any]:
    """Return a paired difference, or why it is undecided; `difference_table` adds its p-value."""
    interval = difference.interval
    of_interval = (interval.mean, interval.low, interval.high, None, interval.n)
    of_row = dict(
        zip(difference_columns(name), (*of_interval, difference.method, difference.status, None), strict=True)
    )
    return of_row | {_BY_SEED: difference.by_seed}


def difference_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], name: str) -> pd.DataFrame:
    """Return rows as a table, with the p-values of all its differences.

    The p-values are those of sign-flip tests, corrected by Holm's procedure. A difference with too few pairs for its
    test to reject has no p-value, but still counts in the correction.

    Args:
        rows: Column -> value, including those of `numbers` and `difference_numbers`.
        columns: The columns before these numbers.
        name: The name of the difference.
    """
    table = pd.DataFrame(rows, columns=[*columns, *NUMBERS, *difference_columns(name)])
    compared = table[name].notna()
    if compared.any():
        needed = pairs_needed(ALPHA / int(compared.sum()))
        by_seed = [list(row[_BY_SEED].values()) for row, is_compared in zip(rows, compared, strict=True) if is_compared]
        p_values = pd.Series(holm(_p_values(by_seed, needed)), table.index[compared], dtype="float64")
        table = table.assign(**{f"{name}_p": p_values, "pairs_needed": compared.map({True: needed, False: None})})
    return with_types(table, name)


def _p_values(differences: Sequence[Sequence[float]], needed: int) -> list[float | None]:
    """Return the p-value of each difference; those with equally many pairs share one enumeration of the signs."""
    p_values: list[float | None] = [None] * len(differences)
    for num_pairs in {len(by_seed) for by_seed in differences if len(by_seed) >= needed}:
        same = [number for number, by_seed in enumerate(differences) if len(by_seed) == num_pairs]
        tested = sign_flip_p_values(np.array([differences[number] for number in same]).T)
        for number, p_value in zip(same, tested.tolist(), strict=True):
            p_values[number] = p_value
    return p_values


def with_types(table: pd.DataFrame, difference: str = "difference") -> pd.DataFrame:
    """Return the table with a fixed type for every column, so that the same rows give the same bytes."""
    floats = _FLOATS | set(difference_columns(difference)[:4])
    kinds = dict.fromkeys(_INTEGERS, "Int64") | dict.fromkeys(floats, "float64") | {"is_reference": "bool"}
    typed = table.astype({column: kinds.get(column, "str") for column in table.columns})
    if (method := f"{difference}_method") in typed:
        typed[method] = typed[method].fillna("")
    return typed
