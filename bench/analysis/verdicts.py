"""Verdicts: what an interval says of a claim about a difference, at a level corrected over a family of claims.

Supported or refuted where the interval lies wholly on one side of the margin (of "about equal": inside it, or beyond
it), else undecided. An interval that touches the margin decides nothing. Below five seeds a verdict allows itself no
more degrees of freedom than seeds less one, although the interval that is shown may have more: so few seeds tell their
own spread badly.
"""

import math
from dataclasses import dataclass
from typing import Literal

from bench.analysis.crossed import Estimate
from bench.analysis.errors import MarginError
from bench.analysis.intervals import LEVEL, Interval, unknown
from bench.analysis.multiple import corrected_level

Word = Literal["supported", "refuted", "undecided"]
Sense = Literal["above", "below", "about equal"]
"""What a claim says of a difference: it lies above the margin, below it, or no further than it from zero."""
_FEW_SEEDS = 5


@dataclass(frozen=True)
class Verdict:
    """A claim judged."""

    word: Word
    interval: Interval
    """At `level`; its `n` counts pairs."""
    level: float
    reason: str
    """Why it is undecided; empty if it is not."""

    @property
    def is_decided(self) -> bool:
        """Whether it is supported or refuted."""
        return self.word != "undecided"


def judge(estimate: Estimate, sense: Sense, margin: float = 0.0, *, family: int = 1, level: float = LEVEL) -> Verdict:
    """Judge what a claim says of a difference.

    Args:
        estimate: of the difference.
        sense: `above`: it is greater than the margin; `below`: smaller; `about equal`: within the margin of zero.
        margin: in the difference's units; signed, but of `about equal` above zero.
        family: how many claims are judged together.
        level: of confidence over all of them.

    Raises:
        MarginError: the margin is not a number, or not one for this sense.
        LevelError, FamilyError: the level or the family is none.
    """
    if not math.isfinite(margin) or (sense == "about equal" and margin <= 0):
        raise MarginError(f"margin {margin}: a finite number, and above zero where a claim says 'about equal'")
    single = corrected_level(family, level)
    interval = verdict_interval(estimate, single)
    word = _about_equal(interval, margin) if sense == "about equal" else _one_side(interval, sense, margin)
    reason = "" if word != "undecided" else _why(sense, margin)
    return Verdict(word, interval, single, reason)


def undecided(reason: str, num_pairs: int = 0, level: float = LEVEL) -> Verdict:
    """The verdict where there is no estimate, and why."""
    return Verdict("undecided", unknown(num_pairs), level, reason)


def verdict_interval(estimate: Estimate, level: float = LEVEL) -> Interval:
    """The interval that a verdict comes from."""
    few = estimate.num_seeds < _FEW_SEEDS
    return estimate.interval(level, most_degrees=estimate.num_seeds - 1 if few else math.inf)


def _one_side(interval: Interval, sense: Sense, margin: float) -> Word:
    is_above, is_below = interval.low > margin, interval.high < margin
    if not (is_above or is_below):
        return "undecided"
    return "supported" if is_above == (sense == "above") else "refuted"


def _about_equal(interval: Interval, margin: float) -> Word:
    if -margin < interval.low and interval.high < margin:
        return "supported"
    return "refuted" if interval.low > margin or interval.high < -margin else "undecided"


def _why(sense: Sense, margin: float) -> str:
    limits = f"{-margin:+g} or {margin:+g}" if sense == "about equal" else f"{margin:+g}" if margin else "zero"
    return f"the interval reaches {limits}"
