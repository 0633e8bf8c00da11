"""Compare the pretraining size at which one model passes another with the limits of a claim."""

import math
from dataclasses import dataclass
from functools import cached_property

from bench.analysis.claims.rows import RowsByTarget, stacked
from bench.analysis.format import Unit, percent, plural, quantity
from bench.analysis.ladder.crossings import Crossing, FittedCurve, Passage, crossing, fitted_curves
from bench.analysis.stats.intervals import LEVEL, Interval, unknown
from bench.analysis.stats.power import Limits


@dataclass(frozen=True)
class CrossingSize:
    """The pretraining size at which the first model passes the second."""

    name: str
    sizes: tuple[int, ...]
    rows: RowsByTarget
    """Target -> rows: those of the first model at each size, then those of the second."""
    limits: Limits
    unit: Unit = "images"
    equivalence: None = None
    """No test of equivalence, since the claim is not about equality."""

    @cached_property
    def curves(self) -> tuple[FittedCurve, FittedCurve]:
        """Return both curves.

        Raises:
            AnalysisError: There is only one rung, or the rows do not pair.
        """
        parts, number = stacked(self.rows), len(self.sizes)
        first, second = [part[:, :, :number] for part in parts], [part[:, :, number:] for part in parts]
        return fitted_curves(self.sizes, first, second)

    @property
    def question(self) -> str:
        """Return what it is about."""
        return self.name

    def interval(self, level: float) -> Interval:
        """Return the size with its interval; without a crossing, the bound that follows."""
        result = crossing(*self.curves, level)
        if result.outcome in ("several", "is passed"):  # a claim is about one passing of ViT
            return unknown(result.num_seeds)
        low = 0.0 if result.low is None else result.low
        high = math.inf if result.high is None else result.high
        return Interval(math.nan if result.size is None else result.size, low, high, result.num_seeds)

    def needed(self, level: float) -> str:
        """Return what would decide, in words: rungs near the crossing help as much as seeds do."""
        return "rungs nearer to the crossing, or more seeds"


def crossing_words(result: Crossing) -> str:
    """Describe how ViT's curve (the first) and the second cross, at the uncorrected level."""
    return f"{_outcome(result)}, {plural(result.num_seeds, 'pair')}, {percent(LEVEL, places=0)}"


def _outcome(result: Crossing) -> str:
    start, end = result.measured
    where = f"between {quantity(start, 'images')} and {plural(int(end), 'image')}"
    if result.outcome == "no difference":
        return f"no clear difference {where}"
    if result.outcome == "behind":
        earliest = plural(round(result.low or start), "image")
        return f"no crossing {where}; ViT is behind, and passes at the earliest at {earliest}"
    if result.outcome == "ahead":
        latest = plural(round(result.high or end), "image")
        return f"no crossing {where}; ViT is ahead, and passed at the latest at {latest}"
    basis = "by power laws" if result.by_law else "interpolated in log n"
    return f"ViT {' and '.join(map(_passage, result.passages))}, {basis}"


def _passage(passage: Passage) -> str:
    low, high = (quantity(math.inf if end is None else end, "images") for end in (passage.low, passage.high))
    return f"{passage.verb} at {quantity(passage.size, 'images')} images ({low} to {high})"
