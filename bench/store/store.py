"""The store: the results of a suite's runs in `results/<suite>/`, with one folder per run, written atomically.

Only a run that ended `ok` is finished. The record of a failure stays until a later attempt replaces it; it is never
used as a result and never replaces a result. A damaged record counts as missing, and only `bench run` moves it
(`bench.store.repair`). Any number of processes may work on a store at once, since each run has a lock
(`bench.files.locks`). Imports no torch.
"""

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bench.config.resolved import ResolvedSuite
from bench.errors import InputError
from bench.files.atomic import clear_errors, remove_leftovers, write_atomically, write_folder, write_new
from bench.files.locks import acquire
from bench.files.plain import check_plain, read_plain
from bench.store.records import KEYS, DamagedRun, Record, check_key, damaged, hashes_of, read_file, read_record
from bench.store.records import SCHEMA_VERSION as SCHEMA_VERSION

if TYPE_CHECKING:
    import pandas as pd

WEIGHTS = "weights.safetensors"
"""Name of the file of weights in a run's folder, which other runs start from."""
OWN_FOLDERS = ("runs", "running", "damaged", "tables", "contents", "calibrations", "curves", "tuning", "traits")
"""Names of the folders that a store makes."""
READ_TABLES = ("cells", "runs", "correctness", "traits", "trait_answers")
"""Tables whose numbers are read from records, and not computed."""
FITTED_TABLES = ("claims", "data_ratios", "extrapolations")
"""Tables of fitted quantities; in others, p-values are, which end in `_p`."""
PARQUET_ALONE = ("correctness", "trait_answers")
"""Tables without a CSV file, since they contain bytes."""
RECIPE_WORDS: dict[str, Any] = {"description": True, "exceptions": {"__all__": {"reason"}}}
"""Fields of a recipe that change no run."""


@dataclass(frozen=True)
class Outcome:
    """The results of one attempt at a run; weights are safetensors bytes, so that the store needs no torch."""

    record: Record
    history: "pd.DataFrame | None" = None
    predictions: "pd.DataFrame | None" = None
    weights: bytes | None = None
    traceback: str | None = None

    def with_record(self, **fields: Any) -> "Outcome":
        """Return the outcome with fields of the record replaced or added."""
        return replace(self, record=self.record | fields)


