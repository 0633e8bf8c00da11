"""The records of traits, in `traits/<key>/` of a store: what was measured, and the answers that it follows from.

They are written as those of runs are: the whole folder at once, with the hashes of its files. A damaged one counts as
not measured, and `bench traits` moves it away. Imports no torch.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import InputError
from bench.files.atomic import write_folder
from bench.files.plain import read_json, read_plain
from bench.store.records import KEYS, check_key, hashes_of
from bench.store.store import Store
from bench.store.stored_table import read_stored
from bench.traits.trait import Trait, TraitOfRun

if TYPE_CHECKING:
    import pandas as pd

ANSWERS = "answers.parquet"
RECORD = "record.json"
Status = Literal["ok", "failed", "out_of_memory"]


class DamagedTrait(InputError):
    """A trait's record, or its answers, are damaged, so it has to be measured again."""


class _Shape(BaseModel):
    """Fields with their types; a number is finite, and no type is converted to another one."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, frozen=True)


class MeasureRecord(_Shape):
    """One number of a record."""

    name: str
    setting: str
    value: float | None
    num_images: Annotated[int, Field(ge=0, lt=2**63)]


class TraitRecord(_Shape):
    """One trait of one run."""

    schema_version: Literal[1] = 1
    key: str
    trait: str
    version: int
    protocol: int
    settings: dict[str, Any]
    of: str
    """The key of the run."""
    status: Status
    reason: str = ""
    measures: list[MeasureRecord] = []
    seconds: float | None = None
    device: str = ""
    started_at: str = ""
    environment: dict[str, Any] = {}
    sources_hash: str = ""
    files: dict[str, str] = {}
    """Name -> SHA-256 of the other files of the folder."""


def blank_record(task: TraitOfRun, status: Status, reason: str = "") -> TraitRecord:
    """Return a record without measures."""
    fields = {name: value for name, value in task.resolved().items() if name != "stage"}
    return TraitRecord(key=task.key, status=status, reason=reason, **fields)


def trait_folder(store: Store, key: str) -> Path:
    """Return the folder of a trait's record; it need not exist."""
    return store.root / "traits" / check_key(key)


def read_trait(store: Store, key: str) -> TraitRecord | None:
    """Return the record of a trait; None if it was never measured.

    Raises:
        DamagedTrait: the record is incomplete, or another one's.
    """
    path = trait_folder(store, key) / RECORD
    try:
        record = TraitRecord.model_validate(read_json(path))
    except FileNotFoundError:
        if path.parent.exists():
            raise _damaged(path, "it is missing") from None
        return None
    except OSError as error:
        raise _damaged(path, f"it cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise _damaged(path, f"{'.'.join(map(str, first['loc'])) or 'the record'}: {first['msg']}") from None
    except ValueError as error:
        raise _damaged(path, f"no JSON: {error}") from None
    if record.key != key:
        raise _damaged(path, f"it belongs to trait {record.key}")
    return record


def read_answers(store: Store, record: TraitRecord, trait: Trait) -> "pd.DataFrame":
    """Return the answers behind a record that is `ok`.

    Raises:
        DamagedTrait: the file is missing or altered, or holds other than answers.
    """
    path = trait_folder(store, record.key) / ANSWERS
    try:
        content = read_plain(path)
    except OSError as error:
        raise _damaged(path, f"it cannot be read: {error.strerror}") from None
    if record.files.get(ANSWERS) != hashlib.sha256(content).hexdigest():
        raise _damaged(path, f"its SHA-256 differs from {RECORD}")
    try:
        return read_stored(content, trait.columns)
    except ValueError as error:
        raise _damaged(path, str(error)) from None


def write_trait(store: Store, record: TraitRecord, answers: "pd.DataFrame | None" = None) -> TraitRecord:
    """Store a trait's record with the hash of its answers, and return it; it replaces an earlier attempt.

    Raises:
        StoreError: the disk is full, or the folder cannot be written; the earlier attempt is intact.
    """
    files = {} if answers is None else {ANSWERS: answers.to_parquet(index=False)}
    record = record.model_copy(update={"files": hashes_of(files)})
    content = (record.model_dump_json(indent=1) + "\n").encode()
    write_folder(trait_folder(store, record.key), files | {RECORD: content})
    return record


def traits_of(store: Store) -> Iterator[TraitRecord]:
    """Yield every record of a trait that is whole, in the order of the keys."""
    for folder in sorted((store.root / "traits").glob(KEYS)):
        try:
            record = read_trait(store, folder.name)
        except DamagedTrait:
            continue
        if record is not None:
            yield record


def _damaged(path: Path, reason: str) -> DamagedTrait:
    return DamagedTrait(
        f"{path}: damaged ({reason}), so trait {path.parent.name} counts as not measured; `bench traits` measures it "
        "again"
    )
