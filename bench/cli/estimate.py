"""`bench plan SUITE --estimate`: time, FLOPs, memory and disk of a suite, from one timed step of each model."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.analysis.format import ABSENT, byte_size, duration, plural
from bench.cli.grouped_table import grouped_table
from bench.cli.plan import STAGES
from bench.cli.run import missing_targets, num_workers_for
from bench.cli.terminal import marked
from bench.config.resolved import ResolvedSuite
from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.runner.estimate.estimate import RunEstimate, estimates, seconds_by_key
from bench.runner.pool.pool import Workers
from bench.runner.pool.schedule import seconds_in_all


@dataclass(frozen=True)
class SuiteEstimate:
    """The estimates of the runs of a plan, and of all runs together."""

    suite: str
    device: str
    num_workers: int
    runs: tuple[RunEstimate, ...]
    preparation_seconds: float
    """The measured seconds to start the workers and to time the models."""
    runs_seconds: float
    """The estimated seconds from the start of the first run to the end of the last."""

    def totals(self) -> dict[str, Any]:
        """Return sums over the runs; memory and checkpoints are those of the largest run in each worker."""
        memory = [run.memory_bytes for run in self.runs if run.memory_bytes is not None]
        return {
            "runs": len(self.runs),
            "wall_seconds": self.preparation_seconds + self.runs_seconds,
            "preparation_seconds": self.preparation_seconds,
            "worker_seconds": sum(run.seconds for run in self.runs),
            "training_flops": sum(run.training_flops for run in self.runs),
            "memory_bytes": self.num_workers * max(memory) if memory else None,
            "disk_bytes": sum(run.disk_bytes for run in self.runs),
            "checkpoints_bytes": self.num_workers * max((run.checkpoint_bytes for run in self.runs), default=0),
        }

    def as_json(self) -> dict[str, Any]:
        """Return JSON values: one row per run, and the totals."""
        head = {"suite": self.suite, "device": self.device, "workers": self.num_workers}
        return head | {"runs": [_run_as_json(estimate) for estimate in self.runs], "total": self.totals()}


def estimate_suite(suite: ResolvedSuite, plan: Plan, data_dir: Path, num_workers: int | None = None) -> SuiteEstimate:
    """Estimate a plan by timing its models and data in the workers; write no files."""
    missing = missing_targets(plan, data_dir)
    runs = [run for run in plan.runs if str(run.target) not in missing]
    count = num_workers_for(runs, num_workers)
    start = time.perf_counter()
    with Workers(count, threads=suite.threads) as workers:
        workers.check_device(suite.device)
        by_key = {estimate.run.key: estimate for estimate in estimates(runs, workers.time_runs(runs, data_dir), count)}
    preparation_seconds = time.perf_counter() - start
    seconds = seconds_by_key(by_key.values())
    return SuiteEstimate(
        suite.name,
        suite.device,
        count,
        tuple(by_key.get(run.key) or RunEstimate(run, reason=missing[str(run.target)]) for run in plan.runs),
        preparation_seconds,
        seconds_in_all(plan, seconds, count),
    )


def show_estimate(console: Console, suite: SuiteEstimate) -> None:
    """Print a row per stage, data and model, the total, and the runs without an estimate."""
    total = suite.totals()
    console.print(_table(suite.runs, total))
    memory = total["memory_bytes"]
    lines = [
        f"about {duration(round(total['wall_seconds']))} with {plural(suite.num_workers, 'worker')} on {suite.device}, "
        f"of which {duration(round(suite.preparation_seconds))} to start the workers and to time the models",
        *([f"memory: up to {byte_size(memory)} on the GPU"] if memory is not None else []),
        f"disk: {byte_size(total['disk_bytes'])} of results, and up to {byte_size(total['checkpoints_bytes'])} of "
        "checkpoints while runs train",
    ]
    console.print("\n".join(lines), highlight=False, soft_wrap=True)
    for (model, reason), count in Counter((run.run.model, run.reason) for run in suite.runs if run.reason).items():
        runs = f"{plural(count, 'run')} of {model}"
        console.print(marked("not estimated", "yellow", f": {runs}: {reason}"), highlight=False, soft_wrap=True)


def _table(runs: Sequence[RunEstimate], total: dict[str, Any]) -> Table:
    alike: dict[tuple[str, str], list[RunEstimate]] = {}
    for run in sorted(runs, key=lambda run: list(STAGES).index(run.run.stage)):
        alike.setdefault((f"{_stage(run.run)} {run.run.data_name}", run.run.model), []).append(run)
    rows = ((group, model, _figures(of_model)) for (group, model), of_model in alike.items())
    table = grouped_table("", ("runs", "per run", "total", "FLOPs", "memory", "disk"), rows)
    sums = (duration(round(total["worker_seconds"])), f"{total['training_flops']:.2g}")
    table.add_row(
        "total", str(total["runs"]), "", *sums, byte_size(total["memory_bytes"]), byte_size(total["disk_bytes"])
    )
    return table


def _stage(run: Run) -> str:
    return STAGES[run.stage] if run.probe is None else run.probe.name


def _figures(runs: list[RunEstimate]) -> list[str]:
    """Return the table's figures for the runs of one stage, data and model."""
    timed = [run for run in runs if not run.reason]
    if not timed:
        return [str(len(runs)), *[ABSENT] * 5]
    memory = [run.memory_bytes for run in timed if run.memory_bytes is not None]
    return [
        str(len(runs)),
        duration(round(fmean(run.seconds for run in timed), 1)),
        duration(round(sum(run.seconds for run in timed), 1)),
        f"{fmean(run.training_flops for run in timed):.2g}",
        byte_size(max(memory, default=None)),
        byte_size(fmean(run.disk_bytes for run in timed)),
    ]


def _run_as_json(estimate: RunEstimate) -> dict[str, Any]:
    run = estimate.run
    named = {"key": run.key, "stage": run.stage, "model": run.model, "data": run.data_name, "seed": run.seed}
    return named | {name: value for name, value in vars(estimate).items() if name != "run"}
