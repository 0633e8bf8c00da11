"""The waiting runs of a plan: which of them may start now, and why others cannot start. Imports no torch."""

import time
from collections.abc import Iterable, Mapping

from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.runner.pool.schedule import by_priority
from bench.store.store import Store

LOOK_AGAIN_SECONDS = 1.0
"""The seconds between two checks of a run that another process executes."""


class Queue:
    """The waiting runs, by priority."""

    def __init__(self, plan: Plan, store: Store, seconds: Mapping[str, float], missing: dict[str, str]) -> None:
        """Leave out the finished runs; `missing` maps targets without data to the reason."""
        self.store, self.missing = store, missing
        finished = store.finished(run.key for run in plan.runs)
        todo = [run for run in by_priority(plan, seconds) if run.key not in finished]
        self.waiting = {run.key: run for run in todo}
        self.order = {run.key: position for position, run in enumerate(todo)}
        self.look_again = dict.fromkeys(self.waiting, 0.0)
        self.ok = finished
        """The keys of runs that ended `ok`, as far as they are known: each record is read once."""

    def due(self) -> list[Run]:
        """Return the waiting runs that are to be checked now, by priority."""
        now = time.monotonic()
        keys = sorted(self.waiting, key=self.order.__getitem__)
        return [self.waiting[key] for key in keys if self.look_again[key] <= now]

    def is_ready(self, run: Run, running: Iterable[Run]) -> bool:
        """Return whether the run that this one starts from has ended."""
        return run.starts_from not in self.waiting and run.starts_from not in {other.key for other in running}

    def obstacle(self, run: Run, running: Iterable[Run]) -> str:
        """Return the reason why a run can never be attempted; empty if it can be attempted now or later."""
        if str(run.target) in self.missing:
            return self.missing[str(run.target)]
        if run.starts_from is None or run.starts_from in self.ok or not self.is_ready(run, running):
            return ""
        parent = self.store.read(run.starts_from)
        status = parent["status"] if parent else "not_run"
        if status != "ok":
            return f"it starts from run {run.starts_from}, which ended as {status}"
        self.ok.add(run.starts_from)
        return ""

    def take(self, run: Run) -> None:
        """Remove a run that a worker has started."""
        del self.waiting[run.key]

    def put_back(self, run: Run) -> None:
        """Put back a run that another process executes, or whose worker was stopped, to check it again later."""
        self.waiting[run.key] = run
        self.look_again[run.key] = time.monotonic() + LOOK_AGAIN_SECONDS

    def end(self, run: Run) -> None:
        """Remove a run that has ended in this or another process."""
        self.waiting.pop(run.key, None)


def attempts(store: Store, runs: Iterable[Run]) -> dict[str, str]:
    """Return the start time of the attempt that the store holds for each run, by key.

    An attempt with another start time was made later, by another process.
    """
    records = {run.key: store.read(run.key) for run in runs}
    return {key: record.get("started_at", "") for key, record in records.items() if record}
