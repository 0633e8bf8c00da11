"""A difference of two rows has one interval at a level, in whichever table or sentence it stands.

A row is known by the runs that were tested, so the reference arm of an ablation may be a row of the ladder. Everything
is asked for at such a level that each difference has its interval at 95 %.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from bench.analysis.ablations import ablations
from bench.analysis.claims.evidence import Evidence
from bench.analysis.claims.judge import find_quantities
from bench.analysis.claims.literature import CLAIMS
from bench.analysis.claims.own_rows import own_rows
from bench.analysis.claims.quantities import Difference
from bench.analysis.claims.rows import Transfer
from bench.analysis.comparison import ROW, SCRATCH, comparison
from bench.analysis.ladder.growth import pair_growths
from bench.analysis.ladder.rungs import ladders, with_means
from bench.analysis.recommend.candidates import Pretraining, collect, gaps, not_measured
from bench.analysis.stats.intervals import LEVEL
from bench.analysis.stats.statistics_errors import IncompleteRowError
from bench.analysis.targets import is_real
from tests.report.hand_made import REFERENCES, break_seed, make_answers, make_cells, make_tables

Tables = dict[str, pd.DataFrame]
Keys = frozenset[str]


class Shown(NamedTuple):
    """A difference with its interval."""

    source: str
    what: str
    """`difference`, or `slope` along the rungs of a ladder."""
    first: Keys
    """The runs of the row, or rows, that are not subtracted."""
    second: Keys
    low: float
    high: float


def every_difference(tables: Tables) -> Iterator[Shown]:
    """Yield every difference of two rows, from each table and each kind of sentence."""
    yield from _of_comparison(tables)
    yield from _of_ablations(tables)
    yield from _of_own_rows(tables)
    yield from _of_ladders(tables)
    yield from _of_claims(tables)
    yield from _of_recommendations(tables)


def _of_comparison(tables: Tables) -> Iterator[Shown]:
    cells = _ladder(tables)
    table = comparison(tables["cells"], tables.get("correctness"))
    for _, row in table.dropna(subset="gain_low").iterrows():
        scratch = {name: row[name] for name in ("model", "target", "transfer")} | {"corpus": SCRATCH}
        sides = (_keys(cells, **row[ROW]), _keys(cells, **scratch))
        yield Shown("comparison", "difference", *sides, row["gain_low"], row["gain_high"])


def _of_ablations(tables: Tables) -> Iterator[Shown]:
    table = ablations(tables["cells"], tables["runs"], REFERENCES, tables.get("correctness"))
    for _, row in table.dropna(subset="difference_low").iterrows():
        where = row[["ablation", "target"]]
        sides = (_keys(tables["cells"], **where, arm=arm) for arm in (row["arm"], REFERENCES[row["ablation"]]))
        yield Shown("ablations", "difference", *sides, row["difference_low"], row["difference_high"])


def _of_own_rows(tables: Tables) -> Iterator[Shown]:
    num_arms = own_rows(tables)["num_arms"].max()
    for _, row in own_rows(tables, 1 - num_arms * (1 - LEVEL)).dropna(subset="low").iterrows():
        assert row["level"] == pytest.approx(LEVEL)
        where = {"target": row["targets"].split(", "), "corpus": row["corpus"], "subset_images": row["subset_images"]}
        arm = _keys(tables["cells"], **where, ablation=row["ablation"], arm=row["arm"])
        own = _keys(_ladder(tables), **where, model=row["own_model"])
        yield Shown("own_rows", "difference", arm, own, row["low"], row["high"])


def _of_ladders(tables: Tables) -> Iterator[Shown]:
    cells = _ladder(tables)
    for ladder in with_means(ladders(cells, tables.get("correctness"))):
        for pair in pair_growths(ladder):
            models = (pair.first.model, pair.second.model)
            known = [("difference", [rung.size], rung.interval) for rung in pair.rungs]
            for what, sizes, interval in [*known, ("slope", ladder.sizes, pair.slope)]:
                if interval is not None:
                    where = {"target": ladder.targets, "subset_images": sizes}
                    sides = (_keys(cells, **where, model=model) for model in models)
                    yield Shown("ladder", what, *sides, interval.low, interval.high)


def _of_claims(tables: Tables) -> Iterator[Shown]:
    for claim in CLAIMS:
        found, _ = find_quantities(claim, Evidence(tables, REFERENCES))
        for quantity in found.quantities if found else ():
            if type(quantity) is not Difference:
                continue
            number = len(quantity.weights) // 2
            sides = [
                frozenset(key for rows in quantity.rows.values() for row in rows[half] for key in row.transfer_keys)
                for half in (slice(number), slice(number, None))
            ]
            interval = quantity.interval(LEVEL)
            what = "difference" if number == 1 else "slope"
            yield Shown(claim.id, what, *sides, interval.low, interval.high)


def _of_recommendations(tables: Tables) -> Iterator[Shown]:
    cells = tables["cells"]
    for target in filter(is_real, cells["target"].unique()):
        for size in cells["subset_images"].unique():
            where = (Pretraining("fractals" if size else SCRATCH, size), Transfer("fine-tune"), not_measured)
            try:
                candidates = collect(Evidence(tables, REFERENCES), target, *where).candidates
            except IncompleteRowError:
                continue
            for numbers, gap in gaps(candidates).items():
                sides = (frozenset(candidates[number].row.transfer_keys) for number in numbers)
                if gap.bounds:
                    yield Shown("recommendation", "difference", *sides, *gap.bounds[0])


def _ladder(tables: Tables) -> pd.DataFrame:
    return tables["cells"][tables["cells"]["ablation"] == ""]


def _keys(cells: pd.DataFrame, **where: Any) -> Keys:
    """The runs of the cells that have these values; a missing value is any."""
    for name, value in where.items():
        if isinstance(value, (list, tuple)) or not pd.isna(value):
            chosen = cells[name].isin(value) if isinstance(value, (list, tuple)) else cells[name].eq(value)
            cells = cells[chosen.fillna(False)]
    return frozenset(cells["transfer_key"])


def planted(
    num_seeds: int,
    num_real: int = 2,
    *,
    answers: bool = True,
    few_clusters: bool = False,
    failing: str = "",
    draw: int = 0,
) -> Tables:
    """Return the tables of three families on real targets and an in-domain one, with arms.

    Args:
        num_seeds: The number of seeds.
        num_real: The number of real targets, one or two.
        answers: Whether the correctness of answers is kept.
        few_clusters: Whether the images of one target come in four clusters; its intervals are then over seeds alone.
        failing: A model of which seed 2 diverges in every row.
        draw: What seeds the noise.
    """
    targets = ("cifar10", "digits@100")[:num_real]
    cells = make_cells(targets=(*targets, "fractals-heldout"), seeds=tuple(range(num_seeds)))
    noise = np.random.default_rng(draw).normal(0, 0.02, len(cells))
    cells["accuracy"] = (cells["accuracy"] + noise).groupby(cells["transfer_key"]).transform("first")
    cells["pretrain_key"] = cells.groupby("transfer_key")["pretrain_key"].transform("first")
    cells = break_seed(cells, model=failing) if failing else cells
    tables = make_tables(cells)
    if answers:
        tables["correctness"] = pd.concat(
            _answers(of_target, 300 + 100 * number, few_clusters=few_clusters and target == "cifar10")
            for number, (target, of_target) in enumerate(cells.groupby("target"))
        )
    return tables


def _answers(cells: pd.DataFrame, num_images: int, *, few_clusters: bool) -> pd.DataFrame:
    """Each model finds other images hard, so that differences vary over images, too."""
    kept = make_answers(cells.assign(target=cells["model"]), num_images)
    clusters = (np.arange(num_images) % 4).astype("<u1").tobytes()
    return kept.assign(cluster=[clusters if few_clusters else None] * len(kept))


def require_one_interval(found: Iterable[Shown]) -> dict[tuple[str, Keys, Keys], set[str]]:
    """Require one interval of each difference, and return where each stands."""
    shown: dict[tuple[str, Keys, Keys], list[Shown]] = {}
    for one in found:
        is_turned = sorted(one.first) > sorted(one.second)
        turned = one._replace(first=one.second, second=one.first, low=-one.high, high=-one.low)
        kept = turned if is_turned else one
        shown.setdefault((kept.what, kept.first, kept.second), []).append(kept)
    for same in shown.values():
        for one in same[1:]:
            ends = pytest.approx((same[0].low, same[0].high), rel=1e-8, abs=1e-9)  # some are rounded to nine digits
            assert (one.low, one.high) == ends, f"{same[0]} and {one}"
    return {key: {one.source for one in same} for key, same in shown.items()}


@pytest.mark.parametrize(
    "planting",
    [
        {"num_seeds": 3, "num_real": 1},
        {"num_seeds": 6, "num_real": 1},
        {"num_seeds": 4, "answers": False},
        {"num_seeds": 2, "few_clusters": True},
        {"num_seeds": 5, "few_clusters": True, "failing": "vit_pico/8:pos=none"},
        {"num_seeds": 4, "num_real": 1, "failing": "bit_resnet_pico"},
    ],
    ids=str,
)
def test_a_difference_has_one_interval(planting: dict[str, Any]) -> None:
    """With few seeds and enough, with answers and without, and where a seed fails to train."""
    stands = require_one_interval(every_difference(planted(**planting)))
    several = set(itertools.chain(*(sources for sources in stands.values() if len(sources) > 1)))
    assert several >= {"ablations", "own_rows", "recommendation", "ladder", "C5"}


@pytest.mark.slow
@pytest.mark.parametrize("draw", range(20))
def test_a_difference_has_one_interval_in_drawn_stores(draw: int) -> None:
    draws = np.random.default_rng(draw)
    failing = str(draws.choice(["", "r_pico+vit_pico/8", "vit_pico/8:pos=none"]))
    answers, few_clusters = draws.random(2) < 0.7
    planting = {"num_seeds": int(draws.integers(3, 8)), "num_real": int(draws.integers(1, 3)), "failing": failing}
    tables = planted(**planting, answers=answers, few_clusters=few_clusters, draw=draw)
    require_one_interval(every_difference(tables))
