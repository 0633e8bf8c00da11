"""The exact check: whether a model without positional encoding tells two arrangements of the same patches apart.

The ten images of an instance of the target `arrangement` hold the same patches, so such a model gives them one answer,
up to the rounding of its precision. There is nothing to estimate and no interval: it does in all instances, or not.
"""

import re
from dataclasses import dataclass

import pandas as pd

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.rows import CompleteRow, keys_of
from bench.analysis.format import listed
from bench.analysis.frames import require_columns, require_unique
from bench.analysis.stats.statistics_errors import MissingRowError
from bench.analysis.stats.verdicts import Word
from bench.analysis.targets import ARRANGEMENT, base

POSITION = "position"
_COLUMNS = ["transfer_key", "num_groups", "same_answers", "largest_confidence_difference"]
_WITHOUT = re.compile(r"[:,]pos=none(,|$)")


@dataclass(frozen=True)
class Exact:
    """What the check found."""

    word: Word
    share: float
    """Of the instances whose images the arm without encoding gives one answer; the mean over seeds."""
    reason: str
    measured: str
    keys: tuple[str, ...]
    num_seeds: int
    details: tuple[str, ...]
    """What each arm did."""


@dataclass(frozen=True)
class CannotTell:
    """Without positional encoding, all arrangements of the same patches get one answer."""

    def check(self, evidence: Evidence) -> Exact:
        """Look at every seed of every arm.

        Raises:
            MissingRowError: the suite `arrangement` was not run, or its answers are not kept.
            IncompleteRowError: a seed of an arm is missing.
            DuplicateRowError: a run stands twice.
        """
        there = evidence.arrangement or evidence
        arms = _arms(there)
        blind = {arm: row for arm, row in arms.items() if _WITHOUT.search(row.id.model)}
        if not blind:
            raise MissingRowError(f"the ablation {POSITION!r} on {ARRANGEMENT} has no arm without encoding (pos=none)")
        twins = _twins(there, [key for row in arms.values() for key in row.transfer_keys])
        shares = {arm: twins["same_answers"].reindex(row.transfer_keys).tolist() for arm, row in arms.items()}
        return _judge(arms, set(blind), shares, twins)


def _judge(arms: dict[str, CompleteRow], blind: set[str], shares: dict[str, list[float]], twins: pd.DataFrame) -> Exact:
    tells = [arm for arm in blind if min(shares[arm]) < 1]
    alike = [arm for arm in arms if arm not in blind and max(shares[arm]) == 1]
    word: Word = "refuted" if tells else "undecided" if alike else "supported"
    reason = (
        f"{listed(alike)} gives one answer, too, in some seed: it has not learned to tell them apart" if alike else ""
    )
    first = next(iter(arms.values()))
    groups = int(twins["num_groups"].max())
    of_blind = [share for arm in blind for share in shares[arm]]
    return Exact(
        word,
        sum(of_blind) / len(of_blind),
        "" if tells else reason,
        f"{groups} instances of ten images with the same patches, {first.id} and the other arms",
        keys_of(arms.values()),
        first.num_seeds,
        tuple(_detail(arm, row, shares[arm], twins) for arm, row in arms.items()),
    )


def _detail(arm: str, row: CompleteRow, shares: list[float], twins: pd.DataFrame) -> str:
    difference = twins["largest_confidence_difference"].reindex(row.transfer_keys).max()
    told = listed([f"{100 * share:g} %" for share in shares])
    return f"{arm}: one answer in {told} of the instances, by seed; confidences differ by at most {difference:.1e}"


def _arms(evidence: Evidence) -> dict[str, CompleteRow]:
    """Each arm's row on the target."""
    cells = evidence.cells[(evidence.cells["ablation"] == POSITION)]
    cells = cells[cells["target"].map(base) == ARRANGEMENT]
    if cells.empty:
        raise MissingRowError(f"the suite {ARRANGEMENT}, which shows this, has no results under the same --results")
    targets = dict(zip(cells["arm"], cells["target"], strict=True))
    row_ids = evidence.arms(cells, evidence.transfer(cells))
    return {arm: evidence.row(row_id, targets[arm]) for arm, row_id in row_ids.items()}


def _twins(evidence: Evidence, keys: list[str]) -> pd.DataFrame:
    """The check of each of these runs, by key."""
    if "permutation_check" not in evidence.tables or evidence.tables["permutation_check"].empty:
        raise MissingRowError(f"the answers of {ARRANGEMENT} are not kept, so its twins can't be compared")
    table = evidence.tables["permutation_check"]
    require_columns(table, _COLUMNS, "permutation_check")
    require_unique(table, "transfer_key", "permutation_check")
    by_key = table.set_index("transfer_key")
    if lacking := [key for key in keys if key not in by_key.index]:
        raise MissingRowError(f"run {lacking[0]} has no answers, so its twins can't be compared")
    return by_key
