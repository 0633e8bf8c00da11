"""The tables of the traits of a store's runs: `traits`, `trait_answers`, `trait_rows` and `trait_differences`."""

from typing import Any

import pandas as pd

from bench.analysis.traits.packed_hits import COLUMNS, pack_hits
from bench.analysis.traits.trait_rows import trait_differences, trait_rows
from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.store.store import Store
from bench.traits.known_traits import TRAITS
from bench.traits.trait import Measure, Trait, TraitOfRun
from bench.traits.trait_record import DamagedTrait, TraitRecord, read_answers, traits_of

_TEXTS = ("trait", "setting", "measure")
_ROW = ("model", "family", "corpus", "subset_images", "target", "seed", "ablation", "arm")
TRAIT_COLUMNS = ("transfer_key", "trait_key", *_ROW, *_TEXTS, "value", "num_images")


def trait_tables(store: Store, plan: Plan, cells: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the tables of what is measured on the runs of a plan; none if nothing is.

    Records of other versions or settings of a trait, and damaged ones, are passed over.

    Args:
        store: the store with the records.
        plan: the suite's runs.
        cells: the table `cells`.
    """
    runs = {run.key: run for run in plan.runs}
    known = {str(name): trait for name, trait in TRAITS.items()}
    found: dict[str, list[tuple[TraitRecord, list[Measure]]]] = {}
    for record in traits_of(store):
        measures = _measures(store, record, known.get(record.trait), runs.get(record.of))
        if measures:
            found.setdefault(record.of, []).append((record, measures))
    if not found:
        return {}
    rows = [
        {"transfer_key": record.of, "trait_key": record.key, **{name: cell[name] for name in _ROW}}
        | _figures(record, one)
        for cell in cells[cells["transfer_key"].isin(found)].to_dict("records")
        for record, measures in found[cell["transfer_key"]]
        for one in measures
    ]
    traits = pd.DataFrame(rows, columns=list(TRAIT_COLUMNS)).astype(
        {"subset_images": "Int64", "seed": "int64", "value": "float64", "num_images": "Int64"}
    )
    packed = [
        pack_hits(record.key, one.setting, one.name, one.hits.ids, one.hits.hit, one.hits.counted, one.hits.clusters)
        for of_run in found.values()
        for record, measures in of_run
        for one in measures
        if one.hits is not None
    ]
    answers = pd.DataFrame(packed, columns=list(COLUMNS))
    return {
        "traits": traits,
        "trait_answers": answers,
        "trait_rows": trait_rows(traits, answers),
        "trait_differences": trait_differences(traits, answers),
    }


def _measures(store: Store, record: TraitRecord, trait: Trait | None, run: Run | None) -> list[Measure]:
    """Return what follows from a record's answers; nothing unless it is this version's, of a run, and whole."""
    if trait is None or run is None or record.status != "ok" or record.key != TraitOfRun(trait, run).key:
        return []
    try:
        return trait.measures(read_answers(store, record, trait))
    except DamagedTrait:
        return []


def _figures(record: TraitRecord, measure: Measure) -> dict[str, Any]:
    texts = dict(zip(_TEXTS, (record.trait, measure.setting, measure.name), strict=True))
    return texts | {"trait_key": record.key, "value": measure.value, "num_images": measure.num_images}
