"""`bench compare --rerun COMMIT`: the speed of a commit and of the working tree, both measured now, in turns.

Measured are a suite's models in inference and training, as its runs are. Imports no torch.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from statistics import median
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Column, Table

from bench.analysis.speed_changes import ratio_over_restarts
from bench.analysis.speed_columns import OURS
from bench.analysis.stats.ratios import UNKNOWN, Ratio
from bench.cli.compare.trees import Tree, checked_out, find_commit, working_tree
from bench.cli.compare.turns import Measured, Order, take_turns, workers
from bench.cli.compare.words import known, slower
from bench.config.suite import Suite, load_suite
from bench.errors import InputError
from bench.speed.suite_setting import setting_of_runs, without_weights
from models.spec.model_spec import parse_spec

Device = Literal["cpu", "cuda"]

TASKS = ("inference", "training")
_FIELD = re.compile(r"(?:^|,)(model|task)=")


@dataclass(frozen=True)
class RerunChange:
    """What became of the time that a model takes for a task."""

    order: Order
    measured: Measured
    time: Ratio
    """How many times OLD's time NEW takes: above 1 it is slower."""

    @property
    def name(self) -> str:
        """In a few words."""
        setting = self.order.setting
        return f"{setting['model']}, {setting['task']}, batch {setting['batch_size']}, {setting['precision']}"

    @property
    def is_known(self) -> bool:
        """Whether there is an interval."""
        return self.time.is_known

    def is_worse_by(self, limit: float) -> bool:
        """Whether it takes so much longer, with certainty; `limit` is a share, 0.05 being 5 %."""
        return self.time.low > 1 + limit

    @property
    def step_ms(self) -> list[float]:
        """Milliseconds a step in OLD and NEW, medians over all turns; empty where nothing was measured."""
        sides = ([one.old for one in self.measured.restarts], [one.new for one in self.measured.restarts])
        return [1000 * median(chain.from_iterable(turns)) for turns in sides if turns]

    def as_dict(self) -> dict[str, Any]:
        """JSON values; `time` is a ratio, 1.05 being 5 % slower."""
        numbers = known({"time": self.time.ratio, "low": self.time.low, "high": self.time.high})
        found = self.measured
        counts = {"restarts": len(found.restarts), "turns_a_restart": found.turns, "steps_a_turn": found.steps}
        return {**self.order.setting, **numbers, **counts, "step_ms": self.step_ms, "reason": found.problem}


@dataclass(frozen=True)
class RerunComparison:
    """A commit and the working tree compared."""

    old: str
    new: str
    device: Device
    threads: int
    warnings: tuple[str, ...]
    changes: tuple[RerunChange, ...]
    forced: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        names = ("old", "new", "forced", "warnings", "device", "threads")
        rows = [change.as_dict() for change in self.changes]
        return {"kind": "rerun", **{name: getattr(self, name) for name in names}, "rows": rows}

    def tables(self) -> Iterator[RenderableType]:
        """A row for each model and task."""
        numbers = (Column(heading, justify="right") for heading in ("OLD, ms", "NEW, ms", "time, NEW over OLD"))
        table = Table(Column("a step of", overflow="fold"), *numbers, box=SIMPLE_HEAD)
        for change in self.changes:
            if times := [f"{value:.3g}" for value in change.step_ms]:
                table.add_row(escape(change.name), *times, slower(change.time, change.measured.problem))
        yield table

    def lines(self) -> Iterator[str]:
        """What is said beside the table."""
        for change in self.changes:
            if problem := change.measured.problem:
                yield f"[yellow]not measured[/]: {escape(change.name)}: {escape(problem)}"


def rerun(commit: str, suite: str, device: Device, only: str | None, progress: Console) -> RerunComparison:
    """Measure a suite's models in a commit and in the working tree.

    Args:
        commit: any revision that git knows.
        suite: a shipped suite's name, or a path to one.
        device: where it is measured.
        only: `model=…,task=…`, or None for all.
        progress: where it is told how far it is.

    Raises:
        InputError: no checkout, no such commit, one older than what measures, or nothing to measure.
    """
    orders = orders_of(load_suite(suite)[1], device, only)
    new, wanted = working_tree(), find_commit(commit)
    changes = []
    with checked_out(wanted) as old, workers(old, new, orders[0].threads) as pair:
        for order in orders:
            measured = take_turns(pair, order)
            time = ratio_over_restarts(measured.restarts) if not measured.problem else UNKNOWN
            changes.append(RerunChange(order, measured, time))
            progress.print(f"{escape(changes[-1].name)}: {slower(time, measured.problem)}", highlight=False)
    return RerunComparison(old.commit, new.commit, device, orders[0].threads, _warnings(old, new), tuple(changes))


def orders_of(suite: Suite, device: Device, only: str | None) -> list[Order]:
    """What is measured of a suite.

    Raises:
        InputError: `only` is not understood, or leaves nothing.
    """
    bare = without_weights(suite.models)
    wanted = _conditions(only) if only else {}
    setting = {"implementation": OURS} | asdict(setting_of_runs(suite, device))
    each = [{"model": model, "task": task} for model in bare for task in TASKS]
    chosen = [one for one in each if wanted.items() <= one.items()]
    if not chosen:
        raise InputError(f"--only {only}: not of the suite; models: {', '.join(bare)}; tasks: {', '.join(TASKS)}")
    return [Order(one | setting, device, suite.threads) for one in chosen]


def _warnings(old: Tree, new: Tree) -> tuple[str, ...]:
    """What is different beside the commits."""
    packages = ["packages: OLD pins others, and has an environment of its own"] if old.has_own_packages else []
    return (*packages, *(["sources: NEW has changes that are in no commit"] if new.commit.endswith("+") else []))


def _conditions(text: str) -> dict[str, str]:
    parts = _FIELD.split(text)
    if parts[0] or len(parts) < 3:
        raise InputError(f"--only {text}: not understood; allowed: model=…, task=… or both, with a comma between")
    wanted = {name: value.strip("\"'") for name, value in zip(parts[1::2], parts[2::2], strict=True)}
    return wanted | ({"model": str(parse_spec(wanted["model"]))} if "model" in wanted else {})
