"""`bench plan SUITE --estimate`: what a suite will take in time, FLOPs, memory and disk, by timing it for a moment."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from bench.cli.active_runs import duration
from bench.cli.plan import STAGES
from bench.cli.run import missing_targets
from bench.config.resolved import ResolvedSuite
from bench.plan.expand import Plan
from bench.plan.run import Run
from bench.runner.estimate.estimate import RunEstimate, estimates, hash_lists_bytes
from bench.runner.pool.pool import THOROUGH, Workers, default_workers
from bench.runner.pool.schedule import by_priority, most_at_once, seconds_in_all


@dataclass(frozen=True)
class SuiteEstimate:
    """What each run of a plan will take, and all of them."""

    suite: str
    device: str
    num_workers: int
    runs: tuple[RunEstimate, ...]
    preparation_seconds: float
    """to start the workers and to time the models, as long as it took here; `bench run` does it, too, more briefly"""
    runs_seconds: float
    """from the start of the first run to the end of the last"""
    hash_lists_bytes: int

    @property
    def wall_seconds(self) -> float:
        """Of `bench run`, its tables aside."""
        return self.preparation_seconds + self.runs_seconds

    def totals(self) -> dict[str, Any]:
        """Sums over the runs; memory and checkpoints are those of as many of the largest runs as there are workers."""
        memory = [one.memory_bytes for one in self.runs if one.memory_bytes is not None]
        return {
            "runs": len(self.runs),
            "wall_seconds": self.wall_seconds,
            "preparation_seconds": self.preparation_seconds,
            "worker_seconds": sum(one.seconds for one in self.runs),
            "training_flops": sum(one.flops for one in self.runs),
            "memory_bytes": self.num_workers * max(memory) if memory else None,
            "disk_bytes": sum(one.disk_bytes for one in self.runs) + self.hash_lists_bytes,
            "checkpoints_bytes": self.num_workers * max((one.checkpoint_bytes for one in self.runs), default=0),
        }

    def as_json(self) -> dict[str, Any]:
        """JSON values: a row a run, and the totals."""
        head = {"suite": self.suite, "device": self.device, "workers": self.num_workers}
        return head | {"runs": [_run_as_json(one) for one in self.runs], "total": self.totals()}


def estimate_suite(suite: ResolvedSuite, plan: Plan, data_dir: Path, num_workers: int | None = None) -> SuiteEstimate:
    """Time a plan's models and data in as many workers as will be busy, and add up; writes nothing that stays."""
    missing = missing_targets(plan, data_dir)
    runs = [run for run in plan.runs if str(run.target) not in missing]
    count = max(1, min(num_workers or default_workers(suite.device), most_at_once(runs)))
    start = time.perf_counter()
    with Workers(count, threads=suite.threads) as workers:
        timed = workers.time_models(runs, data_dir, THOROUGH)
    preparation = time.perf_counter() - start
    found = {one.run.key: one for one in estimates(runs, timed)}
    seconds = {key: one.seconds for key, one in found.items()}
    order = [run for run in by_priority(plan, timed.timings) if run.key in seconds]
    return SuiteEstimate(
        suite.name,
        suite.device,
        count,
        tuple(found.get(run.key) or RunEstimate(run, reason=missing[str(run.target)]) for run in plan.runs),
        preparation,
        seconds_in_all(order, seconds, count),
        hash_lists_bytes(runs, timed.timings),
    )


def show_estimate(console: Console, found: SuiteEstimate) -> None:
    """Print a row for each stage, data and model, the total, and what could not be estimated."""
    console.print(_table(found))
    total = found.totals()
    workers = f"{found.num_workers} worker{'s' if found.num_workers > 1 else ''}"
    lines = [
        f"about {duration(total['wall_seconds'])} with {workers} on {found.device}, of which "
        f"{duration(found.preparation_seconds)} to start them and to time the models; "
        f"{duration(total['worker_seconds'])} of a worker",
        f"memory {_of_what(found)}",
        f"disk: {_bytes(total['disk_bytes'])} of results ({_bytes(found.hash_lists_bytes)} of them hashes of images), "
        f"and up to {_bytes(total['checkpoints_bytes'])} for checkpoints of runs under way",
    ]
    console.print("\n".join(lines), highlight=False, soft_wrap=True)
    for (model, reason), count in _left_out(found.runs).items():
        what = f"{count} run{'s' if count > 1 else ''} of {escape(model)}"
        console.print(f"[yellow]not estimated[/]: {what}: {escape(reason)}", highlight=False, soft_wrap=True)


