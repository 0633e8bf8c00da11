"""Compare the accuracies of two stores: each model on each data set, seed by seed. Imports no torch.

Runs are paired if their results depend on the same settings. A run that is not `ok` on both sides is listed, and its
seed is left out of the means.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table
from rich.text import Text

from bench.analysis.format import finite_or_none, first_few, points
from bench.analysis.seeds import SEED_COLUMNS, read_seeds
from bench.analysis.speed_changes import AccuracyChange, accuracy_change
from bench.cli.compare.comparison import SIDES, Comparison, differences, only_lines, refuse
from bench.cli.compare.stores import Attempt, ComparedStore, read_store, row_key
from bench.cli.grouped_table import grouped_table
from bench.cli.plan import describe
from bench.cli.terminal import marked
from bench.errors import InputError
from bench.plan.run import Run

Pair = tuple[Attempt, Attempt]


@dataclass(frozen=True)
class AccuracyRow:
    """The properties of runs that differ only in their seed or draw."""

    model: str
    pretrained_on: str
    transfer: str
    data: str

    @property
    def setting(self) -> str:
        """Return a text about the training and the data of the model."""
        return f"{self.pretrained_on}, {self.transfer} on {self.data}"


@dataclass(frozen=True)
class AccuracyRowChange:
    """The change of a row's accuracy."""

    row: AccuracyRow
    change: AccuracyChange
    num_runs: int
    """The number of runs that both sides ask for."""
    num_equal: int
    """The number of these runs whose metrics are the same on both sides, bit for bit."""

    def as_json(self) -> dict[str, Any]:
        """Return JSON values; differences of accuracy are shares, not points."""
        difference = self.change.difference
        numbers = {"difference": difference.mean, "low": difference.low, "high": difference.high}
        counts = {"seeds": difference.n, "runs": self.num_runs, "equal_runs": self.num_equal}
        return vars(self.row) | finite_or_none(numbers) | counts | {"reason": self.change.reason}


def compare_stores(old: Path, new: Path, *, force: bool) -> Comparison:
    """Compare two stores.

    Raises:
        InputError: a path is not a store, the stores have no run in common, or their conditions differ and `force` is
            false.
    """
    before, after = read_store(old), read_store(new)
    differing = differences(before.conditions, after.conditions)
    refuse(differing, force=force)
    pairs = [(attempt, after.attempts[key]) for key, attempt in before.attempts.items() if key in after.attempts]
    if not pairs:
        raise InputError(f"{old} and {new} have no run in common, so there is nothing to compare")
    changes, not_ok, num_equal = tuple(_changes(pairs)), list(_not_ok(pairs)), sum(map(_is_equal, pairs))
    only_old, only_new = _only(before, after), _only(after, before)
    equal = f"runs of both: {len(pairs)}, of which {num_equal} have the same metrics, bit for bit"
    return Comparison(
        old=str(old),
        new=str(new),
        forced=differing,
        warnings=differences(before.software, after.software),
        changes=tuple((f"{row.row.model}, {row.row.setting}", row.change) for row in changes),
        table=_table(changes),
        lines=(equal, *_not_ok_lines(not_ok), *only_lines(only_old, only_new)),
        facts={
            "kind": "accuracy",
            "rows": [change.as_json() for change in changes],
            "runs": len(pairs),
            "equal_runs": num_equal,
            "not_ok": not_ok,
            "only_old": only_old,
            "only_new": only_new,
        },
    )


def _changes(pairs: Iterable[Pair]) -> Iterator[AccuracyRowChange]:
    """Yield the change of each row; the name contains the pretraining's budget if rows differ only in that."""
    rows: dict[str, list[Pair]] = {}
    for pair in pairs:
        if pair[0].run.stage != "pretrain":
            rows.setdefault(row_key(pair[0].run), []).append(pair)
    named = Counter(_row(of_row[0][0].run) for of_row in rows.values())
    for of_row in rows.values():
        run = of_row[0][0].run
        row = _row(run, with_budget=named[_row(run)] > 1)
        old, new = (_by_seed([pair[side] for pair in of_row]) for side in (0, 1))
        seeds = sorted(old.keys() & new.keys())
        change = accuracy_change(*({seed: of_side[seed] for seed in seeds} for of_side in (old, new)))
        yield AccuracyRowChange(row, change, len(of_row), sum(map(_is_equal, of_row)))


def _row(run: Run, *, with_budget: bool = False) -> AccuracyRow:
    if run.pretraining is not None:
        on = run.pretraining.data_name + (f" ({run.pretraining.budget})" if with_budget else "")
    else:
        on = run.external.corpus if run.external else "from scratch"
    if run.probe is not None:
        transfer = run.probe.name
    else:
        transfer = "fine-tune" if run.pretraining or run.external else "training"
    return AccuracyRow(run.model, on, transfer, run.data_name)


def _by_seed(attempts: Iterable[Attempt]) -> dict[int, float]:
    """Return the accuracy of each seed all of whose draws ended ok, by the same rule as in reports."""
    cells = pd.DataFrame(
        dict.fromkeys(SEED_COLUMNS, "")
        | {
            "model": run.model,
            "target": run.data_name,
            "seed": run.seed,
            "draw": run.probe.draw if run.probe else None,
            "status": attempt.record["status"],
            "accuracy": attempt.record["metrics"]["test_accuracy"] if attempt.is_ok else math.nan,
        }
        for attempt in attempts
        for run in (attempt.run,)
    )
    return read_seeds(cells, sorted(set(cells["seed"]))).accuracy


def _is_equal(pair: Pair) -> bool:
    old, new = pair
    return old.is_ok and new.is_ok and old.record["metrics"] == new.record["metrics"]


def _not_ok(pairs: Iterable[Pair]) -> Iterator[dict[str, str]]:
    """Yield an entry for each side of a pair on which the run is not `ok`."""
    for side, attempt in ((side, attempt) for pair in pairs for side, attempt in zip(SIDES, pair, strict=True)):
        if not attempt.is_ok:
            run, record = attempt.run, attempt.record
            reason = {"status": record["status"], "reason": record["reason"]}
            yield {"side": side, "key": run.key, "run": describe(run)} | reason


def _not_ok_lines(runs: Iterable[dict[str, str]]) -> Iterator[Text]:
    alike: dict[tuple[str, str, str], list[str]] = {}
    for run in runs:
        alike.setdefault((run["side"], run["status"], run["reason"]), []).append(run["run"])
    for (side, status, reason), names in alike.items():
        yield marked(status, "yellow", f" in {side}, {reason}: {first_few(names)}")


def _only(store: ComparedStore, other: ComparedStore) -> list[str]:
    return [describe(attempt.run) for key, attempt in store.attempts.items() if key not in other.attempts]


def _table(changes: Iterable[AccuracyRowChange]) -> Table:
    """Return a table with one row per model, grouped by training and data."""
    rows = ((change.row.setting, change.row.model, _figures(change)) for change in changes)
    return grouped_table("model", ("seeds", "NEW - OLD, points", "equal runs"), rows)


def _figures(row: AccuracyRowChange) -> list[str]:
    return [str(row.change.difference.n), _points(row.change), f"{row.num_equal} of {row.num_runs}"]


def _points(change: AccuracyChange) -> str:
    """Return a difference with its interval as a text, or the reason why there is none."""
    difference = change.difference
    if difference.is_known and difference.low == difference.high:
        return "no change"
    if change.is_known:
        return points(difference.mean, difference.low, difference.high)
    return f"{points(difference.mean)} ({change.reason})" if difference.n else change.reason
