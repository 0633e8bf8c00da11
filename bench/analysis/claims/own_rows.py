"""Compare the arms of ablations with the ladder's own rows of their families.

A family should be on the ladder with its best model. An arm that beats every row of its family on the rung that arms
are pretrained on shows that it is not, and the other results of the suite then understate the family.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.quantities import Difference
from bench.analysis.claims.rows import RowId
from bench.analysis.format import listed, plural, quantity_interval, share
from bench.analysis.frames import split
from bench.analysis.stats.intervals import LEVEL, Interval
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.power import Limits
from bench.analysis.stats.statistics_errors import AnalysisError, MissingRowError

_ABOVE = Limits(0, float("inf"))
TYPES = {
    **dict.fromkeys(["ablation", "arm", "model", "own_model", "family", "corpus"], "str"),
    "subset_images": "Int64",
    "transfer": "str",
    "shots": "Int64",
    "targets": "str",
    **dict.fromkeys(["difference", "low", "high", "level"], "float64"),
    **dict.fromkeys(["num_pairs", "num_arms"], "Int64"),
    "is_ahead": "bool",
    "reason": "str",
}
"""Column of the table -> its type."""


def own_rows(tables: Mapping[str, pd.DataFrame], level: float = LEVEL) -> pd.DataFrame:
    """Compare each arm with each row of its family on the ladder, at the rung of the arm.

    Arms whose model is on the ladder are left out, and so are ablations without a result on a real target.

    Args:
        tables: `cells`, `runs`, and `correctness` if it is kept.
        level: The confidence level at which all intervals hold together.

    Returns:
        One row per arm and row of the ladder. `difference` is the arm's accuracy less the row's, averaged over the real
        `targets` of both and paired by seed and image, as in claims. `low` and `high` are its interval at `level`,
        which is corrected over the `num_arms` arms that have an interval. `is_ahead` tells of an arm whether its
        intervals to all rows of its family lie above zero and no failed seed objects. `reason` says why there is no
        interval, or what objects.

    Raises:
        MissingColumnError, DuplicateRowError: A table lacks a column or holds a row twice.
    """
    pairs = list(_pairs(Evidence(tables), level))
    arms = {pair.arm for pair in pairs if isinstance(pair.difference, Difference)}
    corrected = corrected_level(len(arms), level) if arms else level
    table = pd.DataFrame([_row(pair, corrected, len(arms)) for pair in pairs], columns=list(TYPES)).astype(TYPES)
    return table.assign(is_ahead=table.groupby(["ablation", "arm"])["is_ahead"].transform("all").astype("bool"))


def ahead_warnings(table: pd.DataFrame | None) -> tuple[str, ...]:
    """Return a sentence for each arm that is ahead of its family; none without the table `own_rows`."""
    ahead = table[table["is_ahead"]] if table is not None else pd.DataFrame()
    return tuple(_warning(rows) for _, rows in split(ahead, ["ablation", "arm"])) if len(ahead) else ()


@dataclass(frozen=True)
class _Pair:
    """An arm and a row of its family."""

    family: str
    arm: RowId
    own: RowId
    targets: tuple[str, ...]
    difference: Difference | str
    """The arm's accuracy less the row's, or why there is no interval."""


def _pairs(evidence: Evidence, level: float) -> Iterator[_Pair]:
    """Yield each arm with each row of its family at the same rung, in the order of the suite."""
    ladder = evidence.ladder
    on_ladder = set(ladder["model"])
    for _, of_ablation in split(evidence.cells[evidence.cells["ablation"] != ""], ["ablation"]):
        try:
            scope = evidence.scope(of_ablation)
        except MissingRowError:
            continue
        for arm in evidence.arms(of_ablation, scope.transfer).values():
            if arm.model in on_ladder:
                continue
            family = of_ablation.loc[of_ablation["arm"] == arm.arm, "family"].iloc[0]
            at_rung = ladder["corpus"].eq(arm.corpus) & ladder["subset_images"].eq(arm.subset_images or 0).fillna(False)
            for (model,), rows in split(ladder[at_rung & ladder["family"].eq(family)], ["model"]):
                own = RowId(model, arm.corpus, arm.subset_images, arm.transfer)
                has = set(rows.loc[rows["transfer"].eq(arm.transfer.kind), "target"])
                targets = tuple(target for target in scope.targets if target in has)
                yield _Pair(family, arm, own, targets, _difference(evidence, arm, own, targets, level))


def _difference(evidence: Evidence, arm: RowId, own: RowId, targets: tuple[str, ...], level: float) -> Difference | str:
    """Return the difference if it has an interval, else why not."""
    if not targets:
        return f"{own} has no real target, {own.transfer}, that the arm has too"
    try:
        difference = Difference(f"{arm} less {own}", evidence.rows([arm, own], targets), (1.0, -1.0), _ABOVE)
        difference.objection(difference.interval(level), level)
    except AnalysisError as error:
        return str(error)
    return difference


def _row(pair: _Pair, level: float, num_arms: int) -> dict[str, Any]:
    """Return a row of the table."""
    facts = {
        "ablation": pair.arm.ablation,
        "arm": pair.arm.arm,
        "model": pair.arm.model,
        "own_model": pair.own.model,
        "family": pair.family,
        "corpus": pair.arm.corpus,
        "subset_images": pair.arm.subset_images,
        "transfer": pair.arm.transfer.kind,
        "shots": pair.arm.transfer.shots,
        "targets": ", ".join(pair.targets),
        "num_arms": num_arms,
    }
    if isinstance(pair.difference, str):
        return facts | {"is_ahead": False, "reason": pair.difference}
    interval = pair.difference.interval(level)
    objection = pair.difference.objection(interval, level)
    numbers = {"difference": interval.mean, "low": interval.low, "high": interval.high, "num_pairs": interval.n}
    return facts | numbers | {"level": level, "is_ahead": interval.low > 0 and not objection, "reason": objection}


def _warning(rows: pd.DataFrame) -> str:
    """Return the sentence on one arm that is ahead."""
    first = rows.iloc[0]
    leads = [f"{row['own_model']} by {quantity_interval(_interval(row), 'points')}" for _, row in rows.iterrows()]
    return (
        f"An arm is ahead of the ladder's own {first['family']}: {first['model']} (ablation {first['ablation']}, arm "
        f"{first['arm']}) beats {listed(leads)} on {first['targets']}, in intervals at "
        f"{share(first['level'])}, corrected over {plural(int(first['num_arms']), 'arm')}. The family's "
        "other rows may understate it."
    )


def _interval(row: pd.Series) -> Interval:
    return Interval(row["difference"], row["low"], row["high"], int(row["num_pairs"]))
