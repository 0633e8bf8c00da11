"""`bench status`: read from a store how far its suite is, whether the suite is running or not. Imports no torch."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from bench.analysis.format import duration, plural
from bench.cli.active_runs import ActiveRun, active_runs, progress_text
from bench.cli.plan import describe, failure_line
from bench.cli.tuning_status import TuningStatus, tuning_lines, tuning_status
from bench.config.suite import Match
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.store.store import Record, Store
from bench.tuning.choice import tuning_store

UNITS: dict[Match, str] = {"images": "images", "flops": "training FLOPs", "seconds": "seconds of training"}
WATCH_EVERY = 2.0
"""Seconds between two looks of `--watch`."""


@dataclass(frozen=True)
class SuiteStatus:
    """The runs of a suite as they stand."""

    store: str
    counts: dict[str, int]
    """the number of runs by status; one that is `running`, `interrupted` or `to do` may have an older record"""
    running: list[ActiveRun]
    interrupted: list[ActiveRun]
    """begun by a process that has ended"""
    not_ok: list[tuple[Run, Record]]
    num_runs: int
    match: Match
    """what the budgets count"""
    amount: float
    """the budgets of all runs"""
    amount_done: float
    """the budgets of the runs that are `ok`, and the done part of the running ones"""
    tuning: TuningStatus | None

    @property
    def seconds_left(self) -> float | None:
        """The time of all runs that may still end well, at the present pace; None if nothing trains."""
        pace = sum(run.budget_per_second for run in self.running)
        lost = sum(run.budget.amount for run, _ in self.not_ok)
        return (self.amount - lost - self.amount_done) / pace if pace > 0 else None


def show_status(console: Console, store: Store, *, watch: bool, as_json: bool) -> None:
    """Print the status of a suite; with `watch` every `WATCH_EVERY` seconds, until Ctrl-C."""
    if not watch:
        _print(console, suite_status(store), as_json=as_json)
        return
    live = Live(console=console, auto_refresh=False)
    try:
        while True:
            status = suite_status(store)
            if as_json or not console.is_terminal:
                _print(console, status, as_json=as_json)
            else:
                live.start()
                live.update(Text.from_markup("\n".join(_lines(status))), refresh=True)
            time.sleep(WATCH_EVERY)
    except KeyboardInterrupt:
        live.stop()


def suite_status(store: Store) -> SuiteStatus:
    """Read the status of a suite; if only trials were run yet, the suite is theirs.

    Raises:
        InputError: the store has no suite, or a damaged one.
    """
    trials = tuning_store(store.root)
    suite = trials.suite() if trials.has_suite and not store.has_suite else store.suite()
    runs = {run.key: run for run in expand(suite).runs}
    active = active_runs(store, runs)
    running, interrupted = [run for run in active if run.is_held], [run for run in active if not run.is_held]
    begun = {run.run.key for run in active}
    records = {key: record for key in runs if key not in begun and (record := store.look(key)) is not None}
    counts = Counter(record["status"] for record in records.values())
    counts |= Counter({"running": len(running), "interrupted": len(interrupted)})
    counts["to do"] = len(runs) - counts.total()
    return SuiteStatus(
        store=str(store.root),
        counts={name: number for name, number in counts.items() if number},
        running=running,
        interrupted=interrupted,
        not_ok=[(runs[key], record) for key, record in records.items() if record["status"] != "ok"],
        num_runs=len(runs),
        match=suite.match,
        amount=sum(run.budget.amount for run in runs.values()),
        amount_done=sum(runs[key].budget.amount for key, record in records.items() if record["status"] == "ok")
        + sum(run.run.budget.amount * run.share_done for run in running),
        tuning=tuning_status(store),
    )


def as_dict(status: SuiteStatus) -> dict[str, Any]:
    """Return a status as `bench status --json` prints it."""
    tuning = status.tuning
    return {
        "store": status.store,
        "counts": status.counts,
        "num_runs": status.num_runs,
        "budget": {"match": status.match, "done": status.amount_done, "all": status.amount},
        "seconds_left": status.seconds_left,
        "running": list(map(_run_as_dict, status.running)),
        "interrupted": list(map(_run_as_dict, status.interrupted)),
        "not_ok": [
            {"key": run.key, "run": describe(run), "status": record["status"], "reason": record["reason"]}
            for run, record in status.not_ok
        ],
        "tuning": tuning
        and {
            "counts": tuning.counts,
            "studies": tuning.studies,
            "is_chosen": tuning.is_chosen,
            "running": list(map(_run_as_dict, tuning.running)),
        },
    }


def _run_as_dict(active: ActiveRun) -> dict[str, Any]:
    latest = asdict(active.latest) | {"seconds_left": active.latest.seconds_left} if active.latest else {}
    return {"key": active.run.key, "run": describe(active.run)} | latest


def _print(console: Console, status: SuiteStatus, *, as_json: bool) -> None:
    """Print a status; as JSON in one line, so that each line of a watcher's output is JSON."""
    if as_json:
        print(json.dumps(as_dict(status)), flush=True)
        return
    for line in _lines(status):
        console.print(line, highlight=False, soft_wrap=True)


def _lines(status: SuiteStatus) -> Iterator[str]:
    """Yield the counts, the runs that are running, interrupted or failed, and the total, with Rich's markup."""
    counts = ", ".join(f"{number} {name}" for name, number in status.counts.items())
    yield f"{escape(status.store)}: {status.num_runs} runs: {counts}"
    yield from map(_running_line, status.running)
    for run in status.interrupted:
        step = run.latest.progress.step if run.latest and run.latest.progress else 0
        yield (
            f"[yellow]interrupted[/] {run.run.key}  {escape(describe(run.run))}: at step {step:,}; "
            f"`bench run` will resume it{_resumes(run)}"
        )
    for failed, record in status.not_ok:
        yield failure_line(failed, record)
    if status.tuning is not None:
        yield from tuning_lines(status.tuning)
        yield from map(_running_line, status.tuning.running)
    number = ".3g" if status.match == "flops" else ",.0f"
    share = status.amount_done / status.amount if status.amount else 1.0
    left = f", about {duration(round(status.seconds_left))} left" if status.seconds_left is not None else ""
    yield (
        f"done: {status.counts.get('ok', 0):,} of {status.num_runs:,} runs, {status.amount_done:{number}} of "
        f"{status.amount:{number}} {UNITS[status.match]} ({share:.0%}){left}"
    )


def _running_line(run: ActiveRun) -> str:
    process = f" (process {run.latest.pid} on {escape(run.latest.host)})" if run.latest else ""
    name, progress = escape(describe(run.run)), progress_text(run.latest)
    return f"[green]running[/] {run.run.key}{process}  {name}: {progress}{_resumes(run)}"


def _resumes(run: ActiveRun) -> str:
    number = run.latest.num_resumes if run.latest else 0
    return f", resumed {plural(number, 'time')}" if number else ""
