"""Show the progress of a suite while it runs: bars in a terminal, otherwise a plain line every ten seconds.

A terminal shows a bar for the suite, and below it a bar for each run under way, which is dimmed if another process
executes the run. In both cases, each run that ends leaves a line.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Column

from bench.analysis.format import duration, percent
from bench.cli.active_runs import ActiveRun, active_runs, figures, progress_text
from bench.cli.plan import describe
from bench.cli.terminal import marked
from bench.plan.run import Run
from bench.runner.pool.pool import Ended, Started, Tick
from bench.store.store import Store

COLOURS = {"ok": "green", "not_run": "yellow"}
PLAIN_EVERY = 10.0
"""The seconds between two plain lines, if there is no terminal."""
PRIOR_SECONDS = 10.0
"""The weight of the first estimate, in seconds of progress, so that the first moments change it only a little."""


class TimeLeft:
    """Estimates the time left of a suite: the estimate made before the start, scaled by the progress so far.

    The part of a run that was done in an earlier session does not count as progress of this session.
    """

    def __init__(self, costs: Mapping[str, float], num_workers: int) -> None:
        """Start with the estimated seconds of each run that has not ended, by key."""
        self.costs, self.num_workers = dict(costs), num_workers
        self.ended_seconds = 0.0
        self.first: dict[str, float] = {}
        self.shares: dict[str, float] = {}

    def advance(self, key: str, share: float) -> None:
        """Set the share of a run that is done, from 0 to 1."""
        self.first[key] = min(share, self.first.get(key, share))
        self.shares[key] = share

    def end(self, key: str) -> None:
        """Count a run as ended."""
        self.ended_seconds += self.costs.pop(key, 0.0) * (1 - self.first.pop(key, 0.0))
        self.shares.pop(key, None)

    def seconds(self, elapsed: float) -> float | None:
        """Return the seconds that are left after `elapsed` seconds; None without an estimate."""
        left = sum(cost * (1 - self.shares.get(key, 0.0)) for key, cost in self.costs.items())
        begun = sum(self.costs.get(key, 0.0) * (share - self.first[key]) for key, share in self.shares.items())
        pace = (self.ended_seconds + begun + PRIOR_SECONDS * self.num_workers) / (elapsed + PRIOR_SECONDS)
        return left / pace if left else None


class SuiteProgress:
    """Shows the events of the workers and the progress files of the runs; a context manager."""

    def __init__(
        self,
        console: Console,
        store: Store,
        runs: Sequence[Run],
        seconds: Mapping[str, float],
        num_workers: int,
        clock: Callable[[], float] = time.monotonic,
        name: Callable[[Run], str] = describe,
    ) -> None:
        """Start with the runs to execute, and their estimated seconds by key."""
        self.console, self.store, self.clock, self.name = console, store, clock, name
        self.runs = {run.key: run for run in runs}
        self.total, self.ended = len(runs), 0
        self.ours: set[str] = set()
        """The keys of the runs that workers of this process execute."""
        self.time_left = TimeLeft({run.key: seconds.get(run.key, 0.0) for run in runs}, num_workers)
        self.start = self.last_plain = clock()
        texts = (TextColumn(f"{{task.fields[{name}]}}", justify="right") for name in ("rate", "loss", "left"))
        self.bars = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True, ratio=1)),
            BarColumn(bar_width=10),
            TaskProgressColumn(),
            *texts,
            console=console,
            auto_refresh=False,
            transient=True,
            expand=True,
            disable=not console.is_terminal,
        )
        self.suite_bar = self.bars.add_task("runs", total=self.total, rate="", loss="", left="")
        self.run_bars: dict[str, TaskID] = {}

    def __enter__(self) -> "SuiteProgress":
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def show(self, event: Started | Ended | Tick) -> None:
        """Update the progress by an event, and show it."""
        if isinstance(event, Started):
            self.ours.add(event.run.key)
        if isinstance(event, Ended):
            self._end(event)
        if self.console.is_terminal:
            self._draw(self._active())
        elif self.clock() - self.last_plain >= PLAIN_EVERY:
            self.last_plain = self.clock()
            runs = " | ".join(f"{self.name(active.run)}: {progress_text(active.latest)}" for active in self._active())
            line = f"{'running':<8} {self.ended:>4}/{self.total}  {runs or 'no run under way'}  {self._left()}"
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _end(self, event: Ended) -> None:
        """Print the line of a run that has ended."""
        key, record = event.run.key, event.record
        self.ours.discard(key)
        self.runs.pop(key, None)
        self.time_left.end(key)
        self.ended += 1
        colour = COLOURS.get(record["status"], "red")
        result = record["reason"] or _accuracy(record["metrics"])
        seconds = record["cost"].get("total_seconds")
        took = f"  {duration(round(seconds))}" if seconds is not None else ""
        left = "" if self.console.is_terminal else f"  {self._left()}"
        where = f"{self.ended:>4}/{self.total}"
        self.console.print(
            marked(f"{record['status']:<8}", colour, f" {where}  {self.name(event.run)}  {result}{took}{left}"),
            highlight=False,
            soft_wrap=True,
        )

    def _active(self) -> list[ActiveRun]:
        """Return the runs under way in this process and in others, and update the time left."""
        active = [run for run in active_runs(self.store, self.runs) if run.run.key in self.ours or run.is_held]
        for run in active:
            if run.latest is not None and (run.latest.progress is not None or run.latest.phase == "evaluating"):
                self.time_left.advance(run.run.key, run.share_done)
        return active

    def _draw(self, active: list[ActiveRun]) -> None:
        keys = {run.run.key for run in active}
        for key in self.run_bars.keys() - keys:
            self.bars.remove_task(self.run_bars.pop(key))
        for run in active:
            key = run.run.key
            name = escape(self.name(run.run))
            rate, loss, left = figures(run.latest)
            if key not in self.run_bars:
                self.run_bars[key] = self.bars.add_task("", total=1.0, rate="", loss="", left="")
            self.bars.update(
                self.run_bars[key],
                description=name if key in self.ours else f"[dim]{name}[/]",
                completed=run.share_done,
                rate=rate,
                loss=loss,
                left=left,
            )
        done = self.ended + sum(run.share_done for run in active)
        elapsed = duration(round(self.clock() - self.start))
        self.bars.update(
            self.suite_bar, completed=done, rate=f"{self.ended}/{self.total}", loss=elapsed, left=self._left()
        )
        self.bars.refresh()

    def _left(self) -> str:
        seconds = self.time_left.seconds(self.clock() - self.start)
        return "" if seconds is None else f"about {duration(round(seconds))} left"


def _accuracy(metrics: dict[str, float | None]) -> str:
    """Return the test accuracy as a text, or the validation accuracy if the run has no test images."""
    for split in ("test", "validation"):
        accuracy = metrics.get(f"{split}_accuracy")
        if accuracy is not None:
            return f"{split} accuracy {percent(accuracy)}"
    return ""
