"""Make a slim copy of a store, small enough to commit.

It keeps the suite, the records of its runs, tables, calibrations, traits and the records of trials as they are;
predictions and histories packed (`bench.store.packed`); and the weights from which pictures and traits of a network can
be made later: those of the largest rungs' pretrainings, and of training from scratch on the first target with such
rows, of the first three seeds. `slim.json` names what is left out. Hashes in the records stay those of the files that
runs wrote, so a run can still be verified. Imports no torch.
"""

import json
import shutil
from collections import defaultdict
from pathlib import Path

import pandas as pd

from bench.errors import InputError
from bench.files.atomic import clear_errors, whole_file
from bench.plan.expand import Plan, expand
from bench.store.packed import (
    ANSWERS,
    HISTORIES,
    HISTORY,
    INDEX,
    answers_file,
    histories_file,
    pack_predictions,
    packed_histories,
    thinned,
)
from bench.store.records import KEYS, Record, check_file, hashes_of, read_file
from bench.store.store import WEIGHTS, Store
from bench.store.stored_table import read_stored

NUM_SEEDS = 3
"""The number of seeds whose weights are kept."""
WHOLE = ("tables", "calibrations", "traits", "tuning/tables")
"""Folders that are copied as they are."""
EXACT_TARGETS = ("arrangement",)
"""Targets on whose runs a check compares probabilities up to the rounding of float32."""


def write_slim(store: Store, folder: Path) -> None:
    """Write a slim copy of a store, which may be slim itself.

    Raises:
        InputError: the folder exists already, or a file of the store is damaged.
        StoreError: the folder cannot be written.
    """
    if folder.exists():
        raise InputError(f"{folder} exists already; name a new folder, or move this one away")
    suite = store.suite()
    plan = expand(suite)
    records = {run.key: record for run in plan.runs if (record := store.read(run.key)) is not None}
    exact = {run.key for run in plan.runs if run.target is not None and run.target.name in EXACT_TARGETS}
    packed = {ANSWERS: _answers(store, records, exact), HISTORIES: _histories(store, records)}
    left_out = defaultdict(list)
    with clear_errors(folder.parent), whole_file(folder) as copy:
        copy.mkdir(parents=True)
        weights = _with_weights(plan)
        for key, record in records.items():
            _copy(store.run_folder(key) / "record.json", copy / "runs" / key / "record.json")
            for name in record.get("files", {}):
                if name == WEIGHTS and key in weights and (store.run_folder(key) / name).is_file():
                    check_file(store.run_folder(key), record, name)
                    _copy(store.run_folder(key) / name, copy / "runs" / key / name)
                else:
                    left_out[name].append(key)
        _copy_whole(store.root, copy)
        for name, content in packed.items():
            (copy / name).write_bytes(content)
        index = {"files": hashes_of(packed), "left_out": left_out}
        (copy / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def _answers(store: Store, records: dict[str, Record], exact: set[str]) -> bytes:
    rows = []
    for key, record in records.items():
        if sha256 := record.get("files", {}).get("predictions.parquet"):
            predictions = store.predictions(key)
            rows.append(pack_predictions(key, sha256, predictions, "<f4" if key in exact else "<f2"))
    return answers_file(rows)


def _histories(store: Store, records: dict[str, Record]) -> bytes:
    histories, name = packed_histories(store.root), "history.parquet"
    found: dict[str, pd.DataFrame] = {}
    for key, record in records.items():
        if (store.run_folder(key) / name).is_file():
            found[key] = thinned(read_stored(read_file(store.run_folder(key), record, name), HISTORY))
        elif key in histories:
            found[key] = histories[key]
    return histories_file(found)


def _with_weights(plan: Plan) -> set[str]:
    """Return the keys of the runs whose weights are kept."""
    seeds = sorted({run.seed for run in plan.runs})[:NUM_SEEDS]
    cells = [cell for cell in plan.cells if not cell.ablation and cell.transfer.seed in seeds]
    ladder = [cell.pretrain for cell in cells if cell.pretrain is not None]
    sizes: dict[str, int] = {}
    for run in ladder:
        sizes[run.pretraining_name] = max(sizes.get(run.pretraining_name, 0), run.subset_images or 0)
    scratch = [cell.transfer for cell in cells if cell.transfer.stage == "scratch"]
    largest = {run.key for run in ladder if run.subset_images == sizes[run.pretraining_name]}
    return largest | {run.key for run in scratch if run.target == scratch[0].target}


def _copy_whole(root: Path, copy: Path) -> None:
    """Copy the suite, the tables and calibrations, and the records of the trials."""
    for name in WHOLE:
        if (root / name).is_dir():
            shutil.copytree(root / name, copy / name)
    for path in (root / "suite.json", root / "tuning/suite.json", *root.glob(f"tuning/runs/{KEYS}/record.json")):
        if path.is_file():
            _copy(path, copy / path.relative_to(root))


def _copy(source: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, path)
