"""A claim of the user's own, from the suite file: one row of the comparison less another on one target."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from bench.analysis.claims.evidence import BUDGET, Evidence
from bench.analysis.claims.quantities import Difference, Finding, finding
from bench.analysis.claims.rows import Place, Transfer
from bench.analysis.format import plural
from bench.analysis.stats.power import Limits
from bench.analysis.stats.statistics_errors import MissingRowError


@dataclass(frozen=True)
class Side:
    """A row as a suite's claim names it, with nothing left to the suite."""

    model: str
    corpus: str
    """`none` from scratch."""
    subset_images: int | None
    """0 from scratch; None behind weights from outside, and where it is not known."""
    missing: str = ""
    """Why there is no such row; empty where there may be one."""


@dataclass(frozen=True)
class OneLessOther:
    """The first row less the second."""

    first: Side
    second: Side
    target: str
    transfer: Transfer
    limits: Limits

    def find(self, evidence: Evidence) -> Finding:
        """The difference.

        Raises:
            AnalysisError: a row is missing or not whole.
        """
        places = [_place(evidence, side, self.transfer) for side in (self.first, self.second)]
        rows = {self.target: [evidence.row(place, self.target) for place in places]}
        measured = f"{places[0]}, less {places[1]}, {self.transfer}, on {self.target}"
        return finding([Difference("first less second", rows, (1.0, -1.0), self.limits)], measured)

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """Nothing: a claim of one's own names its rows."""
        return iter(())


def _place(evidence: Evidence, side: Side, transfer: Transfer) -> Place:
    """Where the row stands: on the ladder, else as an ablation's arm that is trained for the budget of all others."""
    if side.missing:
        raise MissingRowError(side.missing)
    cells = evidence.cells
    same_size = cells["subset_images"].eq(side.subset_images) if side.subset_images is not None else _unknown(cells)
    found = cells[(cells["model"] == side.model) & (cells["corpus"] == side.corpus) & same_size.fillna(False)]
    arms = [arm for arm in zip(found["ablation"], found["arm"], strict=True) if not arm[0].startswith(BUDGET)]
    if not arms:
        of = "" if side.subset_images is None else f" after {plural(side.subset_images, 'image')}"
        raise MissingRowError(f"the suite has no row of {side.model} on corpus {side.corpus}{of}")
    return Place(side.model, side.corpus, side.subset_images, transfer, *min(arms, key=lambda arm: arm[0] != ""))


def _unknown(cells: pd.DataFrame) -> pd.Series:
    return cells["subset_images"].isna()
