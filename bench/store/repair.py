"""Set damaged runs aside before `bench run` starts, so that they are repeated.

A run is damaged if its record cannot be read, or if its weights are missing or altered and an unfinished run has to
start from them. All other finished runs stay as they are, even without weights, since a report does not need weights.
Imports no torch.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.files.locks import acquire
from bench.plan.run import Run
from bench.store.records import DamagedRun, check_file
from bench.store.store import WEIGHTS, Store


@dataclass(frozen=True)
class Repaired:
    """The runs of a store after damaged runs were set aside."""

    finished: set[str]
    """Keys of the finished runs."""
    messages: list[str]
    """Messages about damaged runs, with the folders that they were moved to."""


def repair(store: Store, runs: Iterable[Run]) -> Repaired:
    """Set aside the damaged runs among those that `bench run` needs."""
    runs = tuple(runs)
    finished, damaged = store.scan(run.key for run in runs)
    starts = {run.starts_from for run in runs if run.starts_from and run.key not in finished}
    suspects = [run.key for run in runs if run.key in damaged] + sorted(starts & finished)
    messages = {key: message for key in suspects if (message := _repair(store, key))}
    return Repaired(finished - messages.keys(), list(messages.values()))


def _repair(store: Store, key: str) -> str:
    """Set a run aside if it is damaged and no process is working on it; its checkpoint stays.

    Returns:
        A message, or an empty text if the run was not moved.
    """
    lock = acquire(store.running_folder(key))
    if lock is None:
        return ""
    with lock:
        try:
            _check(store, key)
        except DamagedRun as error:
            return f"{error}; its files are now in {store.set_aside(store.run_folder(key), key)}"
        lock.release(finished=store.is_finished(key))
    return ""


def _check(store: Store, key: str) -> None:
    """Check a record, and the weights of a finished run.

    Raises:
        DamagedRun: one of them is damaged.
    """
    record = store.read(key)
    if record is not None and record["status"] == "ok":
        check_file(store.run_folder(key), record, WEIGHTS)
