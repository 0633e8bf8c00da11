"""Seeds that are not as the intervals assume: some fail to train, some are worse, and some tails are heavy.

Seeds have accuracies of about 80 %. The truth is the accuracy of seeds without a drop.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from bench.analysis.claims.quantities import Difference, words
from bench.analysis.claims.rows import CompleteRow, RowId, Transfer
from bench.analysis.estimates import row_interval
from bench.analysis.failed_seeds import failed_seeds
from bench.analysis.seeds import SeedResults
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.power import Limits
from bench.analysis.stats.statistics_errors import AnalysisError

NUM_DRAWS = 2000
TRUTH = 0.8
FAMILY = 12


@dataclass(frozen=True)
class Seeds:
    """How accuracies vary from seed to seed."""

    name: str
    spread: float
    """The standard deviation of seeds without a drop."""
    drop: float = 0.0
    share: float = 0.0
    """The share of seeds with that drop."""
    is_heavy: bool = False
    """Whether seeds have the tails of Student's t with 3 degrees of freedom."""
    is_skewed: bool = False
    """Whether seeds are log-normal, with a long side towards low accuracies."""

    def draw(self, num_seeds: int, generator: np.random.Generator) -> np.ndarray:
        """(draws, seeds)."""
        shape = (NUM_DRAWS, num_seeds)
        of_seeds = generator.standard_t(3, shape) / math.sqrt(3) if self.is_heavy else generator.standard_normal(shape)
        if self.is_skewed:
            of_seeds = (math.exp(0.5) - np.exp(of_seeds)) / math.sqrt(math.e * (math.e - 1))
        dropped = generator.random(shape) < self.share
        return np.clip(TRUTH + self.spread * of_seeds - self.drop * dropped, 0.0, 1.0)


HEALTHY = tuple(
    Seeds(f"{tails}, {100 * spread:g} points", spread, is_heavy=tails == "t(3)")
    for tails in ("normal", "t(3)")
    for spread in (0.01, 0.02, 0.03, 0.05)
)


def _dropping(drop: float, one_in: int, spread: float) -> Seeds:
    name = f"normal, {100 * spread:g} points, 1 in {one_in} with {100 * drop:g} points less"
    return Seeds(name, spread, drop, 1 / one_in)


FAILING = tuple(_dropping(0.3, one_in, spread) for one_in in (6, 10) for spread in (0.01, 0.02, 0.03))
MIXTURES = tuple(
    _dropping(drop, one_in, spread) for drop in (0.05, 0.08, 0.1) for one_in in (6, 10) for spread in (0.01, 0.02)
)


@dataclass(frozen=True)
class Found:
    """Shares of the draws."""

    declared: float
    """With a seed that is declared failed."""
    coverage: float
    """Whose interval holds the accuracy of seeds without a drop."""
    coverage_of_mean: float
    """Whose interval holds the mean of all seeds."""
    before: float
    """Whose interval over all seeds, failed ones included, holds the mean of all seeds: the method without failures."""


@cache
def of_accuracy(seeds: Seeds, num_seeds: int) -> Found:
    """Intervals of one row."""
    mean = TRUTH - seeds.share * seeds.drop
    found = []
    for values in seeds.draw(num_seeds, np.random.default_rng(num_seeds)):
        row = _row(values)
        interval, _ = row_interval(row)
        everything, _ = row_interval(SeedResults(row.accuracy, {}, ""))
        found.append(
            (
                bool(row.failed),
                interval.low <= TRUTH <= interval.high,
                interval.low <= mean <= interval.high,
                everything.low <= mean <= everything.high,
            )
        )
    return Found(*np.mean(found, axis=0).tolist())


@cache
def decided(first: Seeds, second: Seeds, num_seeds: int, lead: float = 0.0) -> tuple[float, float]:
    """The share of draws in which a claim that the first row leads is decided, at 95 % and as one of twelve claims."""
    generator = np.random.default_rng(num_seeds)
    draws = zip(first.draw(num_seeds, generator) + lead, second.draw(num_seeds, generator), strict=True)
    found = []
    for values in draws:
        rows = {"target": [CompleteRow(_ID, _row(np.clip(of_row, 0.0, 1.0)), (), ()) for of_row in values]}
        claim = Difference("first less second", rows, (1.0, -1.0), Limits(0.0, math.inf))
        found.append([_is_decided(claim, corrected_level(family)) for family in (1, FAMILY)])
    single, of_family = np.mean(found, axis=0).tolist()
    return single, of_family


_ID = RowId("model", "fractals", 1000, Transfer("fine-tune"))


def _is_decided(claim: Difference, level: float) -> bool:
    try:
        return words([claim], [claim.interval(level)], level) != ["undecided"]
    except AnalysisError:  # fewer than two seeds succeeded
        return False


def _row(values: np.ndarray) -> SeedResults:
    accuracy = dict(enumerate(values.tolist()))
    return SeedResults(accuracy, {}, "", failed=failed_seeds(accuracy, math.nan, 0))
