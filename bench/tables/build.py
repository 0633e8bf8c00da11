"""Build the tables of a store, which `docs/schema.md` describes.

The plan decides the rows, and the records fill them in: a cell whose run is missing or failed is a row with its status
and reason. `cells` depends only on the results in the records, so the same code on the same machine gives the same
bytes. Imports no torch.
"""

import json
from typing import Any

import pandas as pd

from bench.analysis.ablations import ablations
from bench.analysis.claims.own_rows import own_rows
from bench.analysis.comparison import comparison
from bench.analysis.ladder.ladder_tables import ladder_tables
from bench.analysis.tested import COLUMNS
from bench.config.resolved import ResolvedSuite
from bench.config.suite import Match
from bench.data.target import TargetRef, is_drawn
from bench.errors import InputError
from bench.plan.expand import Cell, Plan, expand
from bench.plan.run import Run
from bench.store.store import Record, Store
from bench.tables.left_out import left_out_table
from bench.tables.per_image import correctness_table
from bench.tables.permutation_check import permutation_table
from bench.tables.trait_tables import trait_tables
from bench.tuning.choice import survey, tuning_store
from bench.tuning.trials import trials_table

NOT_RUN: Record = {"status": "not_run", "reason": "not run yet", "data": {}}

METRICS = ("train_loss", "validation_loss", "validation_accuracy", "test_accuracy", "test_loss")
COSTS = ("images_per_second", "train_seconds", "total_seconds", "peak_memory_bytes", "micro_batch")
CELL_COUNTS = ("subset_images", "subset_classes", "target_images", "shots", "draw")
RUN_COUNTS = (
    *("subset_images", "num_classes", "images_seen", "parameters", "macs", "tokens"),
    *("peak_memory_bytes", "micro_batch", "num_resumes", "shots", "draw"),
)
OF_TEST = dict.fromkeys(COLUMNS, "Int64") | {"constant_answer": "float64", "balanced_accuracy": "float64"}
CELL_TYPES = dict.fromkeys(CELL_COUNTS, "Int64") | {"accuracy": "float64"} | OF_TEST
RUN_NUMBERS = ("strength", "training_flops", *METRICS, *COSTS)
RUN_TYPES = dict.fromkeys(RUN_NUMBERS, "float64") | dict.fromkeys(RUN_COUNTS, "Int64") | OF_TEST
ENVIRONMENT = ("python", "torch", "torchvision", "timm", "numpy", "pandas", "platform", "processor", "git_commit")


def build_tables(store: Store) -> dict[str, pd.DataFrame]:
    """Return all tables of a store by name, with exactly the cells of its suite."""
    suite = store.suite()
    plan = expand(suite)
    records = {run.key: store.look(run.key) for run in plan.runs}
    rows = pd.DataFrame([_cell_row(cell, records, suite.match) for cell in plan.cells]).astype(CELL_TYPES)
    cells = with_known_classes(rows)
    runs = pd.DataFrame([_run_row(run, records[run.key]) for run in plan.runs]).astype(RUN_TYPES)
    correctness = correctness_table(store, records)
    _check_images(store, plan, correctness)
    references = {ablation.name: ablation.reference for ablation in suite.ablations}
    references |= {f"budget {model}": "1" for model in suite.models if suite.budgets}
    return {
        "cells": cells,
        "runs": runs,
        "correctness": correctness,
        "comparison": comparison(cells, correctness),
        "ablations": ablations(cells, runs, references, correctness),
        **_own_rows(cells, runs, correctness),
        **ladder_tables(cells, correctness),
        **_left_out(plan, records),
        **_trials(store, suite),
        **_permutation_check(store, plan, records),
        **trait_tables(store, plan, cells),
    }


def with_known_classes(cells: pd.DataFrame) -> pd.DataFrame:
    """Return cells in which those without a run have the number of classes that other seeds' records give their subset.

    The files of a corpus tell its number of classes, so the plan need not know it. Seeds of one row would stand apart.
    """
    known = cells.groupby(["corpus", "subset_images"], dropna=False)["subset_classes"].transform("max")
    return cells.assign(subset_classes=cells["subset_classes"].fillna(known))


