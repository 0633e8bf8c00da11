"""Set the values of another store behind those of the table of all rows, with their differences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from bench.analysis.behind_best import SuiteRow, suite_rows
from bench.analysis.estimates import row_interval
from bench.analysis.format import ABSENT, is_known, percent, plural, points
from bench.analysis.frames import Key, as_key, split
from bench.analysis.seeds import COMPLETE
from bench.analysis.store_changes import StoreChange, store_change
from bench.report.layout import CONFIDENCE
from bench.report.page import TableCell, undecided
from bench.report.sections.cells import sort_value

_NAME = ["ablation", "arm", "model", "corpus", "subset_images", "subset_classes", "target", "transfer", "shots"]
"""The columns of `cells` by which the rows of two stores are the same."""


@dataclass(frozen=True)
class OtherStore:
    """A store B whose values are shown behind those of the page's own store A."""

    name: str
    """The name or path of B that the user gave."""
    own_name: str
    """The same of A."""
    cells: pd.DataFrame
    """The table `cells` of B."""
    correctness: pd.DataFrame
    """The table `correctness` of B."""
    pairs: Mapping[str, str]
    """The key of a run in A -> that of the run in B with which it pairs."""
    differing: Sequence[str] = ()
    """In which sources and libraries A and B differ, in words."""

    def row(self, own: SuiteRow) -> SuiteRow | None:
        """Return the row that has the name of a row of A; None if there is none."""
        return self._rows.get(_name(own.cells))

    def accuracy(self, cell: TableCell, own: SuiteRow) -> TableCell:
        """Return the cell of an accuracy of A with the accuracy of B behind it."""
        other = self.row(own)
        interval = row_interval(other.results)[0] if other else None
        shown = percent(interval.mean, interval.low, interval.high) if interval else ABSENT
        status = other.results.status if other else COMPLETE
        notes = [cell.note, f"B: {status}" if status != COMPLETE else ""]
        return replace(cell, text=f"A {cell.text} \N{MIDDLE DOT} B {shown}", note="; ".join(filter(None, notes)))

    def difference(self, own: SuiteRow) -> str | TableCell:
        """Return the difference A less B, bold only if its interval excludes zero."""
        if (other := self.row(own)) is None:
            return ABSENT
        change = store_change(own, other, self.pairs)
        difference = change.difference
        if not is_known(difference.mean):
            return undecided(change.note.removeprefix("undecided: "))
        if difference.low == difference.high:
            return TableCell("the same in each seed", value=0.0)
        shown = points(difference.mean, difference.low, difference.high)
        return TableCell(shown, _note(change), "undecided" in change.note, sort_value(difference.mean), change.is_clear)

    def words(self, own: Sequence[SuiteRow]) -> Iterator[str]:
        """Yield what is compared, and in what the stores differ."""
        found = [_runs(other) for row in own if (other := self.row(row)) is not None]
        # An arm of the ladder's own model repeats the runs of a row, and is no row of A either.
        only = len({_runs(row) for row in self._rows.values()} - {*found})
        yield (
            f"A is {self.own_name}, B is {self.name}: {plural(len(found), 'row')} of both, "
            f"{len(own) - len(found):,} of A alone, {only:,} of B alone. Differences are A less B, in points. They are "
            "paired by seed and test image if the runs differ in nothing that decides a result; else they are between "
            f"two samples of seeds. Bold: the {CONFIDENCE} interval excludes zero, uncorrected."
        )
        if self.differing:
            yield f"A and B differ in {'; '.join(self.differing)}."

    def has_row_of(self, cells: pd.DataFrame) -> bool:
        """Return whether a row of A, given its table `cells`, has a row in B."""
        return any(key in self._rows for key, _ in split(cells, _NAME))

    @cached_property
    def _rows(self) -> dict[Key, SuiteRow]:
        found: dict[Key, SuiteRow] = {}
        for row in suite_rows(self.cells, self.correctness).values():
            found.setdefault(_name(row.cells), row)
        return found


def _name(cells: pd.DataFrame) -> Key:
    return as_key(cells[_NAME].iloc[0])


def _runs(row: SuiteRow) -> frozenset[str]:
    return frozenset(row.cells["transfer_key"])


def _note(change: StoreChange) -> str:
    return "; ".join(filter(None, ("" if change.is_paired else "not paired", change.note)))
