"""A claim as it is declared, and what a judgement of it holds."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.exact_check import CannotTell
from bench.analysis.claims.quantities import Finding
from bench.analysis.format import Unit, p_value, quantity_interval
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.verdicts import Word

NOT_JUDGED: Literal["not judged yet"] = "not judged yet"
WordOrNone = Word | Literal["not judged yet"]


class Comparison(Protocol):
    """What a claim compares: it finds the quantities in the tables."""

    def find(self, evidence: Evidence) -> Finding:
        """The quantities, with their limits.

        Raises:
            AnalysisError: the tables lack what the claim is about, or it is not whole.
        """

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """Lines on what else the tables show of it, which is no verdict.

        Raises:
            AnalysisError: nothing.
        """


@dataclass(frozen=True)
class Published:
    """A figure of the literature."""

    figure: str
    metric: str
    """What it is a figure of, which is seldom what is measured here."""
    source: str


@dataclass(frozen=True)
class Claim:
    """A sentence, and what would make it true."""

    id: str
    sentence: str
    published: Published
    comparison: Comparison | CannotTell | None
    """None where the suite can't judge it yet."""
    margin: str
    """When it counts as supported, in words."""
    needs: str
    """The rows that it is judged on, in words."""
    is_own: bool = False
    """Whether it stands in the suite file."""


@dataclass(frozen=True)
class Part:
    """One of the quantities that a claim is about, judged."""

    name: str
    unit: Unit
    estimate: float
    low: float
    high: float
    word: Word
    equivalence: float | None = None
    """The p-value of a test of equivalence, of a claim that something is about equal."""

    @property
    def text(self) -> str:
        """Its figure with its interval, and with the p-value of a test of equivalence where there is one."""
        figure = quantity_interval(Interval(self.estimate, self.low, self.high, 0), self.unit)
        return figure if self.equivalence is None else f"{figure}, equivalence {p_value(self.equivalence)}"


@dataclass(frozen=True)
class Judgement:
    """What became of a claim. `estimate`, `low` and `high` are those of the part that decides; NaN without one."""

    claim: Claim
    verdict: WordOrNone
    unit: Unit | Literal[""]
    estimate: float
    low: float
    high: float
    level: float
    """Of the interval: corrected over all claims that were judged by one; NaN without one."""
    num_pairs: int
    """Seeds that are whole on both sides."""
    num_seeds: int
    """Seeds that there should be."""
    measured: str
    """On what: models, transfer, targets, sizes."""
    reason: str
    """Why it is undecided; empty where it is decided."""
    would_decide: str
    """What would decide it; empty where it is decided."""
    parts: tuple[Part, ...]
    beside: tuple[str, ...]
    """What else the tables show; never a verdict."""
    keys: tuple[str, ...]
    """Of the runs behind it, pretraining included."""

    @property
    def text(self) -> str:
        """The figure with its interval; empty without one."""
        return quantity_interval(Interval(self.estimate, self.low, self.high, 0), self.unit) if self.unit else ""

    @property
    def level_text(self) -> str:
        """`99.38%`; empty without an interval."""
        return "" if math.isnan(self.level) else f"{100 * self.level:.4g}%"

    @property
    def pairs(self) -> str:
        """`3 of 3`; empty where no seed is looked at."""
        return f"{self.num_pairs} of {self.num_seeds}" if self.num_seeds else ""
