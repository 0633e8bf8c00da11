"""Estimate the effect of a tuning's budget: the expected best validation score of k of its n trials.

The estimate is the mean of the best score over all subsets of k trials. This is the U-statistic of the expected
maximum, and so unbiased for independent draws (Tang et al. 2020, arXiv 2004.13705). The older estimate (Dodge et al.
2019, arXiv 1909.03004) draws k with replacement and is biased downwards.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import comb

from bench.analysis.frames import require_columns, split
from bench.analysis.stats.statistics_errors import EmptySampleError, NotFiniteError

_STUDY = ["stage", "family"]


def expected_best(scores: Sequence[float]) -> np.ndarray:
    """Return the expected best of 1, 2, … n trials, from the scores of n; the last is their maximum.

    Args:
        scores: One score per trial, in any order; larger is better. A failed trial has the worst possible score.

    Raises:
        EmptySampleError: There is no trial.
        NotFiniteError: A score is not a number.
    """
    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    n = len(ordered)
    if n == 0:
        raise EmptySampleError("no scores: an expected best needs at least one trial")
    if not np.isfinite(ordered).all():
        raise NotFiniteError(f"scores {ordered.tolist()}: each must be a finite number")
    # C(i - 1, k - 1) / C(n, k) of all subsets of k have the i-th smallest score as their largest.
    return np.array([comb(np.arange(n), k - 1) / comb(n, k) @ ordered for k in range(1, n + 1)])


def tuning_curves(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the expected best of each study whose trials are all done.

    Args:
        trials: One row per trial, as in `results/<suite>/tables/trials.parquet`.

    Returns:
        One row per stage, family and number of trials: `num_trials`, and `expected_best`, 0 to 1. If trials were
        pruned, the curve is of those with the whole budget alone, which are the better half of all.

    Raises:
        MissingColumnError: The table lacks a column of trials.
    """
    require_columns(trials, [*_STUDY, "status", "score", "share"], "trials")
    rows: list[tuple[Any, ...]] = []
    for study, of_study in split(trials, _STUDY):
        if (of_study["status"] == "not_run").any():
            continue
        # A score after a share of the budget is not comparable with one after all of it.
        shown = of_study[of_study["share"] == 1] if (of_study["status"] == "pruned").any() else of_study
        if len(shown):
            best = expected_best(shown["score"].tolist())
            rows += [(*study, number, score) for number, score in enumerate(best, start=1)]
    return pd.DataFrame(rows, columns=[*_STUDY, "num_trials", "expected_best"])
