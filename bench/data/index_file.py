"""The index file: the images of a subset as a Parquet file, and its comparison with the corpus at hand.

The file has one row per image, in the subset's order, with `position`, `id`, `label` and `class`. Its metadata under
`subset` describe the subset: the corpus with its identity, the numbers of images and classes, the sizes of the smallest
and of the largest class, and the SHA-256 that records hold. It is written whole or not at all, and read in parts.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.data.corpus import CorpusRef, check_present, corpus_identity, corpus_of, subset_index
from bench.data.subset import SubsetIndex
from bench.errors import InputError
from bench.files.atomic import whole_file

METADATA = b"subset"
COLUMNS = ("position", "id", "label", "class")
ROWS = 2**20
"""Rows per row group; no more are in memory at once."""


class Summary(BaseModel):
    """Describes the subset that an index file lists."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = Field(1, ge=1, le=1)
    corpus: str
    """Name of the corpus as given."""
    identity: dict[str, Any]
    images: Annotated[int, Field(ge=1)]
    classes: Annotated[int, Field(ge=2)] | None
    """Number of classes as given; None for all."""
    num_classes: int
    smallest_class_images: int
    largest_class_images: int
    sha256: str


def write_index(ref: CorpusRef, num_images: int, data_dir: Path, out: Path) -> Summary:
    """Write the index file of a subset.

    Raises:
        InputError: the corpus has fewer images or classes, or `out` can't be written.
    """
    index = subset_index(ref, num_images, data_dir)
    summary = _summary(ref, index, data_dir)
    try:
        with whole_file(out) as temporary:
            write_rows(index, summary.model_dump_json(), temporary)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"--out {out}: cannot be written ({reason}); name a file in an existing folder") from error
    return summary


def write_rows(index: SubsetIndex, summary: str, path: Path) -> None:
    """Write the rows of a subset with its summary in JSON, one row group at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = pa.array(index.class_names, pa.string())
    types: list[Any] = [pa.int64(), pa.int64(), pa.int32(), pa.dictionary(pa.int32(), pa.string())]
    schema = pa.schema(list(zip(COLUMNS, types, strict=True)), {METADATA: summary})
    with path.open("wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for start in range(0, len(index.ids), ROWS):
            ids, labels = index.ids[start : start + ROWS], index.labels[start : start + ROWS].astype(np.int32)
            classes = pa.DictionaryArray.from_arrays(pa.array(labels), names)
            columns = [pa.array(np.arange(start, start + len(ids))), pa.array(ids), pa.array(labels), classes]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=ROWS)


def check_index(path: Path, corpus: str | None, data_dir: Path) -> tuple[Summary, str]:
    """Return the summary of an index file, and its first difference from the corpus; "" if there is none.

    Args:
        path: the index file.
        corpus: the corpus' name if its folder has moved; by default the name in the file.
        data_dir: the folder of the data sets.

    Raises:
        InputError: the file can't be read, or is not an index file.
    """
    import pyarrow as pa

    if not path.is_file():
        raise InputError(f"{path}: there is no such file; `bench data subset NAME --images N --out FILE` writes one")
    try:
        summary = _read_summary(path)
        ref = corpus_of(corpus or summary.corpus, summary.classes)
        return summary, _first_difference(path, summary, ref, data_dir)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path}: cannot be read as an index file ({reason}); write it again") from error


def _summary(ref: CorpusRef, index: SubsetIndex, data_dir: Path) -> Summary:
    """Return the summary of a subset."""
    smallest, largest = index.class_range
    return Summary(
        corpus=ref.name,
        identity=corpus_identity(ref, data_dir),
        images=len(index.ids),
        classes=ref.classes,
        num_classes=len(index.class_names),
        smallest_class_images=smallest,
        largest_class_images=largest,
        sha256=index.sha256,
    )


def _read_summary(path: Path) -> Summary:
    """Return the summary in a file; refuse a file without one."""
    import pyarrow.parquet as pq

    schema = pq.read_schema(path)
    try:
        content = json.loads((schema.metadata or {})[METADATA])
        if missing := [name for name in COLUMNS if name not in schema.names]:
            raise ValueError(f"the column {missing[0]} is missing")
        return Summary.model_validate(content)
    except (KeyError, ValueError) as error:
        reason = f"{error.error_count()} wrong fields" if isinstance(error, ValidationError) else str(error)
        raise InputError(
            f"{path}: no index file of a subset ({reason}); `bench data subset NAME --images N --out {path}` writes one"
        ) from error


def _first_difference(path: Path, summary: Summary, ref: CorpusRef, data_dir: Path) -> str:
    """Return a description of the first difference: in the corpus, a row or the summary."""
    check_present(ref, data_dir)
    identity = json.loads(json.dumps(corpus_identity(ref, data_dir)))
    for field in sorted(identity.keys() | summary.identity.keys()):
        stated, here = summary.identity.get(field), identity.get(field)
        if stated != here:
            return f"corpus: {field} is {stated} in the file and {here} here"
    index = subset_index(ref, summary.images, data_dir)
    num_rows = 0
    for columns in _parts(path):
        if difference := _first_different_row(columns, index, num_rows):
            return difference
        num_rows += len(columns["id"])
    if num_rows != len(index.ids):
        return f"rows: {num_rows:,} are in the file, of {len(index.ids):,} images"
    here = _summary(ref, index, data_dir).model_dump()
    stated = summary.model_dump() | {"corpus": ref.name}
    return next(
        (f"summary: {name} is {stated[name]}, not {here[name]}" for name in here if here[name] != stated[name]), ""
    )


def _parts(path: Path) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield the columns of a file, `ROWS` rows at a time."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, read_dictionary=["class"]) as file:
        for batch in file.iter_batches(ROWS, columns=list(COLUMNS)):
            yield {name: batch.column(name).to_numpy(zero_copy_only=False) for name in COLUMNS}


def _first_different_row(columns: dict[str, NDArray[Any]], index: SubsetIndex, start: int) -> str:
    """Return a description of the first row, counted from `start`, that differs from the subset; "" if none does."""
    part = slice(start, start + len(columns["id"]))
    labels = index.labels[part]
    names = np.array(index.class_names, dtype=object)
    here = {"position": np.arange(start, start + len(labels)), "id": index.ids[part], "label": labels}
    here["class"] = names[labels]
    different = {name: np.flatnonzero(columns[name][: len(labels)] != here[name]) for name in COLUMNS}
    rows = {name: int(places[0]) for name, places in different.items() if len(places)}
    if not rows:
        return ""
    name = min(rows, key=lambda column: rows[column])
    row = rows[name]
    return f"row {start + row:,}: {name} is {columns[name][row]} in the file and {here[name][row]} here"
