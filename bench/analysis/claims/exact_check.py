"""Check exactly whether a model without positional encoding tells two arrangements of the same patches apart.

The ten images of an instance of the target `arrangement` hold the same patches, so such a model gives all of them the
same output, up to the rounding of its precision. Nothing is estimated, so there is no interval.
"""

import math
import re
from dataclasses import dataclass

import pandas as pd

from bench.analysis.claims.ablation_arms import POSITION
from bench.analysis.claims.claim import Claim, Judgement
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.rows import CompleteRow, keys_of
from bench.analysis.format import listed, share
from bench.analysis.frames import require_columns, require_unique
from bench.analysis.stats.intervals import Interval
from bench.analysis.stats.statistics_errors import IncompleteRowError, MissingRowError
from bench.analysis.stats.verdicts import Word
from bench.analysis.targets import ARRANGEMENT, base

_TABLE = "permutation_check"
_COLUMNS = ["transfer_key", "num_groups", "same_answers", "largest_confidence_difference"]
_WITHOUT = re.compile(r"[:,]pos=none(,|$)")
_OVERLAP = re.compile(r"[:,]stride=")
_CELLS = 4
"""Number of cells per side of an image of the target."""


@dataclass(frozen=True)
class CannotTell:
    """Without positional encoding, a model gives the same output for all arrangements of the same patches."""

    def check(self, claim: Claim, evidence: Evidence) -> Judgement:
        """Judge the claim by every seed of every arm: the suite's own on the target, or those of `arrangement`.

        The value is the share of instances with the same output for all images, averaged over the seeds of the arms
        without encoding.

        Raises:
            MissingRowError: Neither has such arms, their predictions are not kept, or patches reach across cells.
            IncompleteRowError: A seed of an arm is missing or diverged.
            DuplicateRowError: A run occurs twice.
        """
        suite = evidence if has_arms(evidence.cells) else evidence.arrangement or evidence
        arms = _arms(suite)
        blind = [arm for arm, row in arms.items() if _WITHOUT.search(row.id.model)]
        if not blind:
            raise MissingRowError(f"no ablation on {ARRANGEMENT} has an arm without encoding (pos=none)")
        if across := [arm for arm in blind if _reaches_across(suite, arms[arm])]:
            raise MissingRowError(
                f"patches of {arms[across[0]].id.model} reach across the cells of {ARRANGEMENT}, so its arrangements "
                "do not have the same patches; a side of a patch is a quarter of the image's side, or a part of that"
            )
        checks = _checks(suite, [key for row in arms.values() for key in row.transfer_keys])
        shares = {arm: checks["same_answers"].reindex(row.transfer_keys).tolist() for arm, row in arms.items()}
        tells_apart = any(min(shares[arm]) < 1 for arm in blind)
        alike = [] if tells_apart else [arm for arm in arms if arm not in blind and max(shares[arm]) == 1]
        verdict: Word = "refuted" if tells_apart else "undecided" if alike else "supported"
        reason = f"{listed(alike)} also gives the same output in some seed, so it has not learned to tell them apart"
        first, of_blind = next(iter(arms.values())), [of_run for arm in blind for of_run in shares[arm]]
        groups = int(checks["num_groups"].max())
        return Judgement(
            claim,
            verdict,
            "share",
            Interval(sum(of_blind) / len(of_blind), math.nan, math.nan, first.num_seeds),
            num_seeds=first.num_seeds,
            measured=f"{groups} instances of ten images with the same patches, {first.id} and the other arms",
            reason=reason if alike else "",
            would_decide="a longer training of these arms" if alike else "",
            beside=tuple(_detail(arm, row, shares[arm], checks) for arm, row in arms.items()),
            keys=keys_of(arms.values()),
        )


def has_arms(cells: pd.DataFrame) -> bool:
    """Return whether a suite has an ablation on the target."""
    return not _arm_cells(cells).empty


def _reaches_across(evidence: Evidence, row: CompleteRow) -> bool:
    """Return whether patches overlap, or are no whole parts of the target's 4 x 4 cells."""
    tokens = evidence.tokens(evidence.cells[evidence.cells["transfer_key"].isin(row.transfer_keys)])
    side = math.isqrt(tokens) if tokens is not None else _CELLS
    return side % _CELLS > 0 or bool(_OVERLAP.search(row.id.model))


def _detail(arm: str, row: CompleteRow, shares: list[float], checks: pd.DataFrame) -> str:
    difference = checks["largest_confidence_difference"].reindex(row.transfer_keys).max()
    by_seed = listed(list(map(share, shares)))
    return (
        f"{arm}: the same output in {by_seed} of the instances, by seed; confidences differ by up to {difference:.1e}"
    )


def _arms(evidence: Evidence) -> dict[str, CompleteRow]:
    """Return each arm's row on the target."""
    cells = _arm_cells(evidence.cells)
    if cells.empty:
        raise MissingRowError(
            f"the suite has no ablation on the target {ARRANGEMENT}, and the suite {ARRANGEMENT}, which shows this, "
            "has no results under the same --results"
        )
    targets = dict(zip(cells["arm"], cells["target"], strict=True))
    row_ids = evidence.arms(cells, evidence.transfer(cells))
    rows = {arm: evidence.row(row_id, targets[arm]) for arm, row_id in row_ids.items()}
    for row in rows.values():
        if len(row.results.accuracy) < row.num_seeds:
            raise IncompleteRowError(f"{row.id}: {row.results.status}", len(row.results.accuracy), row.num_seeds)
    return rows


def _arm_cells(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of one ablation on the target: `position`, or else the first."""
    arms = cells[(cells["ablation"] != "") & (cells["target"].map(base) == ARRANGEMENT)]
    names = sorted(arms["ablation"].unique(), key=lambda name: name != POSITION)
    return arms[arms["ablation"] == names[0]] if names else arms


def _checks(evidence: Evidence, keys: list[str]) -> pd.DataFrame:
    """Return the check of each of these runs, by key."""
    table = evidence.tables.get(_TABLE)
    if table is None or table.empty:
        raise MissingRowError(f"the predictions on {ARRANGEMENT} are not kept, so its permutations can't be compared")
    require_columns(table, _COLUMNS, _TABLE)
    require_unique(table, "transfer_key", _TABLE)
    by_key = table.set_index("transfer_key")
    if lacking := [key for key in keys if key not in by_key.index]:
        raise MissingRowError(f"run {lacking[0]} has no predictions, so its permutations can't be compared")
    return by_key
