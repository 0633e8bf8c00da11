"""What claims are judged on: a suite's tables, and how its rows are found in them.

A row is what one model, pretrained on one subset or as one arm of an ablation, reached on one target. It is whole or
refused: a seed that diverged is an error with its name, never left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from bench.analysis.claims.rows import Place, Row, Transfer
from bench.analysis.comparison import FINE_TUNE
from bench.analysis.correctness import Known, by_key, read_answers
from bench.analysis.frames import require_columns, require_unique, split
from bench.analysis.seeds import COMPLETE, expected_seeds, read_seeds
from bench.analysis.stats.statistics_errors import IncompleteRowError, MissingRowError
from bench.analysis.targets import is_in_domain, is_real

BUDGET = "budget "
"""What the ablation of a model's budgets is called, before the model's name."""
FIVE = 5
_KEY = ["model", "corpus", "subset_images", "ablation", "arm", "target", "transfer", "shots"]
_READ = [*_KEY, "family", "subset_classes", "draw", "seed", "status", "reason", "notes", "accuracy"]
_KEYS = ["transfer_key", "pretrain_key"]
_TRANSFER = ["transfer", "shots"]
_ORDER = (FINE_TUNE, "linear", "k-shot")


@dataclass(frozen=True)
class Evidence:
    """The tables of a suite, and what they do not say."""

    tables: Mapping[str, pd.DataFrame]
    """`cells` and `runs`; `correctness` and `permutation_check` where they are kept."""
    references: Mapping[str, str] = field(default_factory=dict)
    """Ablation -> the arm that the others are compared with."""
    size_classes: Mapping[str, str | None] = field(default_factory=dict)
    """Model -> the ViT of whose size it is, if there is one."""
    arrangement: "Evidence | None" = None
    """The tables of the suite `arrangement`, where it was run."""

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row a cell.

        Raises:
            MissingColumnError: the table is another one.
        """
        require_columns(self.tables["cells"], [*_READ, *_KEYS], "cells")
        return self.tables["cells"]

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row a run, by its key.

        Raises:
            DuplicateRowError: a run stands twice.
        """
        runs = self.tables["runs"]
        require_columns(runs, ["key", "tokens", "training_flops"], "runs")
        require_unique(runs, "key", "runs")
        return runs.set_index("key")

    @cached_property
    def ladder(self) -> pd.DataFrame:
        """The cells that are no ablation's."""
        return self.cells[self.cells["ablation"] == ""]

    def models(self, family: str) -> list[str]:
        """The pretrained models of a family, in the suite's order; those from outside are no part of a ladder."""
        known = self.ladder[(self.ladder["family"] == family) & self.ladder["subset_images"].gt(0).fillna(False)]
        return list(dict.fromkeys(known["model"]))

    def arms(self, ablation: str) -> dict[str, str]:
        """An ablation's arms and their models.

        Raises:
            MissingRowError: the suite has no such ablation.
        """
        cells = self.cells[self.cells["ablation"] == ablation]
        if cells.empty:
            raise MissingRowError(f"the suite has no ablation {ablation!r}")
        return dict(zip(cells["arm"], cells["model"], strict=True))

    def transfer(self, cells: pd.DataFrame, *, few_shot: bool = False) -> Transfer:
        """The way of transfer that is looked at: fine-tuning if the cells have it, or five shots where asked for.

        Raises:
            MissingRowError: there is no cell.
        """
        known = [Transfer(kind, None if shots is None else int(shots)) for (kind, shots), _ in split(cells, _TRANSFER)]
        if not known:
            raise MissingRowError("the suite has no such row")
        best = Transfer("k-shot", FIVE) if few_shot else Transfer(FINE_TUNE)
        return best if best in known else min(known, key=lambda one: (_ORDER.index(one.kind), -(one.shots or 0)))

    def targets(self, cells: pd.DataFrame, transfer: Transfer) -> list[str]:
        """The real targets that the cells were transferred to: neither in-domain nor made to a purpose.

        A target of which no cell has been begun, since its data is not there, is left out: `left_out` names it.

        Raises:
            MissingRowError: there is none.
        """
        found = [name for name in _begun(self._of(cells, transfer)) if is_real(name)]
        if not found:
            raise MissingRowError("the suite has no result on a real target")
        return found

    def in_domain(self, cells: pd.DataFrame, transfer: Transfer) -> list[str]:
        """The targets of the corpus' own making."""
        return [name for name in _begun(self._of(cells, transfer)) if is_in_domain(name)]

    def left_out(self, cells: pd.DataFrame, transfer: Transfer) -> list[str]:
        """Targets that no cell has been begun on."""
        of_transfer = self._of(cells, transfer)
        return [name for name in dict.fromkeys(of_transfer["target"]) if name not in _begun(of_transfer)]

    def row(self, place: Place, target: str) -> Row:
        """One row, whole.

        Raises:
            MissingRowError: the suite does not have it.
            IncompleteRowError: a seed diverged, failed or is missing.
            DuplicateRowError, DifferentImagesError: its cells are not those of one row, or a run stands twice.
        """
        if (place, target) not in self._read:
            self._read[place, target] = self._read_row(place, target)
        return self._read[place, target]

    def training_flops(self, row: Row) -> float:
        """What the pretraining behind a row took, the median over its seeds.

        Raises:
            MissingRowError: it was not counted.
        """
        known = self.runs["training_flops"].reindex(row.pretrain_keys).dropna()
        if known.empty:
            raise MissingRowError(f"{row.place}: training FLOPs were not counted")
        return float(known.astype("float64").median())

    def tokens(self, cells: pd.DataFrame) -> int | None:
        """Patch tokens of the network behind some cells, where it was counted."""
        known = self.runs["tokens"].reindex(cells["transfer_key"]).dropna()
        return int(known.iloc[0]) if len(known) else None

    def _read_row(self, place: Place, target: str) -> Row:
        cells = self._rows.get(_key(place, target))
        if cells is None or self.runs.empty:
            raise MissingRowError(f"the suite has no row {place}, {place.transfer} on {target}")
        expected = self._expected[place.ablation]
        found = read_seeds(cells, expected)
        if found.status != COMPLETE:
            why = f" ({found.reason})" if found.reason else ""
            message = f"{place}, {place.transfer} on {target}: {found.status}{why}"
            raise IncompleteRowError(message, len(found.accuracy), len(expected))
        seeds = tuple(sorted(found.accuracy))
        answers = read_answers(cells, self._answers, seeds) if self._answers else None
        accuracy = tuple(found.accuracy[seed] for seed in seeds)
        tested = cells[cells["seed"].isin(seeds)]
        return Row(place, target, seeds, accuracy, answers, *(_keys(tested, name) for name in _KEYS))

    @staticmethod
    def _of(cells: pd.DataFrame, transfer: Transfer) -> pd.DataFrame:
        shots = cells["shots"].isna() if transfer.shots is None else cells["shots"].eq(transfer.shots).fillna(False)
        return cells[(cells["transfer"] == transfer.kind) & shots]

    @cached_property
    def _rows(self) -> dict[tuple[Any, ...], pd.DataFrame]:
        return dict(split(self.cells, _KEY))

    @cached_property
    def _expected(self) -> dict[str, list[int]]:
        """The seeds that the rows of the ladder, and of each ablation, are held to."""
        return {ablation: expected_seeds(cells) for (ablation,), cells in split(self.cells, ["ablation"])}

    @cached_property
    def _read(self) -> dict[tuple[Place, str], Row]:
        """Rows that were asked for: most claims ask for the same ones."""
        return {}

    @cached_property
    def _answers(self) -> Known:
        return by_key(self.tables["correctness"]) if "correctness" in self.tables else {}


def _begun(cells: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(cells.loc[cells["status"] != "not_run", "target"]))


def _key(place: Place, target: str) -> tuple[Any, ...]:
    of_row = (place.model, place.corpus, place.subset_images, place.ablation, place.arm)
    return (*of_row, target, place.transfer.kind, place.transfer.shots)


def _keys(cells: pd.DataFrame, column: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for key in cells[column] if key))
