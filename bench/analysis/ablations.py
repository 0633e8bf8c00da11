"""Compare an ablation's arms: the accuracy of each over seeds, and its paired difference to the reference arm."""

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
_SHARED = [name for name in _SETTING if name != "image_size"]
"""The setting without the image size, which a recipe may change for one family."""
_SIZE = ["parameters", "macs", "tokens"]
_READ = [*_SETTING, *_ARM, "draw", "seed", "status", "reason", "accuracy", "notes", "transfer_key"]


def ablations(
    cells: pd.DataFrame,
    runs: pd.DataFrame,
    references: Mapping[str, str],
    correctness: pd.DataFrame | None = None,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Compare the arms of each ablation with its reference arm, target by target.

    Args:
        cells: One row per cell; those with an `ablation` are read.
        runs: One row per run; the arms' parameters, multiply-accumulates and tokens are read from it.
        references: Ablation -> the arm that the others are compared with.
        correctness: One row per finished transfer, as for `comparison`.
        level: The confidence level of the intervals.

    Returns:
        One row per ablation, target and arm, in the order of the cells. The columns are those of `comparison`, except
        that `difference` replaces `gain`: the arm's accuracy less the reference's, paired by seed and image. The
        reference itself has no difference. `difference_p` is corrected over the table.

    Raises:
        UnknownReferenceError: An ablation has no reference, or one that is not among its arms.
        MissingColumnError, DuplicateRowError: A table lacks a column or holds a row twice.
    """
    require_columns(cells, _READ, "cells")
    sizes, packed = _sizes(runs), by_key(correctness)
    rows: list[dict[str, Any]] = []
    for (ablation,), of_ablation in split(cells[cells["ablation"] != ""], ["ablation"]):
        expected = expected_seeds(of_ablation)
        for setting, of_setting in split(of_ablation, _SHARED):
            arms = _arms(of_setting, expected, sizes, packed, references.get(ablation), level)
            rows += [dict(zip(_SHARED, setting, strict=True)) | arm for arm in arms]
    return difference_table(rows, [*_SETTING, *_ARM, "is_reference", *_SIZE], "difference")


def _arms(
    cells: pd.DataFrame,
    expected: list[int],
    sizes: pd.DataFrame,
    packed: PackedRows,
    reference: str | None,
    level: float,
) -> list[dict[str, Any]]:
    """Return the arms of one ablation in one setting."""
    groups = dict(split(cells, _ARM))
    results = {arm: read_seeds(rows, expected, packed) for arm, rows in groups.items()}
    base = _reference({arm[0]: row for arm, row in results.items()}, reference, cells["ablation"].iloc[0])
    return [
        dict(zip(_ARM, arm, strict=True))
        | {"is_reference": row is base, "image_size": groups[arm]["image_size"].iloc[0]}
        | _size(groups[arm], sizes)
        | numbers(row, level)
        | _difference(row, base, str(reference), level)
        for arm, row in results.items()
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
    """Return parameters, multiply-accumulates and tokens by run key."""
    require_columns(runs, ["key", *_SIZE], "runs")
    require_unique(runs, "key", "runs")
    return runs.set_index("key")[_SIZE]


def _size(cells: pd.DataFrame, sizes: pd.DataFrame) -> dict[str, Any]:
    """Return the parameters, multiply-accumulates and tokens of an arm, as far as one of its runs counted them."""
    counts = sizes.reindex(cells["transfer_key"])
    return {name: values.iloc[0] for name in _SIZE if len(values := counts[name].dropna())}
