"""Define claims and their judgements."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.quantities import Finding, JudgedQuantity
from bench.analysis.format import Unit, quantity_interval, share
from bench.analysis.seeds import GIVEN_SUCCESS
from bench.analysis.stats.intervals import Interval, unknown
from bench.analysis.stats.verdicts import Word

if TYPE_CHECKING:
    from bench.analysis.claims.exact_check import CannotTell

NOT_JUDGED: Literal["not judged yet"] = "not judged yet"
_UNKNOWN = unknown(0)
Verdict = Word | Literal["not judged yet"]


class ClaimComparison(Protocol):
    """The comparison behind a claim: it finds the quantities in the tables."""

    def find(self, evidence: Evidence) -> Finding:
        """Return the quantities, with their limits.

        Raises:
            AnalysisError: A row that the claim needs is missing or incomplete.
        """

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """Yield lines with further results on the claim, which are no verdicts.

        Raises:
            AnalysisError: A row is missing or incomplete.
        """


@dataclass(frozen=True)
class Citation:
    """A result of the literature."""

    figure: str
    metric: str
    """The published metric, which often differs from the one measured here."""
    source: str
    span: tuple[float, float] | None = None
    """The figure as the ends of a range in a claim's unit; equal if it is one number, None if it is none."""
    unit: Unit | Literal[""] = ""
    """The unit of the span."""


@dataclass(frozen=True)
class Claim:
    """A sentence, and the condition under which it counts as true."""

    id: str
    sentence: str
    published: Citation
    comparison: "ClaimComparison | CannotTell | None"
    """None if the suite can't judge it yet."""
    margin: str
    """The condition for `supported`, in words."""
    needs: str
    """The rows that a judgement needs, in words."""
    is_custom: bool = False
    """Whether the claim comes from the suite file."""


@dataclass(frozen=True)
class Judgement:
    """The verdict on a claim, with the numbers and runs behind it."""

    claim: Claim
    verdict: Verdict
    unit: Unit | Literal[""] = ""
    interval: Interval = _UNKNOWN
    """The interval of the deciding part; NaN if there is none. Its `n` counts the seeds complete on both sides."""
    level: float = math.nan
    """The level of the interval, corrected over all claims that were judged by one; NaN without an interval."""
    num_seeds: int = 0
    """The number of seeds that each row should have."""
    measured: str = ""
    """The models, transfer, targets and sizes that were compared, in words."""
    reason: str = ""
    """Why the claim is undecided; empty if it is decided."""
    would_decide: str = ""
    """What would decide the claim; empty if it is decided."""
    parts: tuple[JudgedQuantity, ...] = ()
    beside: tuple[str, ...] = ()
    """Further results, one per line; never a verdict."""
    keys: tuple[str, ...] = ()
    """The keys of the runs behind the judgement, pretraining included."""
    look: int = 0
    """The number of the suite's first seeds that the verdict comes from; 0 before the first look."""
    looks: str = ""
    """At which numbers of seeds claims are judged, in words; the same for all claims."""

    @property
    def text(self) -> str:
        """Return the value with its interval, labelled if failed seeds are left out; empty without one."""
        if not self.unit:
            return ""
        value = quantity_interval(self.interval, self.unit)
        return f"{value} {GIVEN_SUCCESS}" if any(part.failures for part in self.parts) else value

    @property
    def level_text(self) -> str:
        """Return `99.38 %`; empty without an interval."""
        return "" if math.isnan(self.level) else share(self.level)

    @property
    def pairs(self) -> str:
        """Return the complete seeds of all seeds, `3 of 3`; empty if the claim uses no seeds."""
        return f"{self.interval.n} of {self.num_seeds}" if self.num_seeds else ""
