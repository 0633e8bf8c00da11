"""Two stores compared: the accuracies of each model on each data, seed by seed.

Runs are paired by all that their results depend on, which is their key. What is not `ok` on both sides is left out of
the means and listed; nothing is taken for a result that is none. Imports no torch.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Column, Table

from bench.analysis.format import finite_or_none, first_few, points
from bench.analysis.speed_changes import AccuracyChange, accuracy_change
from bench.cli.compare.conditions import differences, refuse
from bench.cli.compare.stores import Attempt, Side, read_side, row_key
from bench.cli.plan import describe
from bench.errors import InputError
from bench.plan.run import Run

Pair = tuple[Attempt, Attempt]


@dataclass(frozen=True)
class Row:
    """What runs have in common that differ in their seed, or draw, alone."""

    model: str
    pretrained_on: str
    transfer: str
    data: str

    @property
    def place(self) -> str:
        """What its model was trained and tested on."""
        return f"{self.pretrained_on}, {self.transfer} on {self.data}"


@dataclass(frozen=True)
class RowChange:
    """What became of a row's accuracy."""

    row: Row
    change: AccuracyChange
    num_runs: int
    """That both sides ask for, whatever became of them."""
    num_equal: int
    """Of these, the runs whose metrics are the same on both sides, bit for bit."""

    @property
    def name(self) -> str:
        """The row, in a few words."""
        return f"{self.row.model}, {self.row.place}"

    @property
    def is_known(self) -> bool:
        """Whether there is an interval."""
        return self.change.is_known

    def is_worse_by(self, limit: float) -> bool:
        """Whether so much accuracy was lost, with certainty."""
        return self.change.is_worse_by(limit)

    def as_dict(self) -> dict[str, Any]:
        """JSON values; accuracies are shares of 1."""
        found = self.change.difference
        numbers = {"difference": found.mean, "low": found.low, "high": found.high}
        counts = {"seeds": found.n, "runs": self.num_runs, "equal_runs": self.num_equal}
        return vars(self.row) | finite_or_none(numbers) | counts | {"reason": self.change.reason}


@dataclass(frozen=True)
class NotOk:
    """A run of both sides that one of them has no result of."""

    side: str
    key: str
    run: str
    status: str
    reason: str


