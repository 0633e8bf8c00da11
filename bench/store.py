"""The store: what runs left under `results/<suite>/`. One folder a run, written whole or not at all.

A run's folder is written under a temporary name, flushed, and renamed into place, so that a reader, or a process
killed at any moment, never meets half of one. Only a run that ended `ok` counts as finished: a failure is kept as a
record until a later attempt replaces it, and is never taken for a result. Imports no torch.
"""

import io
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import InputError
from bench.suite import ResolvedSuite

SCHEMA_VERSION = 1

Record = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """All that one attempted run leaves. Tensors arrive as safetensors bytes, so that the store needs no torch."""

    record: Record
    history: pd.DataFrame | None = None
    predictions: pd.DataFrame | None = None
    weights: bytes | None = None
    traceback: str | None = None


@dataclass(frozen=True)
class Store:
    """The folder of one suite."""

    root: Path

    @property
    def tables(self) -> Path:
        """The folder of the derived tables."""
        return self.root / "tables"

    @property
    def contents(self) -> Path:
        """The folder of what images were hashed to, so that each set of them is hashed once."""
        return self.root / "contents"

    def run_folder(self, key: str) -> Path:
        """Where a run's record lies, or will."""
        return self.root / "runs" / key

    def suite(self) -> ResolvedSuite:
        """The suite that this store belongs to."""
        path = self.root / "suite.json"
        if not path.is_file():
            raise InputError(f"{self.root}: no results here ({path.name} is missing); `bench run` makes them")
        return ResolvedSuite.model_validate_json(path.read_text(encoding="utf-8"))

    def read(self, key: str) -> Record | None:
        """A run's record, if it was ever attempted."""
        path = self.run_folder(key) / "record.json"
        try:
            record: Record = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise InputError(f"{path}: damaged ({error}); delete its folder and run the suite again") from None
        if record.get("schema_version") != SCHEMA_VERSION:
            raise InputError(
                f"{path}: schema version {record.get('schema_version')!r}; this version reads {SCHEMA_VERSION}"
            )
        return record

    def is_finished(self, key: str) -> bool:
        """Whether a run ended `ok`, so that it need not be done again."""
        record = self.read(key)
        return record is not None and record["status"] == "ok"

    def records(self) -> Iterator[Record]:
        """Every record, in the order of the keys."""
        for folder in sorted((self.root / "runs").glob("[0-9a-f]*")):
            record = self.read(folder.name)
            if record is not None:
                yield record

    def predictions(self, key: str) -> pd.DataFrame:
        """What a run answered for each test image."""
        return pd.read_parquet(self.run_folder(key) / "predictions.parquet")

    def weights(self, key: str) -> bytes:
        """A finished run's weights as safetensors bytes."""
        return (self.run_folder(key) / "weights.safetensors").read_bytes()

    def write(self, outcome: Outcome) -> None:
        """Keep a run's outcome in place of an earlier attempt's."""
        key = outcome.record["key"]
        files: dict[str, bytes | None] = {
            "history.parquet": _parquet(outcome.history),
            "predictions.parquet": _parquet(outcome.predictions),
            "weights.safetensors": outcome.weights,
            "traceback.txt": outcome.traceback.encode() if outcome.traceback else None,
            "record.json": _json(outcome.record),
        }
        temporary = self.root / "runs" / f".tmp-{key}-{os.getpid()}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, content in files.items():
            if content is not None:
                _write_flushed(temporary / name, content)
        _replace_folder(temporary, self.run_folder(key))

    def write_tables(self, tables: dict[str, pd.DataFrame]) -> None:
        """Keep derived tables, each in Parquet and CSV."""
        self.tables.mkdir(exist_ok=True)
        for name, table in tables.items():
            write_atomically(self.tables / f"{name}.parquet", _parquet(table) or b"")
            csv = table.to_csv(index=False, lineterminator="\n")
            write_atomically(self.tables / f"{name}.csv", csv.encode())


def open_store(results: Path, suite: ResolvedSuite) -> Store:
    """The store for a suite, made if need be.

    Raises:
        InputError: the folder cannot be written, or holds another suite of that name.
    """
    store = Store(results / suite.name)
    try:
        (store.root / "runs").mkdir(parents=True, exist_ok=True)
        write_atomically(store.root / ".writable", b"")
        (store.root / ".writable").unlink()
    except OSError as error:
        raise InputError(
            f"--results {results}: cannot be written ({error.strerror}); name a folder that can, with --results DIR"
        ) from None
    _remove_leftovers(store)
    if (store.root / "suite.json").exists():
        _refuse_another_suite(store, suite)
    write_atomically(store.root / "suite.json", _json(suite.model_dump(mode="json")))
    return store


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole, or leave what was there."""
    temporary = path.with_name(f".tmp-{path.name}-{os.getpid()}")
    _write_flushed(temporary, content)
    temporary.replace(path)


def _refuse_another_suite(store: Store, suite: ResolvedSuite) -> None:
    kept, given = _deciding(store.suite()), _deciding(suite)
    different = [name for name in given if given[name] != kept[name]]
    if different == ["targets"] and _only_arrived(kept["targets"], given["targets"]):
        return
    if different:
        raise InputError(
            f"{store.root} holds another suite named {suite.name!r} (it differs in: {', '.join(different)}); "
            "keep both with --results DIR, or move the old folder away"
        )


def _deciding(suite: ResolvedSuite) -> Record:
    """What decides a suite's runs: no words, limits or pipeline; outside weights by content, wherever they lie."""
    words: dict[str, Any] = dict.fromkeys(("description", "limits", "size_class", "pipeline"), True)
    record = suite.model_dump(mode="json", exclude=words | {"corpora": {"__all__": {"balance"}}})
    outside = {one.model: [one.bare_model, one.identity] for one in suite.outside_weights}
    return record | {
        "models": [outside.get(model, model) for model in suite.models],
        "outside_weights": list(outside.values()),
    }


def _only_arrived(kept: list[Record], given: list[Record]) -> bool:
    """Whether the targets differ only in data that was missing when the store was made."""
    return len(kept) == len(given) and all(
        old == new or (old | {"identity": None} == new | {"identity": None} and "missing" in old["identity"])
        for old, new in zip(kept, given, strict=True)
    )


def _remove_leftovers(store: Store) -> None:
    """Remove what killed processes left half written; a living process' files stay."""
    for path in [*store.root.glob(".tmp-*"), *(store.root / "runs").glob(".*")]:
        process = path.name.rpartition("-")[2]
        if process.isdecimal() and not _is_alive(int(process)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _replace_folder(temporary: Path, final: Path) -> None:
    """Rename a folder into place; one that stood there is moved aside first, since folders can't be overwritten."""
    _sync_folder(temporary)
    if final.exists():
        old = final.with_name(f".old-{final.name}-{os.getpid()}")
        final.rename(old)
        temporary.rename(final)
        shutil.rmtree(old)
    else:
        temporary.rename(final)
    _sync_folder(final.parent)


def _write_flushed(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _parquet(table: pd.DataFrame | None) -> bytes | None:
    if table is None:
        return None
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _json(value: Record) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode()
