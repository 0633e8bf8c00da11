"""The expected best of k trials: against all subsets, without bias, and what is refused."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.stats.statistics_errors import EmptySampleError, MissingColumnError, NotFiniteError
from bench.analysis.tuning import expected_best, tuning_curves

SCORES = st.lists(st.floats(0, 1, allow_nan=False), min_size=1, max_size=8)


@given(SCORES)
def test_it_is_the_mean_of_the_best_over_all_subsets(scores):
    found = expected_best(scores)
    for k in range(1, len(scores) + 1):
        best = [max(subset) for subset in itertools.combinations(scores, k)]
        assert found[k - 1] == pytest.approx(np.mean(best), abs=1e-12)


@given(SCORES)
def test_it_rises_from_the_mean_to_the_maximum(scores):
    found = expected_best(scores)
    assert found[0] == pytest.approx(np.mean(scores), abs=1e-12)
    assert found[-1] == pytest.approx(max(scores), abs=1e-12)
    assert (np.diff(found) >= -1e-12).all()


def test_many_trials_keep_their_precision():
    found = expected_best(np.linspace(0, 1, 500))
    assert found[249] == pytest.approx((250 * 501 / 251 - 1) / 499, abs=1e-9)  # the largest of 250 among 1, …, 500
    assert found[-1] == pytest.approx(1, abs=1e-12)


@pytest.mark.slow
def test_it_is_unbiased_where_draws_with_replacement_are_not():
    """Of uniform scores the best of k is k / (k + 1) on average; 4,000 tunings of 8 trials."""
    rng = np.random.default_rng(7)
    tunings = np.sort(rng.random((4000, 8)), axis=1)
    true = np.arange(1, 9) / np.arange(2, 10)
    ours = np.array([expected_best(scores) for scores in tunings])
    cumulative = np.arange(1, 9) / 8
    with_replacement = np.array([tunings @ np.diff(cumulative**k, prepend=0) for k in range(1, 9)]).T
    standard_error = ours.std(axis=0) / np.sqrt(len(ours))
    assert (np.abs(ours.mean(axis=0) - true) < 4 * standard_error).all()
    assert ((true - with_replacement.mean(axis=0))[2:] > 10 * standard_error[2:]).all()


def test_no_score_and_no_number_are_refused():
    with pytest.raises(EmptySampleError, match="at least one trial"):
        expected_best([])
    with pytest.raises(NotFiniteError, match="nan"):
        expected_best([0.5, float("nan")])


def test_each_study_has_a_curve_of_its_own_once_all_its_trials_are_done():
    trials = pd.DataFrame(
        [
            ("pretrain", "vit", "ok", 0.5, 1.0),
            ("pretrain", "vit", "diverged", 0.0, 0.25),
            ("pretrain", "vit", "ok", 0.25, 1.0),
            ("pretrain", "cnn", "ok", 0.75, 1.0),
            ("transfer", "cnn", "ok", 0.5, 1.0),
            ("transfer", "cnn", "not_run", np.nan, np.nan),
        ],
        columns=["stage", "family", "status", "score", "share"],
    )
    curves = tuning_curves(trials)
    assert curves.columns.tolist() == ["stage", "family", "num_trials", "expected_best"]
    assert curves["family"].tolist() == ["vit"] * 3 + ["cnn"]
    assert curves["num_trials"].tolist() == [1, 2, 3, 1]
    assert curves["expected_best"].tolist() == pytest.approx([0.25, (0.5 + 0.5 + 0.25) / 3, 0.5, 0.75])
    with pytest.raises(MissingColumnError, match="trials"):
        tuning_curves(trials.drop(columns="score"))


def test_a_curve_of_pruned_trials_is_of_those_with_the_whole_budget():
    """Scores of shares of the budget are lower; where all of the others failed, there is no curve."""
    ended = (("ok", 0.9, 1.0), ("diverged", 0.0, 1.0), ("diverged", 0.0, 0.25), ("pruned", 0.1, 0.25))
    trials = pd.DataFrame(
        [("pretrain", "vit", *one) for one in ended] + [("pretrain", "cnn", *one) for one in ended[2:]],
        columns=["stage", "family", "status", "score", "share"],
    )
    curves = tuning_curves(trials)
    assert curves["family"].tolist() == ["vit"] * 2
    assert curves["expected_best"].tolist() == pytest.approx([0.45, 0.9])