def _check_images(store: Store, plan: Plan, correctness: pd.DataFrame) -> None:
    """See that all runs on a target were tested on the same images.

    Raises:
        InputError: names two runs that were not; one of them is of another data set, or damaged.
    """
    rows = {row["transfer_key"]: row for row in correctness.to_dict("records")}
    first: dict[tuple[Any, ...], tuple[str, Any]] = {}
    for run in plan.runs:
        if run.target is None or run.key not in rows:
            continue
        row = rows[run.key]
        for name, fact in (("images", (row["images"], row["num_images"])), ("clusters of images", row["cluster"])):
            data = (name, run.target.name, run.target.path, run.on_bad_image)
            other, known = first.setdefault(data, (run.key, fact)) if fact is not None else ("", None)
            if known != fact:
                raise InputError(
                    f"{store.root}: predictions.parquet of the runs {other} and {run.key}, both on {run.target}, are "
                    f"of different test {name}; move the folder of the wrong run away, and `bench run` does it again"
                )


def _permutation_check(store: Store, plan: Plan, records: dict[str, Record | None]) -> dict[str, pd.DataFrame]:
    """Return the permutation check; no table if no target is `arrangement`."""
    tested = [run for run in plan.runs if run.target is not None and run.target.name == "arrangement"]
    return {"permutation_check": permutation_table(store, tested, records)} if tested else {}


def _left_out(plan: Plan, records: dict[str, Record | None]) -> dict[str, pd.DataFrame]:
    """Return the table of what sources passed over; no table if that is nothing."""
    table = left_out_table(plan.runs, records)
    return {} if table.empty else {"left_out": table}


