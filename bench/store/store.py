"""The store: what runs left under `results/<suite>/`. One folder a run, written whole or not at all.

A run's folder is written under a temporary name, flushed, and renamed into place, so that a reader, or a process
killed at any moment, never meets half of one. Only a run that ended `ok` counts as finished: a failure is kept as a
record until a later attempt replaces it, is never taken for a result, and never takes the place of one. A damaged
record counts as none, and only `bench run` moves it (`bench.store.repair`). Any number of processes may work on a
store at once: the lock of a run (`bench.files.locks`) gives it to one of them. Imports no torch.
"""

import io
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bench.config.resolved import ResolvedSuite
from bench.errors import InputError
from bench.files.locks import acquire
from bench.files.writing import clear_errors, remove_leftovers, write_atomically, write_folder, write_new
from bench.store.records import SCHEMA_VERSION as SCHEMA_VERSION
from bench.store.records import DamagedRun, Record, hashes_of, read_file, read_record

if TYPE_CHECKING:
    import pandas as pd

WEIGHTS = "weights.safetensors"
"""Beside a record; the file that other runs start from."""
PARQUET_ALONE = ("correctness",)
"""Tables that hold bytes."""
RECIPE_WORDS: dict[str, Any] = {"description": True, "exceptions": {"__all__": {"reason"}}}
"""What of a recipe changes no run."""


@dataclass(frozen=True)
class Outcome:
    """All that one attempted run leaves. Tensors arrive as safetensors bytes, so that the store needs no torch."""

    record: Record
    history: "pd.DataFrame | None" = None
    predictions: "pd.DataFrame | None" = None
    weights: bytes | None = None
    traceback: str | None = None

    def with_record(self, **fields: Any) -> "Outcome":
        """The same with other or more fields in its record."""
        return replace(self, record=self.record | fields)


@dataclass(frozen=True)
class Scan:
    """How far runs have come."""

    finished: set[str]
    """Keys of those that ended `ok`."""
    damaged: dict[str, DamagedRun]
    """What is wrong with the records that count as none, by key."""


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

    def running_folder(self, key: str) -> Path:
        """Where a run that is under way has its lock and its checkpoint."""
        return self.root / "running" / key

    @property
    def has_suite(self) -> bool:
        """Whether it says which suite it belongs to."""
        return (self.root / "suite.json").is_file()

    def suite(self) -> ResolvedSuite:
        """The suite that this store belongs to."""
        path = self.root / "suite.json"
        if not path.is_file():
            raise InputError(f"{self.root}: no results here ({path.name} is missing); `bench run` makes them")
        try:
            return ResolvedSuite.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise InputError(
                f"{path}: damaged, or of another version ({error.errors()[0]['msg']}); move it away, and `bench run` "
                "writes it again: runs that the suite asks for stay finished"
            ) from None

    def read(self, key: str) -> Record | None:
        """A run's record, if it was ever attempted.

        Raises:
            DamagedRun: it is not whole, or not of this run.
        """
        return read_record(self.run_folder(key))

    def look(self, key: str) -> Record | None:
        """The same for those who report and change nothing: a damaged record is that of a run that was not run."""
        try:
            return self.read(key)
        except DamagedRun as error:
            return {"key": key, "status": "not_run", "reason": str(error), "data": {}, "run": {}}

    def is_finished(self, key: str) -> bool:
        """Whether a run ended `ok`, so that it need not be done again."""
        return key in self.finished([key])

    def finished(self, keys: Iterable[str]) -> set[str]:
        """The runs that ended `ok`, so that they need not be done again."""
        return self.scan(keys).finished

    def scan(self, keys: Iterable[str]) -> Scan:
        """Read the records of runs, each to its end: 10,000 in less than a second."""
        scan = Scan(set(), {})
        for key in keys:
            try:
                record = self.read(key)
            except DamagedRun as error:
                scan.damaged[key] = error
            else:
                if record is not None and record["status"] == "ok":
                    scan.finished.add(key)
        return scan

    def records(self) -> Iterator[Record]:
        """Every record that is whole, in the order of the keys."""
        for folder in sorted((self.root / "runs").glob("[0-9a-f]*")):
            record = self.look(folder.name)
            if record is not None and record["run"]:
                yield record

    def predictions(self, key: str) -> "pd.DataFrame":
        """What a run answered for each test image; DamagedRun where that is missing or altered."""
        import pandas as pd

        return pd.read_parquet(io.BytesIO(self._file(key, "predictions.parquet")))

    def weights(self, key: str) -> bytes:
        """A finished run's weights as safetensors bytes; DamagedRun where they are missing or altered."""
        return self._file(key, WEIGHTS)

    def write(self, outcome: Outcome) -> None:
        """Keep a run's outcome in place of an earlier attempt's, with the hashes of its files in the record.

        A failure leaves a finished run as it is: another process did that run while this one gave up.

        Raises:
            StoreError: the disk is full, or the folder cannot be written; the earlier outcome is intact.
        """
        key = outcome.record["key"]
        if outcome.record["status"] != "ok" and self.is_finished(key):
            return
        possible = {
            "history.parquet": _parquet(outcome.history),
            "predictions.parquet": _parquet(outcome.predictions),
            WEIGHTS: outcome.weights,
            "traceback.txt": outcome.traceback.encode() if outcome.traceback else None,
        }
        files = {name: content for name, content in possible.items() if content is not None}
        record = _json(outcome.record | {"files": hashes_of(files)})
        write_folder(self.run_folder(key), files | {"record.json": record})

    def write_tables(self, tables: "dict[str, pd.DataFrame]") -> None:
        """Keep derived tables, each in Parquet and, where it can be read there, in CSV."""
        with clear_errors(self.root):
            self.tables.mkdir(exist_ok=True)
        for name, table in tables.items():
            write_atomically(self.tables / f"{name}.parquet", _parquet(table) or b"")
            if name not in PARQUET_ALONE:
                csv = table.to_csv(index=False, lineterminator="\n")
                write_atomically(self.tables / f"{name}.csv", csv.encode())

    def set_aside(self, path: Path, name: str) -> Path:
        """Move a damaged file or folder out of the way, and say where it lies now; the caller has the run's lock."""
        places = (self.root / "damaged" / f"{name}-{number}" for number in itertools.count(1))
        with clear_errors(self.root):
            (self.root / "damaged").mkdir(exist_ok=True)
            return path.rename(next(place for place in places if not place.exists()))

    def _file(self, key: str, name: str) -> bytes:
        return read_file(self.run_folder(key), self.read(key) or {}, name)


