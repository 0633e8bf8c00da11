"""Declare claims, and hold what a judgement says of one."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.quantities import Finding, JudgedQuantity
from bench.analysis.format import Unit, quantity_interval, share
from bench.analysis.stats.intervals import Interval, unknown
from bench.analysis.stats.verdicts import Word

if TYPE_CHECKING:
    from bench.analysis.claims.exact_check import CannotTell

NOT_JUDGED: Literal["not judged yet"] = "not judged yet"
_UNKNOWN = unknown(0)
Verdict = Word | Literal["not judged yet"]


class ClaimComparison(Protocol):
    """What a claim compares: it finds the quantities in the tables."""

    def find(self, evidence: Evidence) -> Finding:
        """Return the quantities, with their limits.

        Raises:
            AnalysisError: The tables lack what the claim is about, or it is incomplete.
        """

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """Yield lines on what else the tables show of it, which is no verdict.

        Raises:
            AnalysisError: The tables lack it.
        """


@dataclass(frozen=True)
class Citation:
    """A result of the literature."""

    figure: str
    metric: str
    """What was published, which is seldom what is measured here."""
    source: str


@dataclass(frozen=True)
class Claim:
    """A sentence, and what would make it true."""

    id: str
    sentence: str
    published: Citation
    comparison: "ClaimComparison | CannotTell | None"
    """None if the suite can't judge it yet."""
    margin: str
    """When it counts as supported, in words."""
    needs: str
    """The rows that it is judged on, in words."""
    is_custom: bool = False
    """Whether it stands in the suite file."""


@dataclass(frozen=True)
class Judgement:
    """What became of a claim."""

    claim: Claim
    verdict: Verdict
    unit: Unit | Literal[""] = ""
    interval: Interval = _UNKNOWN
    """Of the part that decides; NaN without one. Its `n` counts the seeds that are complete on both sides."""
    level: float = math.nan
    """Of the interval: corrected over all claims that were judged by one; NaN without one."""
    num_seeds: int = 0
    """Seeds that there should be."""
    measured: str = ""
    """On what: models, transfer, targets, sizes."""
    reason: str = ""
    """Why it is undecided; empty if it is decided."""
    would_decide: str = ""
    """What would decide it; empty if it is decided."""
    parts: tuple[JudgedQuantity, ...] = ()
    beside: tuple[str, ...] = ()
    """What else the tables show; never a verdict."""
    keys: tuple[str, ...] = ()
    """Of the runs behind it, pretraining included."""

    @property
    def text(self) -> str:
        """Return the value with its interval; empty without one."""
        return quantity_interval(self.interval, self.unit) if self.unit else ""

    @property
    def level_text(self) -> str:
        """Return `99.38 %`; empty without an interval."""
        return "" if math.isnan(self.level) else share(self.level)

    @property
    def pairs(self) -> str:
        """Return `3 of 3`; empty if no seed is looked at."""
        return f"{self.interval.n} of {self.num_seeds}" if self.num_seeds else ""
