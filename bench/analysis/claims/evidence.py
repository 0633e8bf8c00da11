"""Find the rows that claims are judged on in a suite's tables.

A row holds the results of one model on one target, pretrained on one subset or as one arm of an ablation. Only complete
rows are returned: a seed without an outcome raises an error that names it, and is never left out. A seed that failed to
train is an outcome.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from bench.analysis.claims.rows import CompleteRow, RowId, Transfer
from bench.analysis.comparison import AS_IT_IS, FINE_TUNE, SCRATCH
from bench.analysis.correctness import PackedRows, by_key
from bench.analysis.format import listed
from bench.analysis.frames import require_columns, require_unique, split
from bench.analysis.seeds import expected_seeds, planned_seeds, read_seeds
from bench.analysis.stats.statistics_errors import DifferentImagesError, IncompleteRowError, MissingRowError
from bench.analysis.targets import is_in_domain, is_real

BUDGET = "budget "
"""The prefix of the name of the ablation that holds a model's budgets; the model's name follows."""
FIVE = 5
_KEY = ["model", "corpus", "subset_images", "ablation", "arm", "target", "transfer", "shots"]
_READ = [*_KEY, "family", "subset_classes", "draw", "seed", "status", "reason", "notes", "accuracy"]
_KEYS = ["transfer_key", "pretrain_key"]
_TRANSFER = ["transfer", "shots"]
_ORDER = (FINE_TUNE, "linear", "k-shot", AS_IT_IS)


@dataclass(frozen=True)
class Scope:
    """A way of transfer and the targets on which rows are compared."""

    transfer: Transfer
    targets: tuple[str, ...]
    """Real targets: neither in-domain nor purpose-made."""
    in_domain: tuple[str, ...]
    """Targets whose images are made in the same way as the pretraining corpus."""
    left_out: tuple[str, ...]
    """Targets without any result, since their data is missing."""

    def __str__(self) -> str:
        """Return the way of transfer, the real targets, and what is left out."""
        without = f"; left out, as nothing was run on it: {listed(self.left_out)}" if self.left_out else ""
        return f"{self.transfer}, on {listed(self.targets)}{without}"


@dataclass(frozen=True)
class Evidence:
    """The tables of a suite, with facts that the tables lack."""

    tables: Mapping[str, pd.DataFrame]
    """`cells` and `runs`; `correctness` and `permutation_check` if they are kept."""
    references: Mapping[str, str] = field(default_factory=dict)
    """Ablation -> the arm that the others are compared with."""
    size_classes: Mapping[str, str | None] = field(default_factory=dict)
    """Model -> the ViT of its size class, if there is one."""
    arrangement: "Evidence | None" = None
    """The tables of the suite `arrangement`, if it was run."""

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Return one row per cell.

        Raises:
            MissingColumnError: The table lacks a column.
        """
        require_columns(self.tables["cells"], [*_READ, *_KEYS], "cells")
        return self.tables["cells"]

    @cached_property
    def runs(self) -> pd.DataFrame:
        """Return one row per run, by its key.

        Raises:
            DuplicateRowError: A run occurs twice.
        """
        runs = self.tables["runs"]
        require_columns(runs, ["key", "tokens", "training_flops"], "runs")
        require_unique(runs, "key", "runs")
        return runs.set_index("key")

    @cached_property
    def ladder(self) -> pd.DataFrame:
        """Return the cells that belong to no ablation."""
        return self.cells[self.cells["ablation"] == ""]

    def models(self, family: str) -> list[str]:
        """Return the pretrained models of a family, in the suite's order, without those of external weights."""
        cells = self.ladder[(self.ladder["family"] == family) & self.ladder["subset_images"].gt(0).fillna(False)]
        return list(dict.fromkeys(cells["model"]))

    def arms(self, cells: pd.DataFrame, transfer: Transfer) -> dict[str, RowId]:
        """Return the arms of an ablation's cells, and the row of each."""
        columns = ("arm", "model", "corpus", "subset_images", "ablation")
        return {
            arm: RowId(model, corpus, None if pd.isna(size) else int(size), transfer, ablation, arm)
            for arm, model, corpus, size, ablation in zip(*(cells[name] for name in columns), strict=True)
        }

    def transfer(self, cells: pd.DataFrame, *, few_shot: bool = False) -> Transfer:
        """Return the way of transfer that is compared: fine-tuning if the cells have it, or five shots if preferred.

        Raises:
            MissingRowError: There is no cell.
        """
        ways = [Transfer(kind, None if shots is None else int(shots)) for (kind, shots), _ in split(cells, _TRANSFER)]
        if not ways:
            raise MissingRowError("the suite has no such row: its tables hold no cell of the models compared")
        best = Transfer("k-shot", FIVE) if few_shot else Transfer(FINE_TUNE)
        return best if best in ways else min(ways, key=lambda way: (_ORDER.index(way.kind), -(way.shots or 0)))

    def scope(self, cells: pd.DataFrame, *, few_shot: bool = False) -> Scope:
        """Return the way of transfer and the targets on which some cells are compared.

        Args:
            cells: The cells of the rows.
            few_shot: Whether five-shot probes are preferred to fine-tuning.

        Raises:
            MissingRowError: There is no cell, or no result on a real target.
        """
        transfer = self.transfer(cells, few_shot=few_shot)
        shots = cells["shots"].isna() if transfer.shots is None else cells["shots"].eq(transfer.shots).fillna(False)
        of_transfer = cells[(cells["transfer"] == transfer.kind) & shots]
        begun = dict.fromkeys(of_transfer.loc[of_transfer["status"] != "not_run", "target"])
        targets = tuple(filter(is_real, begun))
        if not targets:
            raise MissingRowError("the suite has no result on a real target")
        left_out = tuple(name for name in dict.fromkeys(of_transfer["target"]) if name not in begun)
        return Scope(transfer, targets, tuple(filter(is_in_domain, begun)), left_out)

    def rows(self, row_ids: Sequence[RowId], targets: Sequence[str]) -> dict[str, list[CompleteRow]]:
        """Return target -> rows, with the seeds that all of them should have; errors as for `row`."""
        as_scratch = any(map(_is_scratch, row_ids))
        return {
            target: [self._row_at(row_id, target, as_scratch=as_scratch) for row_id in row_ids] for target in targets
        }

    def row(self, row_id: RowId, target: str) -> CompleteRow:
        """Return one row with all its seeds.

        Raises:
            MissingRowError: The suite does not have it.
            IncompleteRowError: A seed has no outcome, or no seed succeeded.
            DuplicateRowError, DifferentImagesError: A run occurs twice, or seeds were tested on different images.
        """
        return self._row_at(row_id, target, as_scratch=_is_scratch(row_id))

    def training_flops(self, row: CompleteRow) -> float:
        """Return the FLOPs of the pretraining behind a row, the median over its seeds.

        Raises:
            MissingRowError: They were not counted.
        """
        known = self.runs["training_flops"].reindex(row.pretrain_keys).dropna()
        if known.empty:
            raise MissingRowError(f"{row.id}: training FLOPs were not counted")
        return float(known.astype("float64").median())

    def tokens(self, cells: pd.DataFrame) -> int | None:
        """Return the patch tokens of the network behind some cells; None if they were not counted."""
        known = self.runs["tokens"].reindex(cells["transfer_key"]).dropna()
        return int(known.iloc[0]) if len(known) else None

    def _row_at(self, row_id: RowId, target: str, *, as_scratch: bool) -> CompleteRow:
        """Return one row, with the seeds from scratch alone if it is compared with a row from scratch."""
        key = (row_id, target, as_scratch)
        if key not in self._read:
            self._read[key] = self._read_row(*key)
        return self._read[key]

    def _read_row(self, row_id: RowId, target: str, as_scratch: bool) -> CompleteRow:
        cells = self._rows.get(_key(row_id, target))
        if cells is None or self.runs.empty:
            raise MissingRowError(f"the suite has no row {row_id}, {row_id.transfer} on {target}")
        expected = self._from_scratch if _is_scratch(row_id) else self._expected[row_id.ablation]
        seeds = self._from_scratch if as_scratch else expected
        results = read_seeds(cells, expected, self._packed).at(seeds)
        if results.lacking or not results.succeeded:
            why = f" ({results.reason})" if results.reason else ""
            message = f"{row_id}, {row_id.transfer} on {target}: {results.status}{why}"
            raise IncompleteRowError(message, len(results.succeeded), len(seeds))
        if results.mixed:
            raise DifferentImagesError(results.mixed)
        tested = cells[cells["seed"].isin(seeds)]
        return CompleteRow(row_id, results, *(_keys(tested, name) for name in _KEYS))

    @cached_property
    def _rows(self) -> dict[tuple[Any, ...], pd.DataFrame]:
        return dict(split(self.cells, _KEY))

    @cached_property
    def _expected(self) -> dict[str, list[int]]:
        """Return the seeds that the rows of the ladder, and of each ablation, must have."""
        return {ablation: expected_seeds(cells) for (ablation,), cells in split(self.cells, ["ablation"])}

    @cached_property
    def _from_scratch(self) -> list[int]:
        """Return the seeds that the ladder's rows from scratch must have."""
        return planned_seeds(self.ladder[self.ladder["corpus"] == SCRATCH], self._expected[""])

    @cached_property
    def _read(self) -> dict[tuple[RowId, str, bool], CompleteRow]:
        """Return a cache of rows, since most claims ask for the same ones."""
        return {}

    @cached_property
    def _packed(self) -> PackedRows:
        return by_key(self.tables.get("correctness"))


def _is_scratch(row_id: RowId) -> bool:
    """Tell whether it is a row from scratch that is no arm; a suite may train it with fewer seeds."""
    return row_id.corpus == SCRATCH and not row_id.ablation


def _key(row_id: RowId, target: str) -> tuple[Any, ...]:
    of_row = (row_id.model, row_id.corpus, row_id.subset_images, row_id.ablation, row_id.arm)
    return (*of_row, target, row_id.transfer.kind, row_id.transfer.shots)


def _keys(cells: pd.DataFrame, column: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for key in cells[column] if key))
