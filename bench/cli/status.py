"""`bench status`: read the progress of a suite from its store, whether it is running or not. Imports no torch."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bench.analysis.format import duration, percent, plural
from bench.cli.active_runs import ActiveRun, active_runs, progress_text
from bench.cli.plan import describe, status_line
from bench.cli.terminal import joined, marked, say
from bench.config.suite import Match
from bench.plan.expand import expand
from bench.store.store import Store
from bench.tuning.choice import survey, tuning_store
from bench.tuning.halving import NOT_RUN, PRUNED

UNITS: dict[Match, str] = {"images": "images", "flops": "training FLOPs", "seconds": "seconds of training"}
WATCH_EVERY = 2.0
"""The seconds between two updates of `--watch`."""

Status = dict[str, Any]
"""The JSON values that `bench status --json` prints."""


def show_status(console: Console, store: Store, *, watch: bool, as_json: bool) -> None:
    """Print the status of a suite once, or with `watch` every `WATCH_EVERY` seconds until Ctrl-C."""
    live = Live(console=console, auto_refresh=False)
    try:
        while True:
            status = suite_status(store)
            if as_json:
                say(json.dumps(status))
            elif watch and console.is_terminal:
                live.start()
                live.update(joined(_lines(status)), refresh=True)
            else:
                console.print(joined(_lines(status)), highlight=False, soft_wrap=True)
            if not watch:
                return
            time.sleep(WATCH_EVERY)
    except KeyboardInterrupt:
        live.stop()


def suite_status(store: Store) -> Status:
    """Read the status of a suite; if the store has only trials yet, the suite is that of the trials.

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
    not_ok = {key: record for key, record in records.items() if record["status"] != "ok"}
    done = sum(runs[key].budget.amount for key in records.keys() - not_ok.keys())
    done += sum(run.run.budget.amount * run.share_done for run in active)
    amount = sum(run.budget.amount for run in runs.values())
    pace = sum(run.budget_per_second for run in running)
    left = amount - done - sum(runs[key].budget.amount for key in not_ok)
    return {
        "store": str(store.root),
        "counts": {name: number for name, number in counts.items() if number},
        "num_runs": len(runs),
        "budget": {"match": suite.match, "done": done, "all": amount},
        "seconds_left": left / pace if pace > 0 else None,
        "running": list(map(_active, running)),
        "interrupted": list(map(_active, interrupted)),
        "not_ok": [
            {"key": key, "run": describe(runs[key]), "status": record["status"], "reason": record["reason"]}
            for key, record in not_ok.items()
        ],
        "tuning": _tuning_status(store, trials),
    }


def _active(run: ActiveRun) -> Status:
    latest = asdict(run.latest) | {"seconds_left": run.latest.seconds_left} if run.latest else {}
    return {"key": run.run.key, "run": describe(run.run), "text": progress_text(run.latest)} | latest


def _tuning_status(store: Store, trials: Store) -> Status | None:
    """Read the status of a suite's trials; the suite is that of the last `bench tune`, if there was one."""
    suite = trials.suite() if trials.has_suite else store.suite()
    if suite.tuning is None:
        return None
    studies = survey(suite, trials)
    runs = {run.key: run for study in studies for trial in study.trials for run in trial.runs}
    runs |= {due.run.key: due.run for study in studies for due in study.due}
    statuses = Counter(trial.status for study in studies for trial in study.trials)
    done, left = statuses["ok"] + statuses[PRUNED], statuses[NOT_RUN]
    return {
        "counts": {"done": done, "failed": statuses.total() - done - left, "left": left},
        "studies": {str(study.study): dict(Counter(trial.status for trial in study.trials)) for study in studies},
        "is_chosen": bool(studies) and all(study.best for study in studies),
        "running": [_active(run) for run in active_runs(trials, runs) if run.is_held],
    }


def _lines(status: Status) -> Iterator[str | Text]:
    """Yield lines: the counts, the running, interrupted and failed runs, and the total."""
    counts = ", ".join(f"{number} {name}" for name, number in status["counts"].items())
    yield f"{status['store']}: {status['num_runs']} runs: {counts}"
    yield from map(_running_line, status["running"])
    for run in status["interrupted"]:
        step = run["progress"]["step"] if run.get("progress") else 0
        text = f"{run['key']}  {run['run']}: at step {step:,}; `bench run` will resume it"
        yield marked("interrupted", "yellow", f" {text}{_resumes(run)}")
    for run in status["not_ok"]:
        yield status_line(run["key"], run["run"], run["status"], run["reason"])
    if status["tuning"] is not None:
        yield from _tuning_lines(status["tuning"])
        yield from map(_running_line, status["tuning"]["running"])
    match, done, amount = (status["budget"][name] for name in ("match", "done", "all"))
    number = ".3g" if match == "flops" else ",.0f"
    left = f", about {duration(round(status['seconds_left']))} left" if status["seconds_left"] is not None else ""
    yield (
        f"done: {status['counts'].get('ok', 0):,} of {status['num_runs']:,} runs, {done:{number}} of "
        f"{amount:{number}} {UNITS[match]} ({percent(done / amount if amount else 1.0, places=0)}){left}"
    )


def _running_line(run: Status) -> Text:
    process = f" (process {run['pid']} on {run['host']})" if "pid" in run else ""
    return marked("running", "green", f" {run['key']}{process}  {run['run']}: {run['text']}{_resumes(run)}")


def _resumes(run: Status) -> str:
    return f", resumed {plural(run['num_resumes'], 'time')}" if run.get("num_resumes") else ""


def _tuning_lines(tuning: Status) -> Iterator[str]:
    """Yield one line for all trials, then one line per study."""
    if not tuning["studies"]:
        yield "tuning: no trial has begun; `bench tune` runs them"
        return
    counts = ", ".join(f"{number} {name}" for name, number in tuning["counts"].items() if number or name == "done")
    chosen = "; every study has chosen its settings" if tuning["is_chosen"] else ""
    yield f"tuning: {sum(tuning['counts'].values())} trials: {counts}{chosen}"
    for study, statuses in tuning["studies"].items():
        yield f"  {study}: " + ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in statuses.items())