@dataclass(frozen=True)
class AccuracyComparison:
    """Two stores compared."""

    old: str
    new: str
    forced: tuple[str, ...]
    """Conditions that differ, in spite of which it was compared."""
    warnings: tuple[str, ...]
    changes: tuple[RowChange, ...]
    num_runs: int
    """That both sides ask for, pretraining included."""
    num_equal: int
    not_ok: tuple[NotOk, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "kind": "accuracy",
            **{name: getattr(self, name) for name in ("old", "new", "forced", "warnings")},
            "rows": [change.as_dict() for change in self.changes],
            "runs": self.num_runs,
            "equal_runs": self.num_equal,
            "not_ok": [asdict(one) for one in self.not_ok],
            "only_old": self.only_old,
            "only_new": self.only_new,
        }

    def tables(self) -> Iterator[RenderableType]:
        """A row for each model, below what it was trained and tested on."""
        numbers = (Column(heading, justify="right") for heading in ("seeds", "NEW - OLD, points", "equal runs"))
        table = Table(Column("model", overflow="fold"), *numbers, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        places: dict[str, list[RowChange]] = {}
        for change in self.changes:
            places.setdefault(change.row.place, []).append(change)
        for place, changes in places.items():
            table.add_row(f"[bold]{escape(place)}[/]")
            for one in changes:
                figures = (str(one.change.difference.n), _points(one.change), f"{one.num_equal} of {one.num_runs}")
                table.add_row(f"  {escape(one.row.model)}", *figures)
            table.add_section()
        yield table

    def lines(self) -> Iterator[str]:
        """What is said beside the table."""
        yield f"runs of both: {self.num_runs}, of which {self.num_equal} have the same metrics, bit for bit"
        alike: dict[tuple[str, str, str], list[str]] = {}
        for one in self.not_ok:
            alike.setdefault((one.side, one.status, one.reason), []).append(one.run)
        for (side, status, reason), runs in alike.items():
            yield f"[yellow]{status}[/] in {side}, {escape(reason)}: {escape(first_few(runs))}"
        for side, only in (("OLD", self.only_old), ("NEW", self.only_new)):
            if only:
                yield f"only in {side}: {escape(first_few(only))}"


def compare_stores(old: Path, new: Path, *, force: bool) -> AccuracyComparison:
    """Compare two stores.

    Raises:
        InputError: no stores, no run in common, or of another machine, precision or protocol, unless forced.
    """
    before, after = read_side(old), read_side(new)
    found = differences(before.conditions, after.conditions)
    refuse(found, force=force)
    pairs = [(one, after.attempts[key]) for key, one in before.attempts.items() if key in after.attempts]
    if not pairs:
        raise InputError(f"{old} and {new} have no run in common, so there is nothing to compare")
    return AccuracyComparison(
        old=str(old),
        new=str(new),
        forced=found,
        warnings=differences(before.software, after.software),
        changes=tuple(_changes(pairs)),
        num_runs=len(pairs),
        num_equal=sum(map(_is_equal, pairs)),
        not_ok=tuple(_not_ok(pairs)),
        only_old=_only(before, after),
        only_new=_only(after, before),
    )


def _changes(pairs: Iterable[Pair]) -> Iterator[RowChange]:
    """What became of each row; those that are alike but for their budget are told apart by it."""
    rows: dict[str, list[Pair]] = {}
    for pair in pairs:
        if pair[0].run.stage != "pretrain":
            rows.setdefault(row_key(pair[0].run), []).append(pair)
    named = Counter(_row(ones[0][0].run) for ones in rows.values())
    for ones in rows.values():
        run = ones[0][0].run
        row = _row(run, with_budget=named[_row(run)] > 1)
        finished = [pair for pair in ones if pair[0].is_ok and pair[1].is_ok]
        change = accuracy_change(*(_by_seed(pair[side] for pair in finished) for side in (0, 1)))
        yield RowChange(row, change, len(ones), sum(map(_is_equal, ones)))


def _row(run: Run, *, with_budget: bool = False) -> Row:
    """A row in words."""
    if run.pretraining is not None:
        on = run.pretraining.data_name + (f" ({run.pretraining.budget})" if with_budget else "")
    else:
        on = run.external.corpus if run.external else "from scratch"
    if run.probe is None:
        return Row(run.model, on, "fine-tune" if run.pretraining or run.external else "training", run.data_name)
    shots = run.probe.shots
    return Row(run.model, on, "linear probe" if shots is None else f"{shots}-shot probe", run.data_name)


def _by_seed(attempts: Iterable[Attempt]) -> dict[int, float]:
    """The accuracy of each seed, draws averaged: they share their pretraining."""
    draws: dict[int, list[float]] = {}
    for one in attempts:
        draws.setdefault(one.run.seed, []).append(one.record["metrics"]["test_accuracy"])
    return {seed: fmean(values) for seed, values in draws.items()}


def _is_equal(pair: Pair) -> bool:
    old, new = pair
    return old.is_ok and new.is_ok and old.record["metrics"] == new.record["metrics"]


def _not_ok(pairs: Iterable[Pair]) -> Iterator[NotOk]:
    for pair in pairs:
        for side, one in zip(("OLD", "NEW"), pair, strict=True):
            if not one.is_ok:
                yield NotOk(side, one.run.key, describe(one.run), one.record["status"], one.record["reason"])


def _only(side: Side, other: Side) -> tuple[str, ...]:
    return tuple(describe(one.run) for key, one in side.attempts.items() if key not in other.attempts)


def _points(change: AccuracyChange) -> str:
    """A difference with its interval, or why there is none."""
    found = change.difference
    if found.is_known and found.low == found.high:
        return "no change"
    if change.is_known:
        return points(found.mean, found.low, found.high)
    return f"{points(found.mean)} ({change.reason})" if found.n else change.reason
