"""Compare the ladder's rows: the accuracy of each model, subset and target, and its gain over from scratch."""

from typing import Any

import pandas as pd

from bench.analysis.columns import difference_numbers, difference_table, numbers
from bench.analysis.corpus_names import SCRATCH as SCRATCH
from bench.analysis.correctness import by_key
from bench.analysis.estimates import row_difference
from bench.analysis.frames import Key, require_columns, split
from bench.analysis.seeds import SEED_COLUMNS, SeedResults, expected_seeds, planned_seeds, read_seeds
from bench.analysis.stats.intervals import LEVEL

FINE_TUNE = "fine-tune"
"""The transfer that trains a network; any other is a probe."""
AS_IT_IS = "none"
"""The transfer that evaluates external weights without training, for the suite's first seed alone."""
NO_BASELINE = "no baseline: a probe trains no network, so there is none from scratch"

_PRETRAINING = ["model", "family", "corpus", "subset_images", "subset_classes"]
_TRANSFER = ["target", "image_size", "transfer", "shots", "match", "pretrain_recipe", "transfer_recipe"]
ROW = [*_PRETRAINING, *_TRANSFER]
"""What identifies a row of the comparison."""
_KIND = ROW.index("transfer")
_BASELINE = ["model", "target", "transfer", "shots", "match"]
"""The columns in which a row and its from-scratch row agree; a recipe may change the image size of its stage."""


def comparison(cells: pd.DataFrame, correctness: pd.DataFrame | None = None, level: float = LEVEL) -> pd.DataFrame:
    """Compare the ladder's rows over seeds; ablation arms are left to `ablations`.

    Args:
        cells: One row per cell, as in `results/<suite>/tables/cells.parquet`.
        correctness: One row per finished transfer, as in `correctness.parquet` in the same folder. A row without it has
            intervals over seeds alone.
        level: The confidence level of the intervals.

    Returns:
        One row per model, subset, target and way of transfer, from scratch first, then subsets by size.

        - `num_seeds`, `accuracy`, `low`, `high`: over the seeds that finished and did not fail to train, 0 to 1.
        - `seeds`: the accuracy of every seed in ascending order, failed ones included: a JSON list with null for none.
        - `num_failed`, `failed`, `failed_low`, `failed_high`: the seeds that failed to train, and their share among the
          seeds with an outcome, with its exact interval.
        - `method`: what the interval is over, `seeds and images` or `seeds`.
        - `status`: `complete`, or which seeds failed to train or have no outcome; `reason`: why.
        - `notes`: the notes of the runs behind the row.
        - `constant_answer`: the accuracy of the best constant answer. `test_class_ratio`: the images of the largest
          test class over those of the smallest. `num_single_answer`: the seeds in which a run gives one answer to all
          test images. `num_contaminated`, `num_test_images`: the test images in the pretraining subset, and all.
        - `balanced_accuracy`, `balanced_low`, `balanced_high`: the mean of the classes' accuracies, with Student's
          interval over seeds.
        - `gain`, `gain_low`, `gain_high`, `gain_method`, `num_pairs`: the gain over the from-scratch row of the same
          model and target, paired by seed and image, over the seeds that both rows should have.
        - `gain_p`: the p-value of a sign-flip test, corrected over the table. It is missing below `pairs_needed`, which
          grows with the number of gains.
        - `gain_status`: `complete`; `given success: …` if seeds failed to train and do not object; `undecided: …` if
          they do, or without a gain or its interval. It is empty on the from-scratch row itself, and `no baseline: …`
          on a probe's row, which has no gain.

    Raises:
        MissingColumnError, DuplicateRowError: A table lacks a column or holds a row twice.
    """
    require_columns(cells, [*ROW, "ablation", *SEED_COLUMNS], "cells")
    ladder = cells[cells["ablation"] == ""]
    expected, packed = expected_seeds(ladder), by_key(correctness)
    from_scratch = planned_seeds(ladder[ladder["corpus"] == SCRATCH], expected)
    results = {
        key: read_seeds(rows, seeds_of_row(key, rows, expected, from_scratch), packed)
        for key, rows in split(ladder, ROW)
    }
    scratch = {_baseline(key): row for key, row in results.items() if _is_scratch(key)}
    rows = [
        dict(zip(ROW, key, strict=True)) | numbers(row, level) | _gain(key, row, scratch, level)
        for key, row in results.items()
    ]
    order = ["model", "corpus", "subset_images", "target", *_TRANSFER[1:]]
    return difference_table(rows, ROW, "gain").sort_values(order, key=_sort_key, ignore_index=True)


def seeds_of_row(key: Key, rows: pd.DataFrame, expected: list[int], from_scratch: list[int]) -> list[int]:
    """Return the seeds that a row must have; a suite trains from scratch with all or with the first of its seeds."""
    if key[_KIND] == AS_IT_IS:
        return expected_seeds(rows)
    return from_scratch if _is_scratch(key) else expected


def _gain(key: Key, row: SeedResults, scratch: dict[Key, SeedResults], level: float) -> dict[str, Any]:
    if _is_scratch(key):
        return {"gain_status": ""}
    if key[_KIND] != FINE_TUNE:
        return {"gain_status": NO_BASELINE}
    if _baseline(key) not in scratch:
        return {"gain_status": "undecided: no from-scratch row"}
    return difference_numbers("gain", row_difference(row, scratch[_baseline(key)], "from scratch", level))


def _baseline(key: Key) -> Key:
    return tuple(value for column, value in zip(ROW, key, strict=True) if column in _BASELINE)


def _is_scratch(key: Key) -> bool:
    return bool(key[ROW.index("corpus")] == SCRATCH)


def _sort_key(column: pd.Series) -> pd.Series:
    """Return the sort keys of a column: sizes by size, names by first appearance, from scratch before any corpus."""
    if column.name == "subset_images":
        return column
    codes, _ = pd.factorize(column, use_na_sentinel=False)
    return pd.Series(codes, index=column.index).where(column.ne(SCRATCH).fillna(True), -1)