@dataclass(frozen=True)
class Store:
    """The folder of one suite."""

    root: Path

    @property
    def tables(self) -> Path:
        """Folder of the tables, which are made from the records."""
        return self.root / "tables"

    @property
    def contents(self) -> Path:
        """Folder of image hashes, so that each set of images is hashed once."""
        return self.root / "contents"

    def run_folder(self, key: str) -> Path:
        """Return the folder of a run's record; it need not exist.

        Raises:
            InputError: the key has not the form of one.
        """
        return self.root / "runs" / check_key(key)

    def running_folder(self, key: str) -> Path:
        """Return the folder of the lock and the checkpoint of a run in progress.

        Raises:
            InputError: the key has not the form of one.
        """
        return self.root / "running" / check_key(key)

    @property
    def has_suite(self) -> bool:
        """Whether the store contains its suite."""
        return (self.root / "suite.json").is_file()

    def suite(self) -> ResolvedSuite:
        """Return the suite of this store.

        Raises:
            InputError: there are no results here, the file is damaged, or the store holds links.
        """
        path = self.root / "suite.json"
        _check_plain(self.root)
        if not path.is_file():
            raise InputError(f"{self.root}: no results here ({path.name} is missing); `bench run` makes them")
        try:
            return ResolvedSuite.model_validate_json(read_plain(path))
        except ValidationError as error:
            raise InputError(
                f"{path}: damaged, or of another version ({error.errors()[0]['msg']}); move it away, and `bench run` "
                "writes it again: runs that the suite asks for stay finished"
            ) from None

    def read(self, key: str) -> Record | None:
        """Return a run's record; None if the run was never attempted.

        Raises:
            DamagedRun: the record is incomplete, or belongs to another run.
        """
        return read_record(self.run_folder(key))

    def look(self, key: str) -> Record | None:
        """Return a run's record; if it is damaged, return a record with the status `not_run` and the reason."""
        try:
            return self.read(key)
        except DamagedRun as error:
            return {"key": key, "status": "not_run", "reason": str(error), "data": {}, "run": {}}

    def is_finished(self, key: str) -> bool:
        """Return whether a run ended `ok`."""
        return key in self.finished([key])

    def finished(self, keys: Iterable[str]) -> set[str]:
        """Return the keys of the runs that ended `ok`."""
        return self.scan(keys)[0]

    def scan(self, keys: Iterable[str]) -> tuple[set[str], set[str]]:
        """Return the keys of the runs that ended `ok`, and the keys of the damaged runs."""
        finished, damaged = set(), set()
        for key in keys:
            try:
                record = self.read(key)
            except DamagedRun:
                damaged.add(key)
            else:
                if record is not None and record["status"] == "ok":
                    finished.add(key)
        return finished, damaged

    def records(self) -> Iterator[Record]:
        """Yield every record that is whole, in the order of the keys."""
        for folder in sorted((self.root / "runs").glob(KEYS)):
            record = self.look(folder.name)
            if record is not None and record["run"]:
                yield record

    def predictions(self, key: str) -> "pd.DataFrame":
        """Return a run's prediction for each test image; those of a slim store are packed.

        Raises:
            DamagedRun: the file is missing or altered, or holds other than predictions.
        """
        from bench.store.packed import unpack_predictions
        from bench.store.stored_table import checked_predictions

        record, name = self.read(key) or {}, "predictions.parquet"
        sha256 = record.get("files", {}).get(name)
        if sha256 and not (self.run_folder(key) / name).exists():
            try:
                packed = unpack_predictions(self.root, key, sha256, record["data"].get("num_classes"))
            except ValueError as error:
                raise damaged(self.run_folder(key) / name, str(error)) from None
            if packed is not None:
                return packed
        content = read_file(self.run_folder(key), record, name)
        try:
            return checked_predictions(content, record["data"].get("num_classes"))
        except ValueError as error:
            raise damaged(self.run_folder(key) / name, str(error)) from None

    def weights(self, key: str) -> bytes:
        """Return a finished run's weights as safetensors bytes.

        Raises:
            DamagedRun: the file is missing or altered.
        """
        return self._file(key, WEIGHTS)

    def write(self, outcome: Outcome) -> None:
        """Store a run's outcome, with the hashes of its files in the record; it replaces an earlier attempt.

        A failure does not replace a finished run, which another process may have written in the meantime.

        Raises:
            StoreError: the disk is full, or the folder cannot be written; the earlier outcome is intact.
        """
        key = outcome.record["key"]
        if outcome.record["status"] != "ok" and self.is_finished(key):
            return
        contents = {
            "history.parquet": _parquet(outcome.history),
            "predictions.parquet": _parquet(outcome.predictions),
            WEIGHTS: outcome.weights,
            "traceback.txt": outcome.traceback.encode() if outcome.traceback else None,
        }
        files = {name: content for name, content in contents.items() if content is not None}
        record = _json(outcome.record | {"files": hashes_of(files)})
        write_folder(self.run_folder(key), files | {"record.json": record})

    def write_tables(self, tables: "dict[str, pd.DataFrame]") -> None:
        """Store tables as Parquet and, unless they contain bytes, as CSV; what was computed is rounded."""
        from bench.analysis.frames import rounded

        with clear_errors(self.root):
            self.tables.mkdir(exist_ok=True)
        for name, content in tables.items():
            table = content if name in READ_TABLES else rounded(content, _fitted(name, content))
            write_atomically(self.tables / f"{name}.parquet", table.to_parquet(index=False))
            if name not in PARQUET_ALONE:
                csv = table.to_csv(index=False, lineterminator="\n")
                write_atomically(self.tables / f"{name}.csv", csv.encode())

    def set_aside(self, path: Path, name: str) -> Path:
        """Move a damaged file or folder away and return its new path; the caller holds the run's lock."""
        paths = (self.root / "damaged" / f"{name}-{number}" for number in itertools.count(1))
        with clear_errors(self.root):
            (self.root / "damaged").mkdir(exist_ok=True)
            return path.rename(next(free for free in paths if not free.exists()))

    def _file(self, key: str, name: str) -> bytes:
        return read_file(self.run_folder(key), self.read(key) or {}, name)


def open_store(results: Path, suite: ResolvedSuite) -> Store:
    """Return the store of a suite; make it if it does not exist.

    Raises:
        StoreError: the folder cannot be written.
        InputError: the store belongs to another suite of that name, or to another protocol version.
    """
    store = _made(results / suite.name)
    content = _json(suite.model_dump(mode="json"))
    if not write_new(store.root / "suite.json", content):
        _refuse_another_suite(store.root, store.suite(), suite)
        write_atomically(store.root / "suite.json", content)
    _remove_leftovers(store)
    return store


def open_trials(root: Path) -> Store:
    """Return a store of trials; make it if it does not exist.

    Raises:
        StoreError: the folder cannot be written.
        InputError: it is a link, or holds links.
    """
    _check_plain(root.parent)
    store = _made(root)
    _remove_leftovers(store)
    return store


def keep_suite(store: Store, suite: ResolvedSuite) -> None:
    """Write the suite that the trials were last made for into their store.

    Raises:
        StoreError: the file cannot be written.
    """
    write_atomically(store.root / "suite.json", _json(suite.model_dump(mode="json")))


