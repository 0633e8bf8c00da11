"""Stores with files that are damaged, or somebody else's: each command does without them, or ends in one message.

A case may take ten seconds of the processor and a gibibyte; beyond that it is a hang or a bomb.
"""

import hashlib
import io
import json
import random
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import models
from bench.cli.verify import find
from bench.errors import InputError
from bench.plan.expand import expand
from bench.runner.progress_file import write_progress
from bench.runner.session import RunSession
from bench.store.speed_file import append
from bench.store.store import Store
from bench.training.checkpoint import checkpoint_bytes
from bench.training.progress import Progress
from models.spec.model_error import SpecError
from tests import in_process
from tests.mutations import ODD, WORDS, change_values, ends_well, within_bounds
from tests.speed_rows import measurement

SUITE = """
corpus: {name: fractals, classes: 4}
subsets: [16, 32]
models: [vit_pico/8, bit_resnet_pico]
targets: [digits@20, arrangement]
seeds: [0, 1]
images: {pretrain: 32, transfer: 32}
transfers: [fine-tune, k-shot]
shots: [1]
ablations:
  - {name: position, reference: with, arms: {with: vit_pico/8, none: "vit_pico/8:pos=none"}}
claims:
  - id: mine
    sentence: One is above the other
    first: {model: vit_pico/8}
    second: {model: bit_resnet_pico}
    target: digits@20
    difference: above
    margin: 0.5
tuning: {trials: 1, space: {learning_rate: [1e-3]}}
"""
DEEP: Any = "leaf"
for _ in range(900):
    DEEP = [DEEP]
VALUES = [
    *ODD,
    float("nan"),
    float("inf"),
    2**63,
    -(2**63) - 1,
    1e308,
    {"a": {"b": []}},
    "ok",
    "failed",
    DEEP,
    "\ud800",
]
JSON_FILES = ("record.json", "suite.json", "progress.json", "resumes.json", "calibration.json", "lock")
TABLES = ("correctness", "permutation_check", "cells", "runs", "comparison", "claims", "trials")
"""Tables of the store, the first two of which keep what runs' predictions gave."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small store that holds every kind of file."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(SUITE, encoding="utf-8")
    command = [sys.executable, "-m", "bench"]
    for words in (["tune", "tiny.yaml"], ["run", "tiny.yaml"]):
        done = subprocess.run([*command, *words], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    store = Store(folder / "results" / "tiny")
    run = next(run for run in expand(store.suite()).runs if run.stage == "transfer")
    shutil.rmtree(store.run_folder(run.key))  # it is under way
    running = store.running_folder(run.key)
    running.mkdir(parents=True)
    progress = Progress(
        step=3, num_steps=4, images_seen=24, learning_rate=1e-3, train_loss=1.5, seconds=2.0, images_per_second=12.0
    )
    write_progress(running, run.key, progress, "training", num_resumes=1)
    (running / "resumes.json").write_text("[1, 2]")
    (running / "lock").write_text('{"pid": 1, "host": "elsewhere", "since": ""}')
    (running / "checkpoint").write_bytes(checkpoint_bytes({"made_by": {}, "step": 3}))
    (store.root / "calibrations").mkdir()
    (store.root / "calibrations" / f"{run.key}.json").write_text('{"model": "vit_pico/8", "images_per_second": 9.0}')
    append(folder / "results", measurement(suite="tiny"))
    for words in (["report", "tiny"], ["status", "tiny"], ["compare", "results/tiny", "results/tiny"]):
        assert in_process.bench(*words, folder=folder).code == 0
    shutil.copytree(folder / "results", folder / "whole")
    return folder


@pytest.fixture(scope="module")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parquet file of some kilobytes, whose columns unpack to 1.5 GB."""
    path = tmp_path_factory.mktemp("bomb") / "bomb.parquet"
    rows = pa.table({name: pa.array([0] * 2**20, pa.int64()) for name in ("id", "label", "prediction")})
    with pq.ParquetWriter(path, rows.schema, compression="zstd", use_dictionary=False) as writer:
        for _ in range(60):
            writer.write_table(rows)
    return path


def damaged_bytes(content: bytes, chance: random.Random) -> bytes:
    """Cut a file short, or change some of its bits."""
    place = chance.randrange(len(content) + 1)
    if chance.random() < 0.4:
        return content[:place]
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 8, 64])):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def damaged_json(content: bytes, chance: random.Random) -> bytes:
    """Give some fields of JSON other values, or the whole another one, or change its text."""
    kind = chance.choice(["fields"] * 6 + ["whole", "text", "bytes", "nested"])
    if kind == "fields":
        value = {"whole": json.loads(content)}
        change_values(value, chance, VALUES)
        return json.dumps(value.get("whole")).encode()
    if kind == "whole":
        return json.dumps(chance.choice(VALUES)).encode()
    if kind == "text":
        text = content.decode()
        place = chance.randrange(len(text) + 1)
        return (text[:place] + chance.choice(WORDS) + text[place:]).encode("utf-8", "surrogatepass")
    return damaged_bytes(content, chance) if kind == "bytes" else chance.choice([b"[", b'{"a":']) * 100_000


