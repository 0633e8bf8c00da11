"""How far a suite has come, read from its store by any process, whether the suite runs or not. Imports no torch."""

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

from bench.cli.active_runs import UnderWay, duration, how_far, runs_under_way
from bench.cli.plan import describe, failure_line
from bench.cli.tuning_status import TuningStatus, suite_to_watch, tuning_lines, tuning_status
from bench.config.suite import Match
from bench.plan.expand import expand
from bench.plan.run import Run
from bench.store.store import Record, Store

UNITS: dict[Match, str] = {"images": "images", "flops": "training FLOPs", "seconds": "seconds of training"}

WATCH_EVERY = 2.0
"""Seconds from one look to the next."""


@dataclass(frozen=True)
class SuiteStatus:
    """One look at a suite."""

    store: str
    counts: dict[str, int]
    """Of runs, by status; `running`, `interrupted` and `to do` have no record yet, or one of an earlier attempt."""
    running: list[UnderWay]
    interrupted: list[UnderWay]
    """Begun by a process that is no more."""
    not_ok: list[tuple[Run, Record]]
    """Ended otherwise than `ok`, and not being tried again."""
    num_runs: int
    match: Match
    """What budgets are of: images, training FLOPs or seconds."""
    amount: float
    """Of all runs' budgets."""
    amount_done: float
    """Of the runs that are `ok`, and the part done of the running ones."""
    tuning: TuningStatus | None
    """Of its trials, where it asks for a tuning."""

    @property
    def seconds_left(self) -> float | None:
        """For all that may still end well, at the pace of what is running; None where nothing trains."""
        pace = sum(one.pace for one in self.running)
        lost = sum(run.budget.amount for run, _ in self.not_ok)
        return (self.amount - lost - self.amount_done) / pace if pace > 0 else None


def show_status(console: Console, store: Store, *, watch: bool, as_json: bool) -> None:
    """Print a look at a suite; to watch, a new one every `WATCH_EVERY` seconds until Ctrl-C."""
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
    """Look at a suite's store."""
    suite = suite_to_watch(store)
    runs = {run.key: run for run in expand(suite).runs}
    begun = {one.run.key: one for one in runs_under_way(store, runs)}
    running = [one for one in begun.values() if one.is_held]
    records = {key: record for key in runs if key not in begun and (record := store.look(key)) is not None}
    counts = Counter(record["status"] for record in records.values())
    counts |= Counter({"running": len(running), "interrupted": len(begun) - len(running)})
    counts["to do"] = len(runs) - counts.total()
    ok = [runs[key] for key, record in records.items() if record["status"] == "ok"]
    return SuiteStatus(
        store=str(store.root),
        counts={name: number for name, number in counts.items() if number},
        running=running,
        interrupted=[one for one in begun.values() if not one.is_held],
        not_ok=[(runs[key], record) for key, record in records.items() if record["status"] != "ok"],
        num_runs=len(runs),
        match=suite.match,
        amount=sum(run.budget.amount for run in runs.values()),
        amount_done=sum(run.budget.amount for run in ok)
        + sum(one.run.budget.amount * one.share_done for one in running),
        tuning=tuning_status(store),
    )


def as_dict(status: SuiteStatus) -> dict[str, Any]:
    """A look as `bench status --json` prints it."""
    return {
        "store": status.store,
        "counts": status.counts,
        "num_runs": status.num_runs,
        "budget": {"match": status.match, "done": status.amount_done, "all": status.amount},
        "seconds_left": status.seconds_left,
        "running": [_run_as_dict(one) for one in status.running],
        "interrupted": [_run_as_dict(one) for one in status.interrupted],
        "not_ok": [
            {"key": run.key, "run": describe(run), "status": record["status"], "reason": record["reason"]}
            for run, record in status.not_ok
        ],
        "tuning": _tuning_as_dict(status.tuning),
    }


def _print(console: Console, status: SuiteStatus, *, as_json: bool) -> None:
    """JSON as one line a look, so that a watcher's lines are JSON each."""
    if as_json:
        print(json.dumps(as_dict(status)), flush=True)
        return
    for line in _lines(status):
        console.print(line, highlight=False, soft_wrap=True)


def _lines(status: SuiteStatus) -> Iterator[str]:
    """The counts, what is under way, what was interrupted or failed, and the whole in one line; with Rich's markup."""
    counts = ", ".join(f"{number} {name}" for name, number in status.counts.items())
    yield f"{escape(status.store)}: {status.num_runs} runs: {counts}"
    yield from map(_running_line, status.running)
    for one in status.interrupted:
        step = one.said.progress.step if one.said and one.said.progress else 0
        yield (
            f"[yellow]interrupted[/] {one.run.key}  {escape(describe(one.run))}: at step {step:,}; "
            f"`bench run` will resume it{_resumes(one)}"
        )
    for run, record in status.not_ok:
        yield failure_line(run, record)
    if status.tuning is not None:
        yield from tuning_lines(status.tuning)
        yield from map(_running_line, status.tuning.running)
    done = status.counts.get("ok", 0)
    share = status.amount_done / status.amount if status.amount else 1.0
    left = f", about {duration(status.seconds_left)} left" if status.seconds_left is not None else ""
    yield (
        f"done: {done:,} of {status.num_runs:,} runs, {_amount(status.amount_done, status.match)} of "
        f"{_amount(status.amount, status.match)} {UNITS[status.match]} ({share:.0%}){left}"
    )


def _amount(amount: float, match: Match) -> str:
    return f"{amount:.3g}" if match == "flops" else f"{amount:,.0f}"


def _running_line(one: UnderWay) -> str:
    return f"[green]running[/] {_who(one)}  {escape(describe(one.run))}: {how_far(one.said)}{_resumes(one)}"


def _who(one: UnderWay) -> str:
    return f"{one.run.key} (process {one.said.pid} on {escape(one.said.host)})" if one.said else one.run.key


def _resumes(one: UnderWay) -> str:
    number = one.said.num_resumes if one.said else 0
    return f", resumed {number} time{'s' if number > 1 else ''}" if number else ""


def _tuning_as_dict(status: TuningStatus | None) -> dict[str, Any] | None:
    if status is None:
        return None
    return {
        "counts": status.counts,
        "studies": status.studies,
        "is_chosen": status.is_chosen,
        "running": [_run_as_dict(one) for one in status.running],
    }


def _run_as_dict(one: UnderWay) -> dict[str, Any]:
    """Its key and description, and all that its process last said."""
    said = asdict(one.said) | {"seconds_left": one.said.seconds_left} if one.said else {}
    return {"key": one.run.key, "run": describe(one.run)} | said
