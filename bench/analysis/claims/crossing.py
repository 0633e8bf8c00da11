"""The pretraining size at which one model passes another, as a quantity that a claim sets limits to."""

import math
from dataclasses import dataclass
from functools import cached_property

from bench.analysis.claims.rows import RowsByTarget, stacked
from bench.analysis.format import Unit, plural, quantity
from bench.analysis.ladder.crossings import Crossing, FittedCurve, crossing, fitted_curves
from bench.analysis.stats.intervals import LEVEL, Interval, unknown
from bench.analysis.stats.power import Limits
from bench.analysis.stats.verdicts import verdict_interval


@dataclass(frozen=True)
class CrossingSize:
    """Where the first model passes the second."""

    name: str
    sizes: tuple[int, ...]
    rows: RowsByTarget
    """Target -> rows: the first model's at each size, then the second's."""
    limits: Limits
    unit: Unit = "images"
    equivalence: None = None
    """It is of no equality."""

    @cached_property
    def curves(self) -> tuple[FittedCurve, FittedCurve]:
        """Both curves.

        Raises:
            AnalysisError: there is one rung, or the rows do not pair.
        """
        parts, number = stacked(self.rows), len(self.sizes)
        return fitted_curves(
            self.sizes, [part[:, :, :number] for part in parts], [part[:, :, number:] for part in parts]
        )

    def interval(self, level: float) -> Interval:
        """The size, as verdicts take it; without a crossing within the range measured, the bound that follows."""
        found = crossing(*self.curves, level, interval_of=verdict_interval)
        if found.outcome in ("several", "is passed"):
            return unknown(found.num_seeds)
        low = 0.0 if found.low is None else found.low
        high = math.inf if found.high is None else found.high
        return Interval(math.nan if found.size is None else found.size, low, high, found.num_seeds)

    def needed(self, level: float) -> str:
        """Not known in seeds: rungs near the crossing help as much."""
        return "rungs nearer to where the models meet, or more seeds"


def crossing_words(found: Crossing) -> str:
    """What two curves do at the plain level, in a few words; the first is ViT's."""
    return f"{_what(found)}, {plural(found.num_seeds, 'pair')}, {LEVEL:.0%}"


def _what(found: Crossing) -> str:
    start, end = found.measured
    where = f"between {quantity(start, 'images')} and {plural(int(end), 'image')}"
    if found.outcome == "behind":
        return f"no crossing {where}; ViT passes at the earliest at {plural(round(found.low or start), 'image')}"
    if found.outcome == "ahead":
        latest = plural(round(found.high or end), "image")
        return f"no crossing {where}; ViT is ahead, and passed at the latest at {latest}"
    at = " and ".join(quantity(size, "images") for size in found.sizes)
    if found.outcome == "several":
        return f"several crossings {where}: at {at}"
    low = "open" if found.low is None else quantity(found.low, "images")
    high = "open" if found.high is None else quantity(found.high, "images")
    what = "ViT passes" if found.outcome == "passes" else "ViT is passed"
    return f"{what} at {at} images ({low} to {high}), {'by power laws' if found.by_law else 'interpolated in log n'}"