def _made(root: Path) -> Store:
    """Return a store after making its folder."""
    _check_plain(root)
    with clear_errors(root):
        (root / "runs").mkdir(parents=True, exist_ok=True)
    return Store(root)


def _check_plain(root: Path) -> None:
    """Refuse a store with links to other places, or with files in place of folders, before anything is done in it."""
    folder = root.resolve()  # the whole store may be a link
    if folder.is_dir():
        own = [path for path in folder.iterdir() if path.name in OWN_FOLDERS]
        check_plain([folder, *own, *(folder / "running").glob("*")])
        if file := next((path for path in own if not path.is_dir()), None):
            raise InputError(f"{file}: a file, where a store keeps a folder; move it away")


def check_trials_belong(root: Path, suite: ResolvedSuite) -> None:
    """Refuse to tune a suite in the results of another suite with the same name, since it could not be run there.

    Raises:
        InputError: the folder belongs to another suite.
    """
    if (root / "suite.json").is_file():
        _refuse_another_suite(root, Store(root).suite().untuned(), suite.untuned())


def check_protocol(root: Path, stored: ResolvedSuite, version: int) -> None:
    """Refuse to add runs of one protocol version to a store of another version.

    Raises:
        InputError: the versions differ; commands that only read a store do not call this.
    """
    if stored.protocol != version:
        raise InputError(
            f"{root} holds runs of protocol version {stored.protocol}, and this program makes runs of "
            f"version {version}, which must not be compared with them; keep both with --results DIR, "
            "or move the old folder away"
        )


def _refuse_another_suite(root: Path, stored: ResolvedSuite, suite: ResolvedSuite) -> None:
    check_protocol(root, stored, suite.protocol)
    fields = deciding_fields(stored)
    different, different_untuned = (_different(fields, deciding_fields(given)) for given in (suite, suite.untuned()))
    # If only the tuning is new, the store is used; its earlier runs are then outside the suite.
    if different and different_untuned:
        declared = [name for name in different if name in ("seeds", "scratch_seeds", "looks")]
        why = f" ({' and '.join(declared)} are fixed by the first run, since claims are judged by them)"
        raise InputError(
            f"{root} holds another suite named {suite.name!r} (it differs in: {', '.join(different)})"
            f"{why if declared else ''}; keep both with --results DIR, or move the old folder away"
        )


def _different(stored: Record, given: Record) -> list[str]:
    """Return the fields in which two suites differ, except for targets whose data was missing before."""
    arrived = _only_arrived(stored["targets"], given["targets"])
    return [name for name in given if given[name] != stored[name] and not (name == "targets" and arrived)]


def deciding_fields(suite: ResolvedSuite) -> Record:
    """Return the fields that decide a suite's runs; external weights are identified by content, not by path."""
    words: dict[str, Any] = dict.fromkeys(("description", "limits", "size_class", "pipeline", "claims", "traits"), True)
    words |= {"tuning": {"required": True}}
    words |= {"corpora": {"__all__": {"balance"}}, "recipes": {"__all__": RECIPE_WORDS}}
    words |= {"recipe_exceptions": {"__all__": {"reason": True, "recipes": {"__all__": RECIPE_WORDS}}}}
    record = suite.model_dump(mode="json", exclude=words)
    external = {model.model: [model.bare_model, model.identity] for model in suite.external_weights}
    return record | {
        "models": [external.get(model, model) for model in suite.models],
        "external_weights": list(external.values()),
    }


def _only_arrived(stored: list[Record], given: list[Record]) -> bool:
    """Return whether targets differ only in data that was missing when the store was made."""
    return len(stored) == len(given) and all(
        old == new or (old | {"identity": None} == new | {"identity": None} and "missing" in old["identity"])
        for old, new in zip(stored, given, strict=True)
    )


def _remove_leftovers(store: Store) -> None:
    """Remove what killed processes left: half-written files, and the running folders of finished runs."""
    running = list((store.root / "running").glob(KEYS))
    for folder in (store.root, *(path for path in store.root.iterdir() if path.is_dir()), *running):
        remove_leftovers(folder)
    for key in store.finished(folder.name for folder in running):
        if lock := acquire(store.running_folder(key)):
            lock.release(finished=True)


def _fitted(name: str, table: "pd.DataFrame") -> list[str]:
    """Return the columns of a table that hold fitted quantities or p-values."""
    return [column for column in map(str, table) if name in FITTED_TABLES or column.endswith("_p")]


def _parquet(table: "pd.DataFrame | None") -> bytes | None:
    return table.to_parquet(index=False) if table is not None else None


def _json(value: Record) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode()
