"""Build the tables of ladders: ratios of pretraining images, and predictions of the largest rung."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from bench.analysis.ladder.data_ratios import data_ratio
from bench.analysis.ladder.extrapolation import predict_largest
from bench.analysis.ladder.rungs import LadderResults, ladders, with_means
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.scaling import FEWEST_RUNGS

_SETTING = {
    "corpus": "str",
    "subset_classes": "Int64",
    "targets": "str",
    "image_size": "Int64",
    "transfer": "str",
    "shots": "Int64",
}
DATA_RATIO_TYPES = {
    **_SETTING,
    **dict.fromkeys(["first", "first_family", "second", "second_family"], "str"),
    **dict.fromkeys(["smallest_images", "largest_images"], "Int64"),
    **dict.fromkeys(["ratio", "low", "high", "reach"], "float64"),
    "num_pairs": "Int64",
    **dict.fromkeys(["method", "reason"], "str"),
}
"""Column of `data_ratios` -> its type."""
EXTRAPOLATION_TYPES = {
    **_SETTING,
    **dict.fromkeys(["model", "family"], "str"),
    **dict.fromkeys(["smallest_images", "fitted_images", "images"], "Int64"),
    **dict.fromkeys(["predicted", "low", "high", "measured"], "float64"),
    "is_held": "boolean",
    "num_seeds": "Int64",
    **dict.fromkeys(["method", "reason"], "str"),
}
"""Column of `extrapolations` -> its type."""


def ladder_tables(cells: pd.DataFrame, correctness: pd.DataFrame | None = None) -> dict[str, pd.DataFrame]:
    """Return `data_ratios` and `extrapolations`, each only if it has a row.

    Args:
        cells: One row per cell, as in `results/<suite>/tables/cells.parquet`.
        correctness: The table `correctness`, if it is kept.

    Raises:
        MissingColumnError, DuplicateRowError: A table lacks a column or holds a row twice.
    """
    found = with_means(ladders(cells, correctness))
    rows = {
        "data_ratios": ([row for ladder in found for row in _data_ratios(ladder)], DATA_RATIO_TYPES),
        "extrapolations": ([row for ladder in found for row in _extrapolations(ladder)], EXTRAPOLATION_TYPES),
    }
    return {
        name: pd.DataFrame(of_table, columns=list(types)).astype(types)
        for name, (of_table, types) in rows.items()
        if of_table
    }


def _data_ratios(ladder: LadderResults) -> Iterator[dict[str, Any]]:
    """Yield a row per pair of models of different families; nothing for a ladder of one rung."""
    for first, second in ladder.rivals if len(ladder.sizes) > 1 else ():
        found = data_ratio(ladder.sizes, first, second)
        yield _setting(ladder) | {
            "first": first.model,
            "first_family": first.family,
            "second": second.model,
            "second_family": second.family,
            "largest_images": ladder.sizes[-1],
            **(_numbers("ratio", "num_pairs", found.ratio) if found.ratio else {}),
            "reach": found.reach,
            "reason": found.reason,
        }


def _extrapolations(ladder: LadderResults) -> Iterator[dict[str, Any]]:
    """Yield a row per model of a ladder of five rungs or more."""
    for model in ladder.models if len(ladder.sizes) >= FEWEST_RUNGS else ():
        facts: dict[str, Any] = {"model": model.model, "family": model.family}
        facts |= {"fitted_images": ladder.sizes[-2], "images": ladder.sizes[-1]}
        found = None if model.problem else predict_largest(ladder.sizes, model.parts)
        if found is None:
            yield _setting(ladder) | facts | {"reason": model.problem}
            continue
        yield (
            _setting(ladder)
            | facts
            | {
                **(_numbers("predicted", "num_seeds", found.predicted) if found.predicted else {}),
                "measured": found.measured,
                "is_held": found.is_held,
                "reason": found.reason,
            }
        )


def _setting(ladder: LadderResults) -> dict[str, Any]:
    setting = {name: getattr(ladder, name) for name in _SETTING if name != "targets"}
    smallest = {"smallest_images": ladder.sizes[0], "method": ladder.method}
    return setting | {"targets": ", ".join(ladder.targets)} | smallest


def _numbers(name: str, counted: str, interval: Interval) -> dict[str, float]:
    """Return an estimate, its interval and the number of its seeds."""
    return {name: interval.mean, "low": interval.low, "high": interval.high, counted: interval.n}
