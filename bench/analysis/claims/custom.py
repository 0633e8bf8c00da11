"""Compare two rows on one target, as a custom claim in a suite file asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bench.analysis.claims.evidence import BUDGET, Evidence
from bench.analysis.claims.quantities import Difference, Finding, finding
from bench.analysis.claims.rows import RowId, Transfer, by_balanced_accuracy
from bench.analysis.format import plural
from bench.analysis.stats.power import Limits
from bench.analysis.stats.statistics_errors import MissingRowError

Metric = Literal["accuracy", "balanced_accuracy"]
"""What a custom claim compares."""


@dataclass(frozen=True)
class NamedRow:
    """A row that a custom claim names, with every default of the suite filled in."""

    model: str
    corpus: str
    """The pretraining corpus; `none` for a model trained from scratch."""
    subset_images: int | None
    """The number of pretraining images; 0 from scratch, None for external weights or if unknown."""
    missing: str = ""
    """Why the suite can have no such row; empty if it can."""


@dataclass(frozen=True)
class CustomDifference:
    """The first row less the second."""

    first: NamedRow
    second: NamedRow
    target: str
    transfer: Transfer
    limits: Limits
    metric: Metric = "accuracy"

    def find(self, evidence: Evidence) -> Finding:
        """Return the difference.

        Raises:
            AnalysisError: A row is missing or incomplete, or its balanced accuracy is not known.
        """
        row_ids = [_row_id(evidence, row, self.target, self.transfer) for row in (self.first, self.second)]
        rows = evidence.rows(row_ids, [self.target])
        measured = f"{row_ids[0]}, less {row_ids[1]}, {self.transfer}, on {self.target}"
        if self.metric == "balanced_accuracy":
            rows, measured = by_balanced_accuracy(rows), f"{measured}, balanced accuracy"
        return finding([Difference("first less second", rows, (1.0, -1.0), self.limits)], measured)

    def beside(self, evidence: Evidence) -> Iterator[str]:
        """Yield nothing: a custom claim names its rows."""
        return iter(())


def _row_id(evidence: Evidence, row: NamedRow, target: str, transfer: Transfer) -> RowId:
    """Return the row of the ladder, or else the arm of an ablation that trains for the suite's own budget."""
    if row.missing:
        raise MissingRowError(row.missing)
    cells, size = evidence.cells, row.subset_images
    is_same_size = cells["subset_images"].isna() if size is None else cells["subset_images"].eq(size).fillna(False)
    same = cells[(cells["model"] == row.model) & (cells["corpus"] == row.corpus) & is_same_size]
    same = same if (on := same[same["target"] == target]).empty else on
    arms = [arm for arm in zip(same["ablation"], same["arm"], strict=True) if not arm[0].startswith(BUDGET)]
    if not arms:
        of = "" if size is None else f" after {plural(size, 'image')}"
        raise MissingRowError(f"the suite has no row of {row.model} on corpus {row.corpus}{of}")
    return RowId(row.model, row.corpus, size, transfer, *min(arms, key=lambda arm: arm[0] != ""))