def _own_rows(cells: pd.DataFrame, runs: pd.DataFrame, correctness: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the table of arms against their families' rows; no table if no arm is compared."""
    table = own_rows({"cells": cells, "runs": runs, "correctness": correctness})
    return {} if table.empty else {"own_rows": table}


def _trials(store: Store, suite: ResolvedSuite) -> dict[str, pd.DataFrame]:
    """Return the table of a tuning; no table if the suite has no tuning."""
    if suite.tuning is None:
        return {}
    return {"trials": trials_table(survey(suite, tuning_store(store.root)))}


def runs_outside_suite(store: Store) -> list[str]:
    """Return the keys of undamaged records that are not part of the store's suite."""
    planned = {run.key for run in expand(store.suite()).runs}
    return [record["key"] for record in store.records() if record["key"] not in planned]


def _cell_row(cell: Cell, records: dict[str, Record | None], match: Match) -> dict[str, Any]:
    pretrain, transfer = cell.pretrain, cell.transfer
    before = records[pretrain.key] if pretrain else None
    record = _decisive(records[transfer.key] or NOT_RUN, before)
    target = transfer.target
    if target is None:
        raise AssertionError("a cell ends on a target")
    return {
        "model": transfer.model,
        "family": transfer.family,
        "corpus": (pretrain or transfer).pretraining_name,
        "subset_images": _subset_images(cell),
        "subset_classes": _subset_classes(pretrain, before),
        "subset_hash": before["data"].get("subset_hash", "") if before else "",
        "target": str(target),
        "target_images": _target_images(cell, records[transfer.key]),
        "image_size": transfer.image_size,
        "transfer": cell.transfer_kind,
        "shots": cell.shots,
        "draw": _draw(cell, target),
        "pretrain_recipe": pretrain.recipe if pretrain else "",
        "transfer_recipe": transfer.recipe,
        "match": match,
        "ablation": cell.ablation,
        "arm": cell.arm,
        "seed": transfer.seed,
        "status": record["status"],
        "reason": record["reason"],
        "notes": _cell_notes(before, records[transfer.key]),
        "accuracy": record["metrics"]["test_accuracy"] if record["status"] == "ok" else None,
        **_of_test(records[transfer.key] or NOT_RUN),
        "pretrain_key": pretrain.key if pretrain else "",
        "transfer_key": transfer.key,
    }


def _of_test(record: Record) -> dict[str, Any]:
    """Return what a record says of its test images and of the answers to them; older records lack it."""
    facts = record["data"] | record.get("metrics", {})
    return {name: facts.get(f"test_{name}", facts.get(name)) for name in OF_TEST}


def _draw(cell: Cell, target: TargetRef) -> int | None:
    """Return the number of the draw of shots, or the seed if the target is cut to a number of images."""
    if cell.shots is not None:
        return cell.draw
    return cell.transfer.seed if is_drawn(target) else None


def _target_images(cell: Cell, record: Record | None) -> int | None:
    """Return the planned number; for shots, the number in the record, since only the data has the number of classes."""
    if cell.shots is not None:
        return record["data"].get("num_images") if record else None
    return json.loads(cell.transfer.identity)["images"]


def _subset_images(cell: Cell) -> int | None:
    """Return 0 for training from scratch, and None for external weights."""
    if cell.pretrain is not None:
        return cell.pretrain.subset_images
    return 0 if cell.transfer.external is None else None


def _subset_classes(pretrain: Run | None, record: Record | None) -> int | None:
    """Return the pretraining's number of classes, from its record or else the plan; None without a pretraining."""
    num_classes: int | None = record["data"].get("num_classes") if record else None
    return num_classes if num_classes is not None or pretrain is None else pretrain.subset_classes


def _decisive(record: Record, before: Record | None) -> Record:
    """Return the record that decides a cell's status: that of the pretraining if it failed and nothing followed."""
    failed_before = before is not None and before["status"] not in ("ok", "not_run")
    return before if before is not None and failed_before and record["status"] != "ok" else record


def _cell_notes(before: Record | None, record: Record | None) -> str:
    """Return the notes of a cell's runs; notes of the pretraining are marked."""
    return "; ".join([*(f"in pretraining: {note}" for note in _notes(before)), *_notes(record)])


def _notes(record: Record | None) -> list[str]:
    """Return the notes of a run and of the fit of its probe."""
    return [*record.get("notes", ()), *record.get("probe", {}).get("notes", ())] if record else []


def _run_row(run: Run, record: Record | None) -> dict[str, Any]:
    filled: Record = record or NOT_RUN
    metrics, cost = filled.get("metrics", {}), filled.get("cost", {})
    counts, environment = filled.get("model", {}), filled.get("environment", {})
    probe = filled.get("probe", {})
    return {
        "key": run.key,
        "kind": run.stage,
        "status": filled["status"],
        "reason": filled["reason"],
        "model": run.model,
        "family": run.family,
        "corpus": run.pretraining_name,
        "subset_images": run.subset_images,
        "target": str(run.target) if run.target else "",
        "image_size": run.image_size,
        "shots": run.probe.shots if run.probe else None,
        "draw": run.probe.draw if run.probe else None,
        "recipe": run.recipe,
        "seed": run.seed,
        "starts_from": run.starts_from or "",
        "num_classes": filled["data"].get("num_classes"),
        "images_seen": cost.get("images_seen"),
        "parameters": counts.get("parameters"),
        "macs": counts.get("macs"),
        "tokens": counts.get("tokens"),
        "training_flops": cost.get("training_flops"),
        **{name: metrics.get(name) for name in METRICS},
        **_of_test(filled),
        **{name: cost.get(name) for name in COSTS},
        "strength": probe.get("strength"),
        "notes": "; ".join(_notes(record)),
        "threads": run.threads,
        "num_resumes": filled.get("num_resumes"),
        "resumed_at_step": ", ".join(map(str, filled.get("resumed_at_step", ()))),
        "repeats": filled.get("repeats", ""),
        "device": environment.get("device", ""),
        "precision": run.precision,
        **{name: environment.get(name, "") for name in ENVIRONMENT},
        "sources_hash": filled.get("sources_hash", ""),
        "started_at": filled.get("started_at", ""),
    }
