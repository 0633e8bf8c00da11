"""What a person sees while a suite runs: bars where there is a terminal, else a plain line now and then.

In a terminal, a bar for the suite with a line below it for each run under way, dimmed where another process does it.
Without one, a line each `PLAIN_EVERY` seconds with the runs under way. In both, a line as each run ends.
"""

import time
from collections.abc import Callable, Mapping
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Column, Table

from bench.cli.active_runs import UnderWay, duration, figures, how_far, runs_under_way
from bench.cli.eta import TimeLeft
from bench.cli.plan import describe
from bench.plan.run import Run
from bench.runner.pool.pool import Ended, Started, Tick
from bench.store.store import Store

COLOURS = {"ok": "green", "not_run": "yellow"}

PLAIN_EVERY = 10.0
"""Seconds from one plain line to the next, where there is no terminal."""

SUITE_WIDTH, RUN_WIDTH, PADDING = 40, 10, (0, 1, 0, 0)
"""Of the bars, and between columns, in characters."""

Clock = Callable[[], float]


class SuiteProgress:
    """Shows what the workers' events and the runs' progress files tell, with the time left; a context manager."""

    def __init__(
        self,
        console: Console,
        store: Store,
        runs: tuple[Run, ...],
        seconds: Mapping[str, float],
        num_workers: int,
        clock: Clock = time.monotonic,
        name: Callable[[Run], str] = describe,
    ) -> None:
        self.name = name
        self.console = console
        self.store = store
        self.runs = {run.key: run for run in runs}
        self.total = len(runs)
        self.ended = 0
        self.ours: set[str] = set()
        """Keys of the runs that this process' workers are at."""
        costs = {run.key: seconds.get(run.key, 0.0) for run in runs}
        self.time_left = TimeLeft(costs, num_workers)
        self.clock = clock
        self.start = self.last_plain = clock()
        self.live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> "SuiteProgress":
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.live.stop()

    def show(self, event: Started | Ended | Tick) -> None:
        """Take note of an event, and show how far the runs are."""
        if isinstance(event, Started):
            self.ours.add(event.run.key)
        if isinstance(event, Ended):
            self._end(event)
        if self.console.is_terminal:
            self.live.update(self._bars(self._under_way()), refresh=True)
        elif self.clock() - self.last_plain >= PLAIN_EVERY:
            self.last_plain = self.clock()
            self._say_plainly(self._under_way())

    def _end(self, event: Ended) -> None:
        key = event.run.key
        self.ours.discard(key)
        self.runs.pop(key, None)
        self.time_left.end(key)
        self.ended += 1
        self._say(event)

    def _under_way(self) -> list[UnderWay]:
        """Ours, and those that another process holds."""
        found = [one for one in runs_under_way(self.store, self.runs) if one.run.key in self.ours or one.is_held]
        for one in found:
            if one.said is not None and (one.said.progress is not None or one.said.phase == "evaluating"):
                self.time_left.advance(one.run.key, one.share_done)
        return found

    def _say(self, event: Ended) -> None:
        record = event.record
        colour = COLOURS.get(record["status"], "red")
        figure = escape(record["reason"]) or _headline(record["metrics"])
        seconds = record["cost"].get("total_seconds")
        took = f"  {seconds:.0f} s" if seconds is not None else ""
        left = "" if self.console.is_terminal else f"  {self._left()}"
        self.console.print(
            f"[{colour}]{record['status']:<8}[/] {self.ended:>4}/{self.total}  {escape(self.name(event.run))}  "
            f"{figure}{took}{left}",
            highlight=False,
            soft_wrap=True,
        )

    def _say_plainly(self, under_way: list[UnderWay]) -> None:
        runs = " | ".join(f"{self.name(one.run)}: {how_far(one.said)}" for one in under_way) or "no run under way"
        line = f"{'running':<8} {self.ended:>4}/{self.total}  {runs}  {self._left()}"
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _bars(self, under_way: list[UnderWay]) -> Group:
        done = self.ended + sum(one.share_done for one in under_way)
        bar = ProgressBar(total=self.total, completed=done, width=SUITE_WIDTH)
        elapsed = duration(self.clock() - self.start)
        suite = Table.grid(padding=PADDING)
        suite.add_row("runs", bar, f"{self.ended}/{self.total}", elapsed, self._left())
        return Group(suite, self._rows(under_way))

    def _rows(self, under_way: list[UnderWay]) -> Table:
        """A line a run; a description takes what room the figures leave."""
        narrow = [Column(no_wrap=True, justify="right") for _ in range(5)]
        table = Table.grid(Column(no_wrap=True, ratio=1), *narrow, padding=PADDING, expand=True)
        for one in under_way:
            bar = ProgressBar(total=1.0, completed=one.share_done, width=RUN_WIDTH)
            style = "" if one.run.key in self.ours else "dim"
            table.add_row(escape(self.name(one.run)), bar, f"{one.share_done:.0%}", *figures(one.said), style=style)
        return table

    def _left(self) -> str:
        seconds = self.time_left.seconds(self.clock() - self.start)
        return "" if seconds is None else f"about {duration(seconds)} left"


def _headline(metrics: dict[str, float | None]) -> str:
    for split in ("test", "validation"):
        accuracy = metrics.get(f"{split}_accuracy")
        if accuracy is not None:
            return f"{split} accuracy {accuracy:.1%}"
    return ""