def damaged_parquet(content: bytes, chance: random.Random, bomb: bytes) -> bytes:
    """Give a table other columns, types, values or rows, or change its bytes."""
    kind = chance.choice(["bytes", "bytes", "bomb", "foreign", "columns", "type", "values", "values", "rows"])
    if kind == "bytes":
        return damaged_bytes(content, chance)
    if kind == "bomb":
        return bomb
    table = pd.read_parquet(io.BytesIO(content))
    name = chance.choice(list(table.columns))
    if kind == "foreign":
        table = pd.DataFrame({"a": [1], "b": ["x"]})
    elif kind == "columns":
        table = table.drop(columns=name) if chance.random() < 0.5 else table.rename(columns={name: chance.choice("ab")})
    elif kind == "type":
        table[name] = chance.choice([["x"], [b"\x00"], [None], [1.5], [[1, 2]], [{"a": 1}], [True]]) * len(table)
    elif kind == "values":
        odd = chance.choice([-1, 2**62, 10**6, float("nan"), float("inf"), None, "", "x" * 300, b""])
        values = table[name].astype(object).tolist()
        for row in range(len(values)) if chance.random() < 0.3 else [chance.randrange(len(values))]:
            values[row] = odd
        table[name] = pd.Series(values, dtype=object)
    else:
        table = chance.choice([table.iloc[:0], pd.concat([table, table]), table.iloc[: len(table) // 2]])
    buffer = io.BytesIO()
    try:
        table.to_parquet(buffer, index=False)
    except (pa.ArrowException, OverflowError):  # no column holds both kinds of value
        table.astype({name: "str"}).to_parquet(buffer, index=False)
    return buffer.getvalue()


def damage(folder: Path, bomb: Path, chance: random.Random) -> Path:
    """Damage one file of a store, and return its path."""
    store = folder / "results" / "tiny"
    names = ("record.json", "record.json", "record.json", "suite.json", "predictions.parquet", "predictions.parquet")
    others = ("history.parquet", "weights.safetensors", "checkpoint", "throughput", "tuning", "tables")
    name = chance.choice([*names, *names, *others, "tables", "progress.json", "resumes.json", "lock", "calibrations"])
    if name == "tables":
        path = store / "tables" / f"{chance.choice(TABLES[:2] * 3 + TABLES[2:])}.parquet"
    elif name == "throughput":
        path = next((folder / "results" / "throughput").glob("*.parquet"))
    elif name == "tuning":
        path = chance.choice(sorted((store / "tuning").rglob("*.json")))
    elif name == "calibrations":
        path = next((store / "calibrations").glob("*.json"))
    else:
        places = [store, *store.glob("runs/*"), *store.glob("running/*")]
        path = chance.choice(sorted(place / name for place in places if (place / name).is_file()))
    kind = chance.random()
    if kind < 0.04:
        path.unlink()
        path.mkdir()
    elif kind < 0.06:
        path.write_bytes(b"")
    elif path.suffix == ".parquet":
        path.write_bytes(damaged_parquet(path.read_bytes(), chance, bomb.read_bytes()))
    elif path.suffix == ".json" or path.name == "lock":
        path.write_bytes(damaged_json(path.read_bytes(), chance))
    else:
        path.write_bytes(damaged_bytes(path.read_bytes(), chance))
    if path.name in ("predictions.parquet", "history.parquet", "weights.safetensors") and path.is_file():
        record = json.loads((path.parent / "record.json").read_text())
        record["files"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()  # as somebody else's store has it
        (path.parent / "record.json").write_text(json.dumps(record))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("number", range(100))
def test_a_damaged_file_is_done_without_or_named(finished, bomb, number):
    chance = random.Random(f"store {number}")
    shutil.rmtree(finished / "results")
    shutil.copytree(finished / "whole", finished / "results")
    path = damage(finished, bomb, chance)
    store = Store(finished / "results" / "tiny")
    commands = [["status", "tiny"], ["claims", "tiny"], ["compare", "results/tiny", "whole/tiny"]]
    if number % 4 == 0 or path.parent.name == "throughput":  # drawing takes seconds
        commands.append(["report", "tiny"])
    for words in commands:
        ended = ends_well(*words, folder=finished)
        if ended.code:
            assert path.name in ended.errors or path.parent.name in ended.errors
    if path.parent.parent.name == "running":
        run = next(run for run in expand(store.suite()).runs if run.key == path.parent.name)
        with within_bounds():
            session = RunSession(run, store)
            assert all(isinstance(step, int) for step in session.resumed_at)
            assert session.checkpoint() is None
    if path.parent.parent.name == "runs":
        with within_bounds(), suppress(InputError):
            find(finished / "results", path.parent.name)
        with within_bounds(), suppress(SpecError):
            models.load(path.parent)
