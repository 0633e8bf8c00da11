"""The ablations' table: each arm's accuracy over seeds, and its paired difference to the reference arm."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from bench.analysis.columns import difference_numbers, difference_table, numbers
from bench.analysis.correctness import PackedRows, by_key
from bench.analysis.estimates import row_difference
from bench.analysis.frames import require_columns, require_unique, split
from bench.analysis.seeds import SeedResults, expected_seeds, read_seeds
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.stats.statistics_errors import UnknownReferenceError

_SETTING = ["ablation", "target", "corpus", "subset_images", "image_size", "transfer", "shots", "match"]
_ARM = ["arm", "model", "family"]
_SIZE = ["parameters", "macs", "tokens"]
_READ = [*_SETTING, *_ARM, "draw", "seed", "status", "reason", "accuracy", "notes", "transfer_key"]


def ablations(
    cells: pd.DataFrame,
    runs: pd.DataFrame,
    references: Mapping[str, str],
    answers: pd.DataFrame | None = None,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Compare the arms of each ablation with its reference arm, target by target.

    Args:
        cells: one row a cell; those with an `ablation` are read.
        runs: one row a run; the arms' parameters, multiply-accumulates and tokens are read from it.
        references: ablation -> the arm that the others are compared with.
        answers: one row a finished transfer, as for `comparison`.
        level: of the intervals.

    Returns:
        One row per ablation, target and arm, in the order of the cells. Numbers and words as in
        `comparison`; `difference` is the arm's accuracy less the reference's, paired by seed and image, and
        absent on the reference itself; `difference_p` is corrected over the table.

    Raises:
        UnknownReferenceError: an ablation has no reference, or one that is not among its arms.
        MissingColumnError, DuplicateRowError: a table is not what it should be.
    """
    require_columns(cells, _READ, "cells")
    sizes, known = _sizes(runs), by_key(answers)
    rows: list[dict[str, Any]] = []
    for (ablation,), of_ablation in split(cells[cells["ablation"] != ""], ["ablation"]):
        expected = expected_seeds(of_ablation)
        for setting, of_setting in split(of_ablation, _SETTING):
            arms = _arms(of_setting, expected, sizes, known, references.get(ablation), level)
            rows += [dict(zip(_SETTING, setting, strict=True)) | arm for arm in arms]
    return difference_table(rows, [*_SETTING, *_ARM, "is_reference", *_SIZE], "difference")


def _arms(
    cells: pd.DataFrame,
    expected: list[int],
    sizes: pd.DataFrame,
    known: PackedRows,
    reference: str | None,
    level: float,
) -> list[dict[str, Any]]:
    """The arms of one ablation in one setting."""
    groups = dict(split(cells, _ARM))
    found = {arm: read_seeds(rows, expected, known) for arm, rows in groups.items()}
    base = _reference({arm[0]: row for arm, row in found.items()}, reference, cells["ablation"].iloc[0])
    return [
        dict(zip(_ARM, arm, strict=True))
        | {"is_reference": row is base}
        | _size(groups[arm], sizes)
        | numbers(row, level)
        | _difference(row, base, str(reference), level)
        for arm, row in found.items()
    ]


def _reference(arms: dict[str, SeedResults], reference: str | None, ablation: str) -> SeedResults:
    if reference not in arms:
        raise UnknownReferenceError(
            f"ablation {ablation!r}: reference {reference!r} is not one of its arms: {', '.join(arms)}"
        )
    return arms[reference]


def _difference(row: SeedResults, base: SeedResults, reference: str, level: float) -> dict[str, Any]:
    if row is base:
        return {"difference_status": ""}
    return difference_numbers("difference", row_difference(row, base, reference, level))


def _sizes(runs: pd.DataFrame) -> pd.DataFrame:
    """Parameters, multiply-accumulates and tokens by run key."""
    require_columns(runs, ["key", *_SIZE], "runs")
    require_unique(runs, "key", "runs")
    return runs.set_index("key")[_SIZE]


def _size(cells: pd.DataFrame, sizes: pd.DataFrame) -> dict[str, Any]:
    """What the arm's runs counted; absent where none got so far as to count."""
    known = sizes.reindex(cells["transfer_key"])
    return {name: values.iloc[0] for name in _SIZE if len(values := known[name].dropna())}
