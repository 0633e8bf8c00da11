"""How a row's numbers stand in a table: the columns' names and types, the same whatever is missing."""

from typing import Any

import pandas as pd

from bench.analysis.estimates import Row, row_interval
from bench.analysis.seeds import Difference
from bench.analysis.stats.multiple import holm
from bench.analysis.stats.permutation import ALPHA, pairs_needed

NUMBERS = ["num_seeds", "accuracy", "low", "high", "method", "status", "reason", "notes"]

_COUNTS = ["subset_images", "subset_classes", "image_size", "shots", "parameters", "macs", "tokens"]
_INTEGERS = frozenset({*_COUNTS, "num_seeds", "num_pairs", "pairs_needed"})
_FLOATS = frozenset({"accuracy", "low", "high", "images_seen", "train_loss", "validation_loss"})


def difference_columns(name: str) -> list[str]:
    """Columns of a paired difference called `name`."""
    numbers = [name, f"{name}_low", f"{name}_high", f"{name}_p"]
    return [*numbers, "num_pairs", f"{name}_method", f"{name}_status", "pairs_needed"]


def numbers(row: Row, level: float) -> dict[str, Any]:
    """A row's accuracy over the seeds that finished, what became of the others, and what their runs noted."""
    interval, method = row_interval(row, level)
    of_interval = (interval.n, interval.mean, interval.low, interval.high, method)
    return dict(zip(NUMBERS, (*of_interval, row.seeds.status, row.seeds.reason, row.seeds.notes), strict=True))


def difference_numbers(name: str, difference: Difference) -> dict[str, Any]:
    """A paired difference, or why it is undecided; how many pairs a test needs is the whole table's to say."""
    interval = difference.interval
    of_interval = (interval.mean, interval.low, interval.high, difference.p_value, interval.n)
    return dict(zip(difference_columns(name), (*of_interval, difference.method, difference.status, None), strict=True))


def with_holm(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The same with its p-values corrected for the number of differences in the table, by Holm's procedure.

    Differences with fewer pairs than a test of so many needs to ever reject count, and have no p-value afterwards.
    """
    column = f"{name}_p"
    compared = table[name].notna()
    if not compared.any():
        return table
    needed = pairs_needed(ALPHA / int(compared.sum()))
    told = table.loc[compared, [column, "num_pairs"]].itertuples(index=False)
    p_values = [None if pd.isna(p) or pairs < needed else float(p) for p, pairs in told]
    adjusted = pd.Series(holm(p_values), index=table.index[compared], dtype="float64").reindex(table.index)
    return table.assign(**{column: adjusted, "pairs_needed": compared.map({True: needed, False: None})})


def with_types(table: pd.DataFrame, difference: str = "difference") -> pd.DataFrame:
    """Give every column its type, so that the same rows give the same bytes."""
    floats = _FLOATS | set(difference_columns(difference)[:4])
    kinds = dict.fromkeys(_INTEGERS, "Int64") | dict.fromkeys(floats, "float64") | {"is_reference": "bool"}
    typed = table.astype({column: kinds.get(column, "str") for column in table.columns})
    if (method := f"{difference}_method") in typed:
        typed[method] = typed[method].fillna("")
    return typed
