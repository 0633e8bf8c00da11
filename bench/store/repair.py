"""Set damaged runs aside before `bench run` starts, so that they are done again.

A run is damaged if its record cannot be read, or if an unfinished run has to start from its weights and these are
missing or altered. Every other finished run stays as it is, even without weights, which a report does not need. Imports
no torch.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.files.locks import acquire
from bench.plan.run import Run
from bench.store.records import DamagedRun, check_file
from bench.store.store import WEIGHTS, Store


@dataclass(frozen=True)
class Repaired:
    """The runs of a store after its damaged ones were set aside."""

    finished: set[str]
    """Keys of the finished runs."""
    messages: list[str]
    """What was set aside, and where it lies now."""


def repair(store: Store, runs: Iterable[Run]) -> Repaired:
    """Set aside the damaged ones among runs that are to be done."""
    runs = tuple(runs)
    finished, damaged = store.scan(run.key for run in runs)
    starts = {run.starts_from for run in runs if run.starts_from and run.key not in finished}
    suspects = [run.key for run in runs if run.key in damaged] + sorted(starts & finished)
    messages = {key: message for key in suspects if (message := _repair(store, key))}
    return Repaired(finished - messages.keys(), list(messages.values()))


def _repair(store: Store, key: str) -> str:
    """Set a run aside if it is damaged and no process is doing it; its checkpoint stays.

    Returns:
        A message, or nothing if the run stays where it is.
    """
    lock = acquire(store.running_folder(key))
    if lock is None:
        return ""
    with lock:
        try:
            _check(store, key)
        except DamagedRun as error:
            return f"{error}; what is left of it lies in {store.set_aside(store.run_folder(key), key)}"
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
