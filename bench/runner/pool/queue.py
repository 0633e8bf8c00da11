"""The runs that are still to be done: which may be tried now, and what is in the way of others. Imports no torch."""

import time
from collections.abc import Iterable, Mapping

from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.runner.pool.schedule import by_priority
from bench.store.store import Store

LOOK_AGAIN_SECONDS = 1.0
"""Until a run that another process does is asked after again."""


class Queue:
    """The runs that are still to be done: those that may be tried now, by priority."""

    def __init__(self, plan: Plan, store: Store, seconds: Mapping[str, float], missing: dict[str, str]) -> None:
        self.store, self.missing = store, missing
        finished = store.finished(run.key for run in plan.runs)
        todo = [run for run in by_priority(plan, seconds) if run.key not in finished]
        self.waiting = {run.key: run for run in todo}
        self.order = {run.key: place for place, run in enumerate(todo)}
        self.look_again = dict.fromkeys(self.waiting, 0.0)
        self.ok = finished
        """Keys of runs that others may start from; each is read once, however often it is asked after."""

    def due(self) -> list[Run]:
        """Those that are to be looked at now."""
        now = time.monotonic()
        return [
            self.waiting[key] for key in sorted(self.waiting, key=self.order.__getitem__) if self.look_again[key] <= now
        ]

    def is_ready(self, run: Run, running: Iterable[Run]) -> bool:
        """Whether what it starts from is done."""
        return run.starts_from not in self.waiting and run.starts_from not in {other.key for other in running}

    def obstacle(self, run: Run, running: Iterable[Run]) -> str:
        """Why a run can't be attempted, or nothing."""
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
        """A worker has it."""
        del self.waiting[run.key]

    def put_back(self, run: Run) -> None:
        """Another process does it, or its worker was stopped: ask after it again."""
        self.waiting[run.key] = run
        self.look_again[run.key] = time.monotonic() + LOOK_AGAIN_SECONDS

    def end(self, run: Run) -> None:
        """It is done, by whomever."""
        self.waiting.pop(run.key, None)


def attempts(store: Store, runs: Iterable[Run]) -> dict[str, str]:
    """When the attempt was started that the store holds of each run, by key; a later one is another process'."""
    records = {run.key: store.read(run.key) for run in runs}
    return {key: record.get("started_at", "") for key, record in records.items() if record}