def _table(found: SuiteEstimate) -> Table:
    numbers = (Column(heading, justify="right") for heading in ("runs", "a run", "in all", "FLOPs", "memory", "disk"))
    table = Table(Column("", overflow="fold"), *numbers, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, models in _groups(found.runs).items():
        table.add_row(f"[bold]{place}[/]")
        for model, ones in models.items():
            table.add_row(f"  {escape(model)}", *_figures(ones))
        table.add_section()
    total = found.totals()
    sums = (duration(total["worker_seconds"]), f"{total['training_flops']:.2g}")
    table.add_row("in all", str(total["runs"]), "", *sums, _bytes(total["memory_bytes"]), _bytes(total["disk_bytes"]))
    return table


def _groups(runs: Iterable[RunEstimate]) -> dict[str, dict[str, list[RunEstimate]]]:
    """By stage and data, and by model, in the order of stages and of the plan."""
    stages = list(STAGES)
    groups: dict[str, dict[str, list[RunEstimate]]] = {}
    for one in sorted(runs, key=lambda one: stages.index(one.run.stage)):
        place = groups.setdefault(f"{_stage(one.run)} {one.run.data_name}", {})
        place.setdefault(one.run.model, []).append(one)
    return groups


def _stage(run: Run) -> str:
    if run.probe is None:
        return STAGES[run.stage]
    return "linear probe" if run.probe.shots is None else f"{run.probe.shots}-shot probe"


def _figures(ones: list[RunEstimate]) -> list[str]:
    """Of runs that differ in little but their seeds: their number, what one takes, and what all take."""
    timed = [one for one in ones if not one.reason]
    if not timed:
        return [str(len(ones)), *["-"] * 5]
    memory = [one.memory_bytes for one in timed if one.memory_bytes is not None]
    return [
        str(len(ones)),
        _duration(_mean(timed, lambda one: one.seconds)),
        _duration(sum(one.seconds for one in timed)),
        f"{_mean(timed, lambda one: one.flops):.2g}",
        _bytes(max(memory, default=None)),
        _bytes(_mean(timed, lambda one: one.disk_bytes)),
    ]


def _of_what(found: SuiteEstimate) -> str:
    """What the column of memory is, and what all workers take."""
    total = _bytes(found.totals()["memory_bytes"])
    if found.device == "cuda":
        return f"is the most that torch allocates on the GPU; {total} in all"
    return f"is the most that a run's process holds, shared libraries included; {total} in all workers"


def _left_out(runs: Iterable[RunEstimate]) -> dict[tuple[str, str], int]:
    """How many runs of a model there is no estimate for, by model and reason."""
    counts: dict[tuple[str, str], int] = {}
    for one in runs:
        if one.reason:
            counts[one.run.model, one.reason] = counts.get((one.run.model, one.reason), 0) + 1
    return counts


def _run_as_json(one: RunEstimate) -> dict[str, Any]:
    run = one.run
    return {
        "key": run.key,
        "stage": run.stage,
        "model": run.model,
        "data": run.data_name,
        "seed": run.seed,
        "seconds": one.seconds,
        "images": one.images,
        "training_flops": one.flops,
        "memory_bytes": one.memory_bytes,
        "disk_bytes": one.disk_bytes,
        "checkpoint_bytes": one.checkpoint_bytes,
        "reason": one.reason,
    }


def _mean(ones: list[RunEstimate], of: Callable[[RunEstimate], float]) -> float:
    return sum(map(of, ones)) / len(ones)


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def _bytes(number: float | None) -> str:
    """Such as `1.2 MB`; powers of ten."""
    if number is None:
        return "-"
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"
