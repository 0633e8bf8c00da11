"""Group the rows of tables by keys, and refuse a table that lacks a column or holds a run twice."""

from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Any

import pandas as pd

from bench.analysis.format import steady
from bench.analysis.stats.statistics_errors import DuplicateRowError, MissingColumnError

DIGITS, FITTED_DIGITS = 9, 6
"""Significant digits of means and intervals, and of fitted quantities, whose errors are larger than a sum's."""

Key = tuple[Any, ...]
"""The values of the columns that identify a row; a missing value is None, since NaN does not equal itself."""


def split(table: pd.DataFrame, columns: list[str]) -> Iterator[tuple[Key, pd.DataFrame]]:
    """Yield each key with its rows, in the order of the table; a missing value is a key like any other."""
    positions: dict[Key, list[int]] = {}
    for position, row in enumerate(table[columns].itertuples(index=False)):
        positions.setdefault(as_key(row), []).append(position)
    for key, of_key in positions.items():
        yield key, table.iloc[of_key]


def rounded(table: pd.DataFrame, fitted: Collection[str] = ()) -> pd.DataFrame:
    """Return a table whose numbers are rounded, since processors add in other orders and differ in the last bits.

    Args:
        table: a table that was computed.
        fitted: columns of fitted quantities and of p-values, which keep `FITTED_DIGITS`; others keep `DIGITS`.
    """
    digits = {str(name): FITTED_DIGITS if name in fitted else DIGITS for name in table.select_dtypes("float")}
    return table.assign(**{name: table[name].map(partial(steady, digits=n)) for name, n in digits.items()})


def as_key(values: Iterable[Any]) -> Key:
    """Return values as a key; NA and NaN become None."""
    return tuple(None if pd.isna(value) else value for value in values)


def require_columns(table: pd.DataFrame, columns: Iterable[str], name: str) -> None:
    """Raise MissingColumnError if a table lacks a column."""
    if missing := [column for column in columns if column not in table.columns]:
        raise MissingColumnError(f"table {name!r} lacks columns: {', '.join(missing)}")


def require_unique(table: pd.DataFrame, column: str, name: str) -> None:
    """Raise DuplicateRowError if a column of keys holds the same key twice."""
    if duplicates := sorted(table.loc[table[column].duplicated(), column]):
        raise DuplicateRowError(f"table {name!r}: run {duplicates[0]} occurs twice")
