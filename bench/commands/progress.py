"""What a person sees while a suite runs: a bar where there is a terminal, else a plain line as each run ends."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench.commands.plan_text import describe
from bench.execute.workers import Ended, Started, estimated_seconds
from bench.plan import Run

COLOURS = {"ok": "green", "not_run": "yellow"}


class SuiteProgress:
    """Shows runs as they start and end, with the time left; a context manager."""

    def __init__(
        self, console: Console, runs: tuple[Run, ...], seconds_per_image: dict[str, float], num_workers: int
    ) -> None:
        self.console = console
        self.costs = {run.key: estimated_seconds(run, seconds_per_image) for run in runs}
        self.total = len(runs)
        self.workers = num_workers
        self.ended = 0
        self.running: dict[str, Run] = {}
        self.spent = 0.0
        self.start = time.monotonic()
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self.bar = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self.task = self.bar.add_task("runs", total=self.total, left="")

    def __enter__(self) -> "SuiteProgress":
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def show(self, event: Started | Ended) -> None:
        """Take note of an event."""
        if isinstance(event, Started):
            self.running[event.run.key] = event.run
        else:
            self.running.pop(event.run.key, None)
            self.ended += 1
            self.spent += self.costs.pop(event.run.key)
            self._say(event)
        self.bar.update(self.task, completed=self.ended, description=self._names(), left=self._time_left())

    def _say(self, event: Ended) -> None:
        record = event.record
        colour = COLOURS.get(record["status"], "red")
        figure = record["reason"] or _headline(record["metrics"])
        seconds = record["cost"].get("total_seconds")
        took = f"  {seconds:.0f} s" if seconds is not None else ""
        left = "" if self.console.is_terminal else f"  {self._time_left()}"
        self.console.print(
            f"[{colour}]{record['status']:<8}[/] {self.ended:>4}/{self.total}  {describe(event.run)}  "
            f"{figure}{took}{left}",
            highlight=False,
            soft_wrap=True,
        )

    def _names(self) -> str:
        return " · ".join(run.model for run in self.running.values())

    def _time_left(self) -> str:
        """From the estimate, scaled by how it did on what has ended."""
        if not self.costs or not self.spent:
            return ""
        elapsed = time.monotonic() - self.start
        seconds = sum(self.costs.values()) * elapsed / self.spent
        return f"about {duration(seconds)} left"


def duration(seconds: float) -> str:
    """Such as `40 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _headline(metrics: dict[str, float | None]) -> str:
    for split in ("test", "validation"):
        accuracy = metrics.get(f"{split}_accuracy")
        if accuracy is not None:
            return f"{split} accuracy {accuracy:.1%}"
    return ""
