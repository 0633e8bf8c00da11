"""The speed files: what was measured on each machine, in `results/throughput/<machine>.parquet`.

A file only grows: a new measurement adds its records beside those already there, and readers take of each group the
latest (`latest`). It is written whole or not at all, by one process at a time, and a file that cannot be read is
refused and left as it is, so that nothing in it is lost. The columns are described in `docs/schema.md`. Imports no
torch.
"""

import io
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.speed_columns import GROUP, SCHEMA
from bench.errors import InputError
from bench.files.locks import acquire, holder
from bench.files.writing import clear_errors, remove_leftovers, write_atomically

SPEED_PROTOCOL = 1
"""Raised with every change after which speeds compare no longer with those measured before."""
FOLDER = "throughput"
"""Of the speed files, under the folder of results."""

_OF_NO_USE = re.compile(r"\((?:r|tm|c)\)|\bcpu\b|\b\d+-core\b|\bprocessor\b|@.*$", re.IGNORECASE)
"""What a processor's name says beside which one it is."""
_PATIENCE_S = 60.0


def machine_name(device: str, device_name: str, processor: str) -> str:
    """A machine as the name of its file: `cpu-amd-epyc-9b45`, `cuda-nvidia-h100-80gb-hbm3-amd-epyc-7763`.

    Args:
        device: `cpu` or `cuda`.
        device_name: the GPU's name; of a CPU it is left out.
        processor: as the system tells it; clock rates, numbers of cores and trade marks are left out.
    """
    parts = [device, device_name if device != "cpu" else "", _OF_NO_USE.sub(" ", processor)]
    return re.sub(r"[^a-z0-9]+", "-", " ".join(parts).lower()).strip("-")


def append(results_dir: Path, frame: pd.DataFrame) -> Path:
    """Add records of one machine to its file, which is made if need be.

    Args:
        results_dir: the folder of results.
        frame: one row a record, with every column of `SCHEMA`.

    Returns:
        The path of the file.

    Raises:
        StoreError: the file cannot be written; what was in it is intact.
        InputError: the file that is there is damaged, or another process keeps it; nothing is overwritten.
    """
    machines = sorted(set(frame["machine"]))
    if len(machines) != 1:
        raise ValueError(f"records of one machine go into a file, not of {machines}")
    new, path = _with_types(frame), results_dir / FOLDER / f"{machines[0]}.parquet"
    with clear_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        remove_leftovers(path.parent)
        old = [read(path)] if path.exists() else []
        write_atomically(path, _as_parquet(pd.concat([*old, new], ignore_index=True)))
    return path


def read(path: Path) -> pd.DataFrame:
    """All records of a file in the order in which they were added; lists of numbers are arrays of float64.

    Raises:
        InputError: there is no such file, it is damaged, or it is not one of speeds.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; `pytest --benchmark` writes speeds to `results/{FOLDER}/`")
    try:
        frame = pd.read_parquet(io.BytesIO(path.read_bytes()))
    except (OSError, ValueError) as error:  # pyarrow's own errors are among these
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: damaged ({said}); move it away, and the next measurement begins a new one") from None
    if missing := [name for name in SCHEMA if name not in frame.columns]:
        raise InputError(f"{path}: not a file of speeds, or of another version; it lacks columns: {', '.join(missing)}")
    return _with_types(frame)


def latest(frame: pd.DataFrame) -> pd.DataFrame:
    """Of each group of a suite on a machine the rows that were measured last; the order of the rows stays."""
    if frame.empty:
        return frame
    frame = frame.reset_index(drop=True)
    groups = frame.groupby(["machine", "suite", *GROUP], sort=False)
    last = groups["measured_at"].transform("idxmax").map(frame["measurement"])
    return frame[frame["measurement"] == last].reset_index(drop=True)


def all_machines(results_dir: Path) -> dict[str, pd.DataFrame]:
    """The records of every machine, by its name in order; empty where nothing was measured.

    Raises:
        InputError: a file is damaged.
    """
    return {path.stem: read(path) for path in sorted((results_dir / FOLDER).glob("*.parquet"))}


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the file's lock, waiting for whoever else is adding records to it."""
    folder, began = path.with_name(f".{path.stem}"), time.monotonic()
    while (lock := acquire(folder)) is None:
        if time.monotonic() - began > _PATIENCE_S:
            raise InputError(f"{path}: process {holder(folder)} keeps it from being written; end that, or wait for it")
        time.sleep(0.05)
    try:
        yield
    finally:
        lock.release(finished=True)


def _with_types(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of the schema in its order and types."""
    plain = {name: kind for name, kind in SCHEMA.items() if kind != "list"}
    typed = frame[list(SCHEMA)].astype(plain).reset_index(drop=True)
    for name in SCHEMA.keys() - plain.keys():
        typed[name] = pd.Series([np.asarray(values, dtype=np.float64) for values in typed[name]], dtype=object)
    return typed


def _as_parquet(frame: pd.DataFrame) -> bytes:
    import pyarrow as pa

    kinds: dict[str, Any] = {"str": pa.string(), "bool": pa.bool_(), "int64": pa.int64(), "Int64": pa.int64()}
    kinds |= {"float64": pa.float64(), "list": pa.list_(pa.float64())}
    buffer = io.BytesIO()
    schema = pa.schema([(name, kinds[kind]) for name, kind in SCHEMA.items()])
    frame.to_parquet(buffer, index=False, schema=schema)
    return buffer.getvalue()
