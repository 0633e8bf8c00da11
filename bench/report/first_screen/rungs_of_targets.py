"""List the sizes at which the models of a target are compared: each rung, from scratch, and external weights."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.analysis.ahead import Placing, placing
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.rows import RowId, Transfer
from bench.analysis.comparison import AS_IT_IS, SCRATCH
from bench.analysis.format import is_known
from bench.analysis.frames import split
from bench.report.first_screen.naming import after
from bench.report.layout import by_transfer, panels, target_key


@dataclass(frozen=True)
class ComparedAt:
    """The rows of a target that are compared with one another."""

    evidence: Evidence
    rows: pd.DataFrame
    """Rows of the comparison, one per model."""
    corpus: str = ""
    """The corpus, if the suite has several."""

    @property
    def size(self) -> int | None:
        """Return the pretraining images: 0 from scratch, None for external weights."""
        size = self.rows["subset_images"].iloc[0]
        return int(size) if is_known(size) else None

    @property
    def target(self) -> str:
        """Return the target's name in the suite."""
        return str(self.rows["target"].iloc[0])

    @property
    def where(self) -> str:
        """Return what the models start from, in words."""
        if self.size is None:
            return "with external weights, of unknown pretraining,"
        of_corpus = f" of {self.corpus}" if self.corpus else ""
        return f"{after(self.size)}{of_corpus}" if self.size else "from scratch"

    @property
    def row_ids(self) -> list[tuple[str, RowId]]:
        """Return the family and the row of each model."""
        return [(row["family"], row_id_of(row)) for _, row in self.rows.iterrows()]

    @cached_property
    def placing(self) -> Placing:
        """Return who is ahead."""
        return placing(self.evidence, self.row_ids, [self.target])


@dataclass(frozen=True)
class OfTarget:
    """All that is compared on one target with one way of transfer."""

    key: str
    """The key of the target on the page."""
    rungs: tuple[ComparedAt, ...]
    """The rungs of the first corpus, ascending."""
    scratch: ComparedAt | None
    external: ComparedAt | None

    @property
    def first(self) -> pd.Series:
        """Return a row that names the target and its way of transfer."""
        return next(part for part in self.parts).rows.iloc[0]

    @property
    def parts(self) -> Iterator[ComparedAt]:
        """Yield what is compared, the largest rung first, then from scratch and external weights."""
        yield from reversed(self.rungs)
        yield from (part for part in (self.scratch, self.external) if part)

    @property
    def is_evaluated_once(self) -> bool:
        """Tell whether nothing is trained, so that there is one seed."""
        return bool(self.first["transfer"] == AS_IT_IS)


def targets_of(tables: Mapping[str, pd.DataFrame]) -> tuple[OfTarget, ...]:
    """Return the targets of a suite: fine-tuning first, and real targets before others.

    Args:
        tables: `cells`, `runs` and `comparison`, and `correctness` if it is kept.
    """
    evidence = Evidence(tables)
    keyed = [
        (target_key(row), row)
        for _, of_transfer in by_transfer(tables["comparison"])
        for panel in panels(of_transfer)
        for _, row in panel.rows.iterrows()
    ]
    by_key: dict[str, list[pd.Series]] = {}
    for key, row in keyed:
        by_key.setdefault(key, []).append(row)
    return tuple(_of_target(evidence, key, pd.DataFrame(rows)) for key, rows in by_key.items())


def _of_target(evidence: Evidence, key: str, rows: pd.DataFrame) -> OfTarget:
    is_scratch, is_external = rows["corpus"] == SCRATCH, rows["subset_images"].isna()
    on_rungs = rows[~is_scratch & ~is_external]
    corpora = list(dict.fromkeys(on_rungs["corpus"]))
    first = on_rungs[on_rungs["corpus"].isin(corpora[:1])]
    corpus = corpora[0] if len(corpora) > 1 else ""
    rungs = [ComparedAt(evidence, of_size, corpus) for _, of_size in split(first, ["subset_images"])]
    return OfTarget(
        key,
        tuple(sorted(rungs, key=lambda rung: rung.size or 0)),
        _part(evidence, rows[is_scratch]),
        _part(evidence, rows[is_external & ~is_scratch]),
    )


def _part(evidence: Evidence, rows: pd.DataFrame) -> ComparedAt | None:
    return ComparedAt(evidence, rows) if len(rows) else None


def row_id_of(row: pd.Series) -> RowId:
    """Return what identifies a row of the comparison, or of the ablations."""
    size = int(row["subset_images"]) if is_known(row["subset_images"]) else None
    transfer = Transfer(row["transfer"], int(row["shots"]) if is_known(row["shots"]) else None)
    return RowId(row["model"], row["corpus"], size, transfer, row.get("ablation", ""), row.get("arm", ""))
