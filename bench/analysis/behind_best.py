"""Compare all rows of a target with the most accurate one: how far each is behind, and which are as good.

The rules are those by which a model is recommended (`recommend/decide.py`): the best row has the highest mean, with
failed seeds counted as what they scored, and lacks no seed. A row is as good if its paired difference to the best is
shown to be at most `WITHIN`. The levels are corrected over the rows of the target (Holm), and failed seeds may object.

The best is a row of the ladder, so that it does not depend on whether a page shows the arms of ablations. Arms are
compared with it, too: one that is ahead has a negative difference. Where a target has arms alone, one of them is best.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean

import pandas as pd

from bench.analysis.comparison import ROW, SCRATCH, seeds_of_row
from bench.analysis.correctness import by_key
from bench.analysis.estimates import counted_estimate, difference_estimate
from bench.analysis.format import steady
from bench.analysis.frames import Key, split
from bench.analysis.recommend.decide import Gap, Standing, judge
from bench.analysis.seeds import SeedResults, expected_seeds, planned_seeds, read_seeds
from bench.analysis.stats.crossed import Estimate
from bench.analysis.stats.intervals import LEVEL, Interval, unknown
from bench.analysis.stats.multiple import step_down
from bench.analysis.stats.statistics_errors import AnalysisError
from bench.analysis.stats.verdicts import verdict_interval

WITHIN = 0.01
"""How far behind the best row a row may be that counts as as good, as a share of 1."""
ARM = ["ablation", "arm", "model", "corpus", "subset_images", "target", "transfer", "shots"]
"""What identifies an arm of an ablation on a target."""


@dataclass(frozen=True)
class SuiteRow:
    """A row of the ladder, or an arm of an ablation, on one target."""

    cells: pd.DataFrame
    """Its cells: one for each seed and draw."""
    results: SeedResults
    is_arm: bool


@dataclass(frozen=True)
class BehindBest:
    """How far a row is behind the best one of its target."""

    standing: Standing
    """`best`, `as good`, `worse`, or `cannot tell`."""
    difference: Interval
    """The best row's accuracy less this one's, uncorrected; its ends are NaN if there is no interval."""
    reason: str = ""
    """Why there is no interval, or what failed seeds do to it; empty if there is nothing to say."""


def suite_rows(cells: pd.DataFrame, correctness: pd.DataFrame | None = None) -> dict[Key, SuiteRow]:
    """Read all rows: those of the ladder by the columns `ROW`, and arms by the columns `ARM`.

    Args:
        cells: One row per cell, as in `results/<suite>/tables/cells.parquet`.
        correctness: One row per finished transfer, if it is kept.

    Raises:
        DuplicateRowError: A seed occurs twice in a row.
    """
    packed = by_key(correctness)
    ladder, arms = cells[cells["ablation"] == ""], cells[cells["ablation"] != ""]
    expected = expected_seeds(ladder)
    from_scratch = planned_seeds(ladder[ladder["corpus"] == SCRATCH], expected)
    of_ablation = {name: expected_seeds(rows) for (name,), rows in split(arms, ["ablation"])}
    found = {
        key: SuiteRow(rows, read_seeds(rows, seeds_of_row(key, rows, expected, from_scratch), packed), is_arm=False)
        for key, rows in split(ladder, ROW)
    }
    return found | {
        key: SuiteRow(rows, read_seeds(rows, of_ablation[key[0]], packed), is_arm=True)
        for key, rows in split(arms, ARM)
    }


def behind_best(rows: Mapping[Key, SuiteRow], within: float = WITHIN, level: float = LEVEL) -> dict[Key, BehindBest]:
    """Compare the rows of one target and way of transfer with the best of them; nothing if no row is complete."""
    if (best := _best(rows)) is None:
        return {}
    others = [key for key in rows if key != best]
    found = [_estimates(rows[best].results, rows[key].results) for key in others]
    compared = [number for number, estimates in enumerate(found) if not isinstance(estimates, str)]
    words: dict[int, Standing] = {}

    def is_decided(number: int, strict: float) -> bool:
        word = _word(found[compared[number]], strict, within)
        words[compared[number]] = word
        return word != "cannot tell"

    step_down(len(compared), is_decided, level)
    behind = {
        key: _behind(rows[best].results, rows[key].results, estimates, words.get(number, "cannot tell"), level)
        for number, (key, estimates) in enumerate(zip(others, found, strict=True))
    }
    return {key: behind.get(key, BehindBest("best", unknown(0))) for key in rows}


_Estimates = tuple[Estimate, Estimate | None]
"""A difference given success, and the same with failed seeds counted; None if none failed."""


def _best(rows: Mapping[Key, SuiteRow]) -> Key | None:
    """Return the row with the highest mean among those without a missing seed; the first of equal ones."""
    complete = {key: row for key, row in rows.items() if not row.results.lacking and row.results.succeeded}
    ladder = {key: row for key, row in complete.items() if not row.is_arm}
    means = {key: steady(fmean(row.results.counted().accuracy.values())) for key, row in (ladder or complete).items()}
    return max(means, key=lambda key: means[key], default=None)


def _estimates(best: SeedResults, row: SeedResults) -> _Estimates | str:
    """Return the best row's accuracy less a row's, or why there is no interval."""
    if row.lacking:
        return row.lacking
    try:
        estimate = difference_estimate(best, row, "this row")
        return estimate, counted_estimate(best, row) if best.failed or row.failed else None
    except AnalysisError as error:
        return str(error)


def _word(estimates: _Estimates | str, level: float, within: float) -> Standing:
    if isinstance(estimates, str):
        return "cannot tell"
    estimate, counted = estimates
    gap = Gap(steady(estimate.mean), (_bounds(estimate, level),))
    if counted is not None:
        gap = replace(gap, counted_mean=steady(counted.mean), counted_bounds=(_bounds(counted, level),))
    return judge(gap, 1, within)


def _bounds(estimate: Estimate, level: float) -> tuple[float, float]:
    interval = verdict_interval(estimate, level)
    return steady(interval.low), steady(interval.high)


def _behind(
    best: SeedResults, row: SeedResults, estimates: _Estimates | str, standing: Standing, level: float
) -> BehindBest:
    if not isinstance(estimates, str):
        failed = "given success" if estimates[1] is not None else ""
        return BehindBest(standing, verdict_interval(estimates[0], level), failed)
    both = sorted({*best.succeeded} & {*row.succeeded}) if not row.lacking else []
    mean = fmean(best.accuracy[seed] - row.accuracy[seed] for seed in both) if both else math.nan
    return BehindBest(standing, replace(unknown(len(both)), mean=mean), estimates)
