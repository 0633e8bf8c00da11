"""Ranks, tests and critical differences are SciPy's, scikit-posthocs' and those of Demsar's table."""

import math

import numpy as np
import pytest
import scikit_posthocs
from scipy import stats

from bench.analysis.stats.ranks import Ranking, rank
from bench.analysis.stats.statistics_errors import (
    AnalysisError,
    LevelError,
    NotFiniteError,
    ShapeError,
    SingleSeedError,
    TooFewModelsError,
)

NAMES = ("a", "b", "c", "d")
DEMSAR = {3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}
"""His table 5: critical values of Nemenyi's test at 5 %, by number of models."""


@pytest.fixture
def accuracy(rng: np.random.Generator) -> np.ndarray:
    """(8 seeds, 4 models), d best."""
    return rng.normal(size=(8, 4)) + np.array([0.0, 0.5, 2.0, 2.2])


def _p_values(ranking: Ranking, name: str) -> dict[frozenset[str], float]:
    return {frozenset((pair.first, pair.second)): getattr(pair, name) for pair in ranking.pairs}


def test_ranks_and_friedmans_test_are_scipys(accuracy: np.ndarray) -> None:
    """The best first, 1 being best."""
    found = rank(NAMES, accuracy)
    means = stats.rankdata(-accuracy, axis=1).mean(axis=0)
    assert found.names == tuple(NAMES[place] for place in np.argsort(means))
    assert found.mean_ranks == pytest.approx(np.sort(means))
    assert found.friedman == pytest.approx(stats.friedmanchisquare(*accuracy.T).pvalue)
    assert found.num_seeds == 8


def test_p_values_are_scikit_posthocs(accuracy: np.ndarray) -> None:
    """Nemenyi's after Friedman, and the signed-rank test's under Holm."""
    found = rank(NAMES, accuracy)
    nemenyi = scikit_posthocs.posthoc_nemenyi_friedman(accuracy)
    wilcoxon = scikit_posthocs.posthoc_wilcoxon(list(accuracy.T), p_adjust="holm")
    for name, theirs in (("nemenyi", nemenyi), ("wilcoxon_holm", wilcoxon)):
        for pair, p_value in _p_values(found, name).items():
            one, other = (NAMES.index(model) for model in pair)
            assert p_value == pytest.approx(theirs.iloc[one, other])


@pytest.mark.parametrize("num_models", DEMSAR)
def test_critical_differences_are_demsars(num_models: int) -> None:
    """His critical value times the root of k (k + 1) / 6 N."""
    accuracy = np.random.default_rng(0).random((14, num_models))
    found = rank([str(number) for number in range(num_models)], accuracy)
    expected = DEMSAR[num_models] * math.sqrt(num_models * (num_models + 1) / (6 * 14))
    assert found.critical_difference == pytest.approx(expected, abs=1e-3)


def test_groups_join_what_is_not_told_apart() -> None:
    """Two clear pairs are two groups; a chain has overlapping ones; a clear order has none."""
    seeds = np.arange(30)
    wobble = np.where(seeds % 2, 0.01, -0.01)
    pairs = np.stack([0.9 + wobble, 0.9 - wobble, 0.5 + wobble, 0.5 - wobble], axis=1)
    assert [set(group) for group in rank(NAMES, pairs).groups] == [{"a", "b"}, {"c", "d"}]
    order = np.tile([0.9, 0.7, 0.5, 0.3], (30, 1)) + seeds[:, None] * 1e-3
    assert rank(NAMES, order).groups == ()
    chained = rank(NAMES, order[:5]).groups
    assert chained == (("a", "b", "c"), ("b", "c", "d"))
    assert rank(NAMES, order[:5]).critical_difference == pytest.approx(2.569 * math.sqrt(20 / 30), abs=1e-3)


def test_too_few_seeds_have_pairs_and_no_p_value(accuracy: np.ndarray) -> None:
    """Of six comparisons none can be rejected below eight seeds: 6 / 2^6 is above 5 %; of three, seven are enough."""
    for seeds, models, known in ((7, 4, False), (8, 4, True), (6, 3, False), (7, 3, True)):
        pairs = rank(NAMES[:models], accuracy[:seeds, :models]).pairs
        assert {pair.wilcoxon_holm is not None for pair in pairs} == {known}
        for pair in pairs:
            one, other = (accuracy[:seeds, NAMES.index(name)] for name in (pair.first, pair.second))
            assert pair.pairs == f"{(one > other).sum()} of {seeds} pairs"


def test_models_that_tie_share_their_rank() -> None:
    """All of them in every seed: ranks are equal and nothing is told apart."""
    found = rank(NAMES[:3], np.full((3, 3), 0.5))
    assert (found.mean_ranks, found.friedman, found.groups) == ((2, 2, 2), 1, (("a", "b", "c"),))
    assert {pair.wilcoxon_holm for pair in found.pairs} == {None}


@pytest.mark.parametrize(
    ("names", "accuracy", "level", "error"),
    [
        (("a", "b"), np.ones((3, 2)), 0.95, TooFewModelsError),
        (("a", "b", "c"), np.ones((1, 3)), 0.95, SingleSeedError),
        (("a", "b", "c"), np.ones((3, 2)), 0.95, ShapeError),
        (("a", "b", "b"), np.ones((3, 3)), 0.95, ShapeError),
        (("a", "b", "c"), np.full((3, 3), math.nan), 0.95, NotFiniteError),
        (("a", "b", "c"), np.ones((3, 3)), 0.0, LevelError),
    ],
)
def test_wrong_input_is_named(
    names: tuple[str, ...], accuracy: np.ndarray, level: float, error: type[AnalysisError]
) -> None:
    """Two models, one seed, another number of models, a name twice, no number, no level."""
    with pytest.raises(error):
        rank(names, accuracy, level)
