"""Rank several models over seeds, and test which of them differ, as for a critical-difference diagram.

Demsar, Statistical comparisons of classifiers over multiple data sets (2006): Friedman's test, then Nemenyi's critical
difference of mean ranks. In addition, Wilcoxon's signed-rank test of each pair with Holm's correction, which does not
depend on the other models (Benavoli et al. 2016). The blocks are the seeds: the targets of a seed share its
pretraining, so their accuracies are averaged within it. With too few seeds for a test to reject, there is no p-value.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from bench.analysis.stats.intervals import LEVEL, require_level
from bench.analysis.stats.multiple import holm
from bench.analysis.stats.statistics_errors import NotFiniteError, ShapeError, SingleSeedError, TooFewModelsError


@dataclass(frozen=True)
class RankPair:
    """Two models; the first has the better mean rank."""

    first: str
    second: str
    rank_difference: float
    """The second model's mean rank less the first's; at least zero."""
    num_ahead: int
    """The number of seeds in which the first model is ahead."""
    num_seeds: int
    nemenyi: float
    """The p-value of Nemenyi's test, corrected over all pairs."""
    wilcoxon_holm: float | None
    """The p-value of the signed-rank test after Holm's correction; None if too few seeds differ for it to reject."""

    @property
    def pairs(self) -> str:
        """Return the seeds in which the first model is ahead, in words: `5 of 5 pairs`."""
        return f"{self.num_ahead} of {self.num_seeds} pairs"


@dataclass(frozen=True)
class Ranking:
    """Models by mean rank over seeds; 1 is best."""

    names: tuple[str, ...]
    """The models, the best first."""
    mean_ranks: tuple[float, ...]
    num_seeds: int
    friedman: float
    """The p-value of Friedman's test that all models are equal, from its chi-squared approximation."""
    critical_difference: float
    """The smallest significant difference of mean ranks."""
    groups: tuple[tuple[str, ...], ...]
    """The largest sets of two or more neighbours that do not differ significantly; a diagram joins each by a bar."""
    pairs: tuple[RankPair, ...]


def rank(names: Sequence[str], accuracy: np.ndarray, level: float = LEVEL) -> Ranking:
    """Rank models within each seed.

    Args:
        names: The names of the models, each once.
        accuracy: (seeds, models), averaged over the targets of a seed; equal accuracies share their mean rank.
        level: The confidence level of the critical difference.

    Raises:
        TooFewModelsError: There are fewer than three models; two are compared by their paired difference.
        SingleSeedError: There is only one seed.
        ShapeError, NotFiniteError: The accuracies do not match the names, or a value is not finite.
        LevelError: The level is not between 0 and 1.
    """
    _check(names, accuracy, level)
    ranks = stats.rankdata(-accuracy, axis=1)
    order = np.argsort(ranks.mean(axis=0), kind="stable")
    ordered, means = [names[place] for place in order], ranks.mean(axis=0)[order]
    critical = _studentized_quantile(len(names), level) * math.sqrt(len(names) * (len(names) + 1) / (12 * len(ranks)))
    return Ranking(
        names=tuple(ordered),
        mean_ranks=tuple(means.tolist()),
        num_seeds=len(ranks),
        friedman=_friedman(accuracy),
        critical_difference=critical,
        groups=tuple(tuple(ordered[start:end]) for start, end in _stretches(means, critical)),
        pairs=_pairs(ordered, accuracy[:, order], means, level),
    )


def _check(names: Sequence[str], accuracy: np.ndarray, level: float) -> None:
    if accuracy.ndim != 2 or accuracy.shape[1] != len(names) or len(set(names)) < len(names):
        raise ShapeError(f"accuracies of shape {accuracy.shape} of {', '.join(names)}; expected (seeds, models)")
    if len(names) < 3:
        raise TooFewModelsError(f"{len(names)} models; a ranking needs three or more")
    if len(accuracy) < 2:
        raise SingleSeedError("one seed shows no spread; ranks over seeds need two")
    if not np.isfinite(accuracy).all():
        raise NotFiniteError("an accuracy is not a finite number")
    require_level(level)


def _friedman(accuracy: np.ndarray) -> float:
    """Return Friedman's p-value; 1 if all models tie in every seed, for which SciPy returns NaN."""
    if (np.ptp(accuracy, axis=1) == 0).all():
        return 1.0
    return float(stats.friedmanchisquare(*accuracy.T).pvalue)


def _studentized_quantile(num_models: int, level: float) -> float:
    return float(stats.studentized_range.ppf(level, num_models, np.inf))


def _stretches(means: np.ndarray, critical: float) -> list[tuple[int, int]]:
    """Return start and end of each maximal run of ordered mean ranks within the critical difference."""
    stretches: list[tuple[int, int]] = []
    for start in range(len(means)):
        end = int(np.searchsorted(means, means[start] + critical, side="left"))
        if end - start > 1 and (not stretches or end > stretches[-1][1]):
            stretches.append((start, end))
    return stretches


def _pairs(names: Sequence[str], accuracy: np.ndarray, means: np.ndarray, level: float) -> tuple[RankPair, ...]:
    from scikit_posthocs import posthoc_nemenyi_friedman  # it imports plotting libraries, which few callers need

    places = list(combinations(range(len(names)), 2))
    smallest = (1 - level) / len(places)
    corrected = holm([_wilcoxon(accuracy[:, first] - accuracy[:, second], smallest) for first, second in places])
    nemenyi = posthoc_nemenyi_friedman(accuracy).to_numpy()
    return tuple(
        RankPair(
            first=names[first],
            second=names[second],
            rank_difference=float(means[second] - means[first]),
            num_ahead=int((accuracy[:, first] > accuracy[:, second]).sum()),
            num_seeds=len(accuracy),
            nemenyi=float(nemenyi[first, second]),
            wilcoxon_holm=p_value,
        )
        for (first, second), p_value in zip(places, corrected, strict=True)
    )


def _wilcoxon(differences: np.ndarray, needed: float) -> float | None:
    """Return the p-value without tied seeds; None if even unanimous seeds could not reach `needed`.

    Without correction, 5 % needs six seeds: five seeds agree by chance in one of sixteen cases.
    """
    untied = differences[differences != 0]
    return float(stats.wilcoxon(untied).pvalue) if 2.0 ** (1 - len(untied)) <= needed else None
