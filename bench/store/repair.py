"""What `bench run` does about damage before it starts: set it aside, so that the runs are done again.

Damaged are records that cannot be read, and finished runs whose weights are missing or altered while an unfinished
run is to start from them. Every other finished run stays as it is, also without weights: a report needs none. Whoever
only reads a store changes nothing there. Imports no torch.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.files.locks import acquire
from bench.plan.run import Run
from bench.store.records import DamagedRun, check_file
from bench.store.store import WEIGHTS, Store


@dataclass(frozen=True)
class Repaired:
    """A store in which nothing that is to be done rests on damage."""

    finished: set[str]
    """Keys of the runs that need not be done again."""
    messages: list[str]
    """What was set aside, and where it lies now."""


def repair(store: Store, runs: Iterable[Run]) -> Repaired:
    """Set aside what is damaged among the runs to be done."""
    runs = tuple(runs)
    scan = store.scan(run.key for run in runs)
    starts = {run.starts_from for run in runs if run.starts_from and run.key not in scan.finished}
    found = {key: _repair(store, key) for key in (*scan.damaged, *sorted(starts & scan.finished))}
    messages = {key: message for key, message in found.items() if message}
    return Repaired(scan.finished - messages.keys(), list(messages.values()))


def _repair(store: Store, key: str) -> str:
    """Set a run aside, if it is damaged and no process is doing it; its checkpoint stays for who does it again."""
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
    """Raise DamagedRun where a record, or the weights of a finished run, are damaged."""
    record = store.read(key)
    if record is not None and record["status"] == "ok":
        check_file(store.run_folder(key), record, WEIGHTS)
