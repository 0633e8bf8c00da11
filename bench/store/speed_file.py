"""The speed files: the measurements of each machine, in `results/throughput/<machine>.parquet`.

A file only grows: a new measurement adds its records, and readers use the latest records of each group (`latest`). One
process at a time writes the complete file. A file that cannot be read is refused and not changed, so that nothing in it
is lost. `docs/schema.md` describes the columns. Imports no torch.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.speed_columns import GROUP, SCHEMA
from bench.errors import InputError
from bench.files.atomic import clear_errors, remove_leftovers, write_atomically
from bench.files.locks import taking_turns
from bench.files.plain import read_plain
from bench.store.stored_table import read_stored

SPEED_PROTOCOL = 2
"""Version of the speed protocol; raise it if new speeds cannot be compared with earlier ones."""
FOLDER = "throughput"
"""Name of the folder of speed files, below the folder of results."""

NEW = {"round_restarts": "list"}
"""Columns that files lack which were written before these were recorded."""

_NOT_A_NAME = re.compile(r"\((?:r|tm|c)\)|\bcpu\b|\b\d+-core\b|\bprocessor\b|@.*$", re.IGNORECASE)
"""Parts of a processor's name that do not identify the processor."""


def machine_name(device: str, device_name: str, processor: str) -> str:
    """Return the name of a machine's file, such as `cpu-amd-epyc-9b45` or `cuda-nvidia-h100-80gb-hbm3-amd-epyc-7763`.

    Args:
        device: `cpu` or `cuda`.
        device_name: the GPU's name; ignored for a CPU.
        processor: the processor's name in the system; clock rate, number of cores and trade marks are removed.
    """
    parts = [device, device_name if device != "cpu" else "", _NOT_A_NAME.sub(" ", processor)]
    return re.sub(r"[^a-z0-9]+", "-", " ".join(parts).lower()).strip("-")


def append(results_dir: Path, frame: pd.DataFrame) -> Path:
    """Add records of one machine to its file; make the file if it does not exist.

    Args:
        results_dir: the folder of results.
        frame: one row per record, with every column of `SCHEMA`.

    Returns:
        The path of the file.

    Raises:
        StoreError: the file cannot be written; its old content is intact.
        InputError: the file is damaged, or another process holds its lock; nothing is overwritten.
    """
    machines = sorted(set(frame["machine"]))
    if len(machines) != 1:
        raise ValueError(f"a file contains records of one machine, not of {machines}")
    new, path = _with_types(frame), results_dir / FOLDER / f"{machines[0]}.parquet"
    with clear_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with taking_turns(path):
        remove_leftovers(path.parent)
        old = [read(path)] if path.exists() else []
        write_atomically(path, _as_parquet(pd.concat([*old, new], ignore_index=True)))
    return path


def read(path: Path) -> pd.DataFrame:
    """Return all records of a file, oldest first; lists of numbers are float64 arrays.

    Raises:
        InputError: there is no such file, or it is damaged, or it is not a speed file.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; `pytest --benchmark` writes speeds to `results/{FOLDER}/`")
    try:
        frame = read_stored(read_plain(path), {name: SCHEMA[name] for name in SCHEMA if name not in NEW}, NEW)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: damaged, no speed file, or of another version ({error}); move it away, and the next measurement "
            "makes a new file"
        ) from None
    if "round_restarts" not in frame.columns:
        frame["round_restarts"] = frame["round_seconds"].map(lambda seconds: np.zeros(len(seconds)))
    return _with_types(frame)


def latest(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the latest measurement of each group, suite and machine, in the order of the frame."""
    if frame.empty:
        return frame
    frame = frame.reset_index(drop=True)
    groups = frame.groupby(["machine", "suite", *GROUP], sort=False)
    last = groups["measured_at"].transform("idxmax").map(frame["measurement"])
    return frame[frame["measurement"] == last].reset_index(drop=True)


def all_machines(results_dir: Path) -> dict[str, pd.DataFrame]:
    """Return the records of each machine by name, sorted; empty if nothing was measured.

    Raises:
        InputError: a file is damaged.
    """
    return {path.stem: read(path) for path in sorted((results_dir / FOLDER).glob("*.parquet"))}


def _with_types(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the schema's columns, in its order and with its types."""
    plain = {name: kind for name, kind in SCHEMA.items() if kind != "list"}
    typed = frame[list(SCHEMA)].astype(plain).reset_index(drop=True)
    for name in SCHEMA.keys() - plain.keys():
        typed[name] = pd.Series([np.asarray(values, dtype=np.float64) for values in typed[name]], dtype=object)
    return typed


def _as_parquet(frame: pd.DataFrame) -> bytes:
    import pyarrow as pa

    kinds: dict[str, Any] = {"str": pa.string(), "bool": pa.bool_(), "int64": pa.int64(), "Int64": pa.int64()}
    kinds |= {"float64": pa.float64(), "list": pa.list_(pa.float64())}
    schema = pa.schema([(name, kinds[kind]) for name, kind in SCHEMA.items()])
    return frame.to_parquet(index=False, schema=schema)