def open_store(results: Path, suite: ResolvedSuite) -> Store:
    """The store for a suite, made if need be.

    Raises:
        StoreError: the folder cannot be written.
        InputError: it holds another suite of that name.
    """
    store = _made(results / suite.name)
    content = _json(suite.model_dump(mode="json"))
    if not write_new(store.root / "suite.json", content):
        _refuse_another_suite(store.root, store.suite(), suite)
        write_atomically(store.root / "suite.json", content)
    _remove_leftovers(store)
    return store


def open_trials(root: Path) -> Store:
    """The store of runs that are no suite's cells, made if need be; StoreError where it cannot be written."""
    store = _made(root)
    _remove_leftovers(store)
    return store


def keep_suite(store: Store, suite: ResolvedSuite) -> None:
    """Say in a store of trials which suite they were last made for; StoreError where it cannot be written."""
    write_atomically(store.root / "suite.json", _json(suite.model_dump(mode="json")))


def _made(root: Path) -> Store:
    """A store whose folder is there."""
    with clear_errors(root):
        (root / "runs").mkdir(parents=True, exist_ok=True)
    return Store(root)


def check_trials_belong(root: Path, suite: ResolvedSuite) -> None:
    """Refuse to tune a suite beside the results of another one of its name: it could not be run there afterwards.

    Raises:
        InputError: the folder holds another suite.
    """
    if (root / "suite.json").is_file():
        _refuse_another_suite(root, Store(root).suite().untuned(), suite.untuned())


def check_protocol(root: Path, kept_suite: ResolvedSuite, version: int) -> None:
    """Refuse to add runs of one protocol version to a store of another.

    Raises:
        InputError: names both versions; every command that only reads a store still reads it.
    """
    if kept_suite.protocol != version:
        raise InputError(
            f"{root} holds runs of protocol version {kept_suite.protocol}, and this program makes runs of "
            f"version {version}, which must not be compared with them; keep both with --results DIR, "
            "or move the old folder away"
        )


def _refuse_another_suite(root: Path, kept_suite: ResolvedSuite, suite: ResolvedSuite) -> None:
    check_protocol(root, kept_suite, suite.protocol)
    kept = _deciding(kept_suite)
    different, since_tuned = (_different(kept, _deciding(one)) for one in (suite, suite.untuned()))
    if different and since_tuned:  # if it was only tuned since, what was run before is left outside the suite
        raise InputError(
            f"{root} holds another suite named {suite.name!r} (it differs in: {', '.join(different)}); "
            "keep both with --results DIR, or move the old folder away"
        )


def _different(kept: Record, given: Record) -> list[str]:
    """The fields in which suites differ, but for targets whose data has arrived since."""
    arrived = _only_arrived(kept["targets"], given["targets"])
    return [name for name in given if given[name] != kept[name] and not (name == "targets" and arrived)]


def _deciding(suite: ResolvedSuite) -> Record:
    """What decides a suite's runs: no words, claims or pipeline; external weights by content, wherever they lie."""
    words: dict[str, Any] = dict.fromkeys(("description", "limits", "size_class", "pipeline", "claims"), True)
    words |= {"tuning": {"required": True}}
    words |= {"corpora": {"__all__": {"balance"}}, "recipes": {"__all__": RECIPE_WORDS}}
    words |= {"recipe_exceptions": {"__all__": {"reason": True, "recipes": {"__all__": RECIPE_WORDS}}}}
    record = suite.model_dump(mode="json", exclude=words)
    external = {one.model: [one.bare_model, one.identity] for one in suite.external_weights}
    return record | {
        "models": [external.get(model, model) for model in suite.models],
        "external_weights": list(external.values()),
    }


def _only_arrived(kept: list[Record], given: list[Record]) -> bool:
    """Whether the targets differ only in data that was missing when the store was made."""
    return len(kept) == len(given) and all(
        old == new or (old | {"identity": None} == new | {"identity": None} and "missing" in old["identity"])
        for old, new in zip(kept, given, strict=True)
    )


def _remove_leftovers(store: Store) -> None:
    """Remove what killed processes left: half-written files, and folders of running runs that are finished."""
    running = list((store.root / "running").glob("[0-9a-f]*"))
    for folder in (store.root, *(path for path in store.root.iterdir() if path.is_dir()), *running):
        remove_leftovers(folder)
    for key in store.finished(folder.name for folder in running):
        if lock := acquire(store.running_folder(key)):
            lock.release(finished=True)


def _parquet(table: "pd.DataFrame | None") -> bytes | None:
    if table is None:
        return None
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _json(value: Record) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode()
